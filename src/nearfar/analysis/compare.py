"""Every arm against its baseline: difference, interval, p, and one word."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearfar.analysis.results import TEST, RunResults, Series
from nearfar.analysis.statistics import (
    ALPHA,
    MIN_SEEDS,
    Estimate,
    Verdict,
    corrected_paired_t,
    decide,
    fixed_split_t,
    holm,
    reduction_percent,
)
from nearfar.metrics import METRICS
from nearfar.numbers import count, p_value, precise

RowDifferences = Callable[[str, str, str, str], NDArray[np.float64] | None]
"""(arm, against, condition, target) → per test row (n_test,), the arm's minus the baseline's row
score of the primary metric in the primary unit, mean over seeds; None where rows are not kept."""

MARGIN = 0.01
MANY_SEEDS = 1000


@dataclass(frozen=True)
class Rules:
    """How the study's splits were made, and what counts as no difference.

    ``rows`` counts the rows of each part; ``margin`` is in the primary metric's unit, None for
    1% of the baseline's mean.
    """

    resplit: bool
    rows: Mapping[str, int]
    margin: float | None
    row_differences: RowDifferences | None


@dataclass(frozen=True)
class Original:
    """A difference and its interval in the target's own unit."""

    unit: str
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """One arm against another, as ``summary.json`` has it; ``difference`` is arm - against.

    ``undecidable`` says that no number of seeds would decide, ``seeds_to_decide`` about how many
    would; both speak of undecided comparisons only.
    """

    arm: str
    against: str
    condition: str
    target: str
    metric: str
    unit: str
    split: str
    n: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    reduction_percent: float | None = None
    p: float | None = None
    p_holm: float | None = None
    verdict: Verdict = "withheld"
    reason: str = ""
    seeds_to_decide: int | None = None
    undecidable: bool = False
    original: Original | None = None


@dataclass(frozen=True)
class _Draft:
    """A comparison before the others are known; ``estimate`` is None where there is no test."""

    comparison: Comparison
    estimate: Estimate | None = None
    margin: float = 0.0


def pairs_of(
    results: RunResults, baseline: str, more: Iterable[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Return (arm, against) of every comparison: each arm with its baseline, then ``more``."""
    settings = results.settings
    pairs = [(arm, settings.get(arm, {}).get("against") or baseline) for arm in results.arms]
    return [pair for pair in dict.fromkeys([*pairs, *more]) if pair[0] != pair[1]]


def compare(
    results: RunResults,
    pairs: Sequence[tuple[str, str]],
    rules: Rules,
    over: Iterable[tuple[str, str, str]] = (),
) -> list[Comparison]:
    """Compare every pair in every condition and target that both were run in.

    ``over`` are (arm, against, pattern) of comparisons of means over several conditions. p-values,
    of difference and of equivalence, are each adjusted by Holm's method over all comparisons
    returned. Where the verdicts are on the mean over several targets, those of the targets by
    themselves are a second family, adjusted among themselves.
    """
    places = [(*pair, condition) for pair in pairs for condition in results.conditions]
    drafts = [
        _draft(results, arm, against, results.primary(condition, target), rules)
        for arm, against, condition in dict.fromkeys([*places, *over])
        for target in _common_targets(results, arm, against, condition)
    ]
    primary = [draft.comparison.target in results.primary_targets for draft in drafts]
    judged = {
        family: iter(
            _family([d for d, p in zip(drafts, primary, strict=True) if p is family], rules)
        )
        for family in (True, False)
    }
    return [next(judged[family]) for family in primary]


def _family(drafts: Sequence[_Draft], rules: Rules) -> list[Comparison]:
    """Judge drafts, their p-values adjusted among themselves."""
    tested = [draft for draft in drafts if draft.estimate is not None]
    differences = iter(holm([d.estimate.p_value() for d in tested if d.estimate]))
    equivalences = iter(holm([d.estimate.equivalence_p(d.margin) for d in tested if d.estimate]))
    return [
        draft.comparison
        if draft.estimate is None
        else _judged(
            draft, draft.estimate, next(differences), next(equivalences), len(tested), rules
        )
        for draft in drafts
    ]


def _common_targets(results: RunResults, arm: str, against: str, condition: str) -> list[str]:
    """The targets of both; if one has no number, all its seeds being lost, those of the other."""
    if not (results.holds(arm, condition) and results.holds(against, condition)):
        return []
    if results.target_of(arm) != results.target_of(against):
        return []
    first, second = (
        {s.target for s in results.series(name, condition) if s.metric == results.metric}
        for name in (arm, against)
    )
    common = first & second if first and second else first | second
    found = common if first or second else results.targets
    return sorted(found, key=lambda target: (target not in results.primary_targets, target))


def _draft(results: RunResults, arm: str, against: str, series: Series, rules: Rules) -> _Draft:
    first, second = _values(results, arm, series), _values(results, against, series)
    seeds = sorted(set(first) & set(second))
    blank = Comparison(
        arm, against, series.condition, series.target, series.metric, series.unit, TEST, len(seeds)
    )
    lost = _lost(results, arm, against, series)
    if lost:
        return _Draft(replace(blank, reason=lost))
    if not seeds:
        return _Draft(replace(blank, verdict="undecided", reason="no seed in common"))
    differences = np.array([first[seed] - second[seed] for seed in seeds])
    base = float(np.mean([second[seed] for seed in seeds]))
    estimate = _estimate(blank, differences, rules) if len(seeds) >= MIN_SEEDS else None
    low, high = estimate.interval() if estimate else (None, None)
    difference = float(differences.mean())
    error_like = METRICS[series.metric].better == "lower"
    measured = replace(
        blank,
        difference=difference,
        low=low,
        high=high,
        reduction_percent=reduction_percent(difference, base) if error_like else None,
        p=estimate.p_value() if estimate else None,
        verdict="undecided",
        original=_original(results, blank, seeds, estimate, rules),
    )
    if estimate is None:
        few = f"{seed_count(len(seeds))}: a test needs at least {MIN_SEEDS}"
        without_rows = "no test: differences per test row are not at hand"
        return _Draft(replace(measured, reason=few if len(seeds) < MIN_SEEDS else without_rows))
    margin = MARGIN * abs(base) if rules.margin is None else rules.margin
    return _Draft(measured, estimate, margin)


def _values(results: RunResults, arm: str, series: Series) -> dict[int, float]:
    return results.series(arm, series.condition).get(series, {})


def _lost(results: RunResults, arm: str, against: str, series: Series) -> str:
    """Why there is no mean to compare; empty if there is one."""
    reasons = []
    for name, words in ((arm, ""), (against, f"baseline {against}: ")):
        seeds = results.seeds_of(name, series.condition)
        missing = len(seeds.done) - len(_values(results, name, series))
        if not seeds.complete:
            reasons.append(words + seeds.status)
        elif missing:
            reasons.append(f"{words}no such number in {missing} of {seeds.runs}")
    return "; ".join(reasons)


def _estimate(
    comparison: Comparison, differences: NDArray[np.float64], rules: Rules
) -> Estimate | None:
    if rules.resplit:
        return corrected_paired_t(differences, rules.rows[TEST], rules.rows["train"])
    if rules.row_differences is None:
        return None
    c = comparison
    rows = rules.row_differences(c.arm, c.against, c.condition, c.target)
    return None if rows is None else fixed_split_t(differences, rows)


def _original(
    results: RunResults,
    comparison: Comparison,
    seeds: list[int],
    estimate: Estimate | None,
    rules: Rules,
) -> Original | None:
    """The same difference in the target's own unit; None where it was not measured in two."""
    c = comparison
    own = next(
        (
            s
            for s in results.series(c.arm, c.condition)
            if (s.split, s.target, s.metric) == (TEST, c.target, c.metric) and s.unit != c.unit
        ),
        None,
    )
    if own is None:
        return None
    mine, base = _values(results, c.arm, own), _values(results, c.against, own)
    if not all(seed in mine and seed in base for seed in seeds):
        return None
    differences = np.array([mine[seed] - base[seed] for seed in seeds])
    difference = float(differences.mean())
    if estimate is None:
        return Original(own.unit, difference, None, None)
    if rules.resplit:
        resplit = corrected_paired_t(differences, rules.rows[TEST], rules.rows["train"])
        return Original(own.unit, difference, *resplit.interval())
    z = _values(results, c.against, results.primary(c.condition, c.target))
    scale = math.fsum(base[s] for s in seeds) / (math.fsum(z[s] for s in seeds) or math.nan)
    if math.isnan(scale):
        return Original(own.unit, difference, None, None)
    low, high = estimate.interval()
    return Original(own.unit, difference, low * scale, high * scale)


def _judged(
    draft: _Draft, estimate: Estimate, p_holm: float, p_equivalence: float, count: int, rules: Rules
) -> Comparison:
    comparison = draft.comparison
    verdict = decide(estimate.mean, p_holm, p_equivalence, METRICS[comparison.metric].better)
    family = f" after Holm's adjustment over {count} comparisons" if count > 1 else ""
    reason = p_value(p_holm) + family
    if verdict == "equivalent":
        reason = f"within ±{precise(draft.margin)}, {p_value(p_equivalence)}{family}"
        reason += "; the difference is sure, but inside the margin" if p_holm <= ALPHA else ""
    judged = replace(comparison, p_holm=p_holm, verdict=verdict)
    if verdict == "undecided":
        seeds = estimate.seeds_to_decide(draft.margin, ALPHA / count)
        reason = f"{reason}; {_outlook(seeds, rules)}"
        return replace(judged, reason=reason, seeds_to_decide=seeds, undecidable=seeds is None)
    return replace(judged, reason=reason if rules.resplit else f"{reason}; for this split")


def _outlook(seeds: int | None, rules: Rules) -> str:
    """What it would take to decide, if the measured difference and spread stay."""
    if seeds is None and rules.resplit:
        return "no number of seeds would decide: re-splits of the same rows overlap too much"
    if seeds is None:
        return "no number of seeds would decide: the test part has too few rows"
    if seeds > MANY_SEEDS:
        return f"more than {count(MANY_SEEDS)} seeds would be needed to decide"
    return f"about {seeds if seeds < 100 else round(seeds, -1)} seeds would decide"


def seed_count(n: int) -> str:
    """Return ``1 seed`` or ``3 seeds``."""
    return f"{n} seed" if n == 1 else f"{n} seeds"
