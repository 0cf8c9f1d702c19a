"""Which arm to use: those that contain the best one, and the cheapest of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from nearfar.analysis.compare import Rules, paired_estimate
from nearfar.analysis.estimate import ALPHA, Estimate
from nearfar.analysis.results import RunResults, Series
from nearfar.analysis.testing import Testing
from nearfar.metrics import METRICS

ABOUT_AS_CHEAP = 1.25
"""Costs within this factor of the lowest count as equal: seconds are never quite the same."""


@dataclass(frozen=True)
class Recommendation:
    """What to use under one condition and target.

    ``best`` are the arms that contain the best one with 95%, lowest mean first; empty where nothing
    was tested. ``arm`` is the one to use, ``leader`` the one with the best mean. ``unbeaten`` are
    the controls that no arm is shown to be better than; a control itself is never recommended.
    """

    condition: str
    target: str
    arm: str
    leader: str
    best: tuple[str, ...]
    left_out: tuple[str, ...]
    unbeaten: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        fields = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}


def recommend(
    results: RunResults, series: Series, rules: Rules, costs: Mapping[str, float]
) -> Recommendation | None:
    """Recommend one arm by the primary metric; None where no arm but controls has a mean.

    An arm is left out of ``best`` if another one beats it with a one-sided p of 5% over the number
    of its rivals: multiple comparisons with the best (Hsu 1981, "Simultaneous confidence intervals
    for all distances from the best", Annals of Statistics 9), by Bonferroni's inequality. Of those
    whose mean lies within the margin of the best mean, the cheapest is recommended. ``costs`` are
    an arm's seconds a training.
    """
    sign = 1.0 if METRICS[series.metric].better == "lower" else -1.0
    measured = {arm: results.mean(arm, series) for arm in results.distinct}
    means = {arm: mean for arm, mean in measured.items() if mean is not None}
    controls = [a for a in means if results.is_control(a)]
    arms = sorted((a for a in means if a not in controls), key=lambda a: sign * means[a])
    if not arms:
        return None
    margin = rules.margin_at(series.metric, means[arms[0]])

    @cache
    def estimated(one: str, other: str) -> Estimate | None:
        return paired_estimate(results, one, other, series, rules)

    def surely_better(one: str, other: str, alpha: float) -> bool:
        estimate = estimated(one, other)
        return estimate is not None and _p_better(estimate, sign, rules.testing) <= alpha

    rivals = [*arms[1:], *controls]
    tested = not rivals or any(estimated(arms[0], rival) is not None for rival in rivals)
    level = ALPHA / max(len(arms) - 1, 1)
    beaten = [
        arm
        for k, arm in enumerate(arms)
        if any(surely_better(rival, arm, level) for rival in arms[:k])
    ]
    best = [arm for arm in arms if arm not in beaten]
    unbeaten = [
        control
        for control in controls
        if not any(surely_better(arm, control, ALPHA / len(arms)) for arm in arms)
    ]
    near = [a for a in best if abs(means[a] - means[arms[0]]) <= margin]
    cheap = [a for a in near if costs.get(a, 0.0) <= ABOUT_AS_CHEAP * _lowest(costs, near)]
    chosen = arms[0] if unbeaten or not tested else cheap[0]
    return Recommendation(
        series.condition,
        series.target,
        chosen,
        arms[0],
        tuple(best) if tested else (),
        tuple(beaten),
        tuple(unbeaten) if tested else (),
    )


def _lowest(costs: Mapping[str, float], arms: list[str]) -> float:
    return min(costs.get(arm, 0.0) for arm in arms)


def _p_better(estimate: Estimate, sign: float, testing: Testing) -> float:
    """One-sided p of a true difference (one - other) that is no improvement."""
    improves = sign * estimate.mean < 0
    half = testing.p(estimate) / 2
    return half if improves else 1 - half
