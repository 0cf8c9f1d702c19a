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
A_MOMENT = 1.0
"""Seconds a training under which costs are no matter: what is less counts as this."""


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
    for all distances from the best", Annals of Statistics 9), by Bonferroni's inequality. The rest
    is ranked on the seeds that all of it has. Of those whose mean lies within the margin of the
    best mean, the cheapest is recommended, of about equal costs the one with the best mean.
    ``costs`` are an arm's seconds a training.
    """
    sign = 1.0 if METRICS[series.metric].better == "lower" else -1.0
    there = [arm for arm in results.distinct if results.mean(arm, series) is not None]
    controls = [arm for arm in there if results.is_control(arm)]
    arms = [arm for arm in there if arm not in controls]
    if not arms:
        return None

    @cache
    def estimated(one: str, other: str) -> Estimate | None:
        return paired_estimate(results, one, other, series, rules)

    def surely_better(one: str, other: str, alpha: float) -> bool:
        estimate = estimated(one, other) if one != other else None
        return estimate is not None and _p_better(estimate, sign, rules.testing) <= alpha

    tested = len(there) == 1 or any(
        estimated(arm, rival) is not None for arm in arms for rival in there if rival != arm
    )
    level = ALPHA / max(len(arms) - 1, 1)
    beaten = [arm for arm in arms if any(surely_better(rival, arm, level) for rival in arms)]
    means = results.shared_means([arm for arm in arms if arm not in beaten] or arms, series)
    best = sorted(means, key=lambda arm: sign * means[arm])
    unbeaten = [
        control
        for control in controls
        if not any(surely_better(arm, control, ALPHA / len(arms)) for arm in arms)
    ]
    margin = rules.margin_at(series.metric, means[best[0]])
    near = [arm for arm in best if abs(means[arm] - means[best[0]]) <= margin]
    lowest = max(A_MOMENT, min(costs.get(arm, 0.0) for arm in near))
    cheap = [arm for arm in near if costs.get(arm, 0.0) <= ABOUT_AS_CHEAP * lowest]
    chosen = best[0] if unbeaten or not tested else cheap[0]
    return Recommendation(
        series.condition,
        series.target,
        chosen,
        best[0],
        tuple(best) if tested else (),
        tuple(arm for arm in arms if arm not in best),
        tuple(unbeaten) if tested else (),
    )


def _p_better(estimate: Estimate, sign: float, testing: Testing) -> float:
    """One-sided p of a true difference (one - other) that is no improvement."""
    improves = sign * estimate.mean < 0
    half = testing.p(estimate) / 2
    return half if improves else 1 - half
