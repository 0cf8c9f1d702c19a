"""Every arm against its baseline: difference, interval, p, chances, and one word."""

import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nearfar.analysis.comparison import Comparison, Original, bound, training_count
from nearfar.analysis.estimate import (
    MIN_SEEDS,
    Estimate,
    estimate_rows,
    estimate_values,
    score_scale,
)
from nearfar.analysis.families import Families, adjusted
from nearfar.analysis.judge import Adjusted, judged
from nearfar.analysis.results import TEST, RunResults, Series
from nearfar.analysis.row_scores import RowScores, differences
from nearfar.analysis.statistics import reduction_percent
from nearfar.analysis.testing import Testing
from nearfar.analysis.variance import single_unit
from nearfar.metrics import METRICS


@dataclass(frozen=True)
class Rules:
    """How the study's splits were made, and what counts as no difference.

    ``varies`` says that trainings have splits of their own, ``folds`` how many of them test every
    row once (0 where splits are drawn apart). ``rows`` counts the rows of each part; ``margin`` is
    in the primary metric's unit, None for the metric's own. ``scores`` are None where no row scores
    are at hand.
    """

    varies: bool
    rows: Mapping[str, int]
    margin: float | None = None
    scores: RowScores | None = None
    folds: int = 0
    families: Families = field(default_factory=lambda: Families("", ()))
    testing: Testing = field(default_factory=Testing)

    @property
    def n_rows(self) -> int:
        """How many rows the data set has."""
        return self.scores.n_rows if self.scores is not None else sum(self.rows.values())

    def margin_at(self, metric: str, baseline: float) -> float:
        """The margin where the baseline's mean is ``baseline``."""
        return METRICS[metric].same.size(baseline) if self.margin is None else self.margin


@dataclass(frozen=True)
class _Draft:
    """A comparison before the others are known; ``estimate`` is None where there is no test."""

    comparison: Comparison
    estimate: Estimate | None = None

    @property
    def margin(self) -> float:
        return self.comparison.margin or 0.0


def rivals_of(results: RunResults, baseline: str) -> dict[str, str]:
    """Return arm → what it is compared with: its own ``against``, else the study's baseline."""
    settings = results.settings
    return {arm: settings.get(arm, {}).get("against") or baseline for arm in results.arms}


def pairs_of(results: RunResults, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (arm, against) of the comparisons that ``pairs`` ask for, each once.

    Arms that are one computation stand for each other, so that nothing is compared with itself.
    """
    twins = results.twins
    named = ((twins.get(arm, arm), twins.get(rival, rival)) for arm, rival in pairs)
    return [pair for pair in dict.fromkeys(named) if pair[0] != pair[1]]


def compare(
    results: RunResults,
    pairs: Sequence[tuple[str, str]],
    rules: Rules,
    claimed: Iterable[tuple[str, str, str]] = (),
    of_claims: Collection[tuple[str, str]] = (),
) -> list[Comparison]:
    """Compare every pair in every condition and target that both were run in.

    ``claimed`` are (arm, against, pattern) of comparisons of means over several conditions; the
    pairs ``of_claims`` are those that claims alone ask for. p-values, of difference and of
    equivalence, are each adjusted by Holm's method within their family.
    """
    places = [(*pair, condition) for pair in pairs for condition in results.conditions]
    drafts = []
    for arm, against, condition in dict.fromkeys([*places, *claimed]):
        control = results.is_control(arm)
        for target in _common_targets(results, arm, against, condition):
            draft = _draft(results, arm, against, results.primary(condition, target), rules)
            family = rules.families.of(
                condition,
                control=control,
                claimed=(arm, against) in of_claims,
                single_target=target not in results.primary_targets,
            )
            drafts.append(replace(draft, comparison=replace(draft.comparison, family=family)))
    return _judge_all(drafts, [test_of(results, draft.comparison) for draft in drafts], rules)


def test_of(results: RunResults, c: Comparison) -> Hashable:
    """Return what tells one test from another, in whichever direction and condition it is asked.

    Two arms of which neither depends on a condition are compared once, not once in each.
    """
    series = results.primary(c.condition, c.target)

    def side(arm: str) -> Hashable:
        chains = results.stages(arm, c.condition).items()
        hashes = ((seed, *(row.hash for row in chain)) for seed, chain in chains)
        values = tuple(sorted(results.values(arm, series).items()))
        return tuple(hashes) or (arm, c.condition), values

    return c.target, frozenset((side(c.arm), side(c.against)))


def _judge_all(
    drafts: Sequence[_Draft], tests: Sequence[Hashable], rules: Rules
) -> list[Comparison]:
    """Judge drafts, their p-values adjusted within families of ``tests``."""
    families = [draft.comparison.family for draft in drafts]
    estimates = [draft.estimate for draft in drafts]
    differ = adjusted(families, tests, [draft.comparison.p for draft in drafts])
    alike = [rules.testing.same_p(d.estimate, d.margin) if d.estimate else None for d in drafts]
    same = adjusted(families, tests, alike)
    tested = zip(families, tests, estimates, strict=True)
    sizes = Counter(f for f, _ in {(f, test) for f, test, e in tested if e is not None})
    found = []
    for draft, p, p_same in zip(drafts, differ, same, strict=True):
        if draft.estimate is None or p is None or p_same is None:
            found.append(draft.comparison)
            continue
        asked, split = rules.margin is not None, "" if rules.varies else "for this split"
        result = Adjusted(p, p_same, sizes[draft.comparison.family])
        given = (draft.comparison, draft.estimate, result, rules.testing)
        found.append(judged(*given, asked=asked, split=split))
    return found


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
    first, second = results.values(arm, series), results.values(against, series)
    seeds = sorted(set(first) & set(second))
    blank = Comparison(
        arm, against, series.condition, series.target, series.metric, series.unit, TEST, len(seeds)
    )
    lost = _lost(results, arm, against, series)
    if lost:
        return _Draft(replace(blank, reason=lost))
    if not seeds:
        return _Draft(replace(blank, verdict="undecided", reason="no seed in common"))
    by_seed = {seed: first[seed] - second[seed] for seed in seeds}
    base = math.fsum(second[seed] for seed in seeds) / len(seeds)
    estimate = paired_estimate(results, arm, against, series, rules)
    difference = estimate.mean if estimate else math.fsum(by_seed.values()) / len(seeds)
    interval = rules.testing.interval(estimate) if estimate else None
    measured = replace(
        blank,
        baseline_mean=base,
        difference=difference,
        reduction_percent=reduction_percent(difference, base)
        if METRICS[series.metric].is_error
        else None,
        margin=rules.margin_at(series.metric, base),
        verdict="undecided",
        original=_original(results, blank, seeds, difference, interval),
    )
    if estimate is None:
        few = f"{training_count(len(seeds))}: a test needs at least {MIN_SEEDS}"
        without = f"no test: {_without(arm, series, rules)}"
        return _Draft(replace(measured, reason=few if len(seeds) < MIN_SEEDS else without))
    return _Draft(_with_estimate(measured, estimate, rules.testing), estimate)


def _without(arm: str, series: Series, rules: Rules) -> str:
    """Why differences per test row tell nothing."""
    scores = rules.scores
    tested = None if scores is None else scores.tested(arm, series.condition, series.target)
    one = "" if scores is None or not tested else single_unit([*tested.values()], scores.groups)
    return one or "differences per test row are not at hand"


def _with_estimate(comparison: Comparison, estimate: Estimate, testing: Testing) -> Comparison:
    """Return a comparison with all that follows from its own estimate alone."""
    low, high = testing.interval(estimate)
    better = METRICS[comparison.metric].better
    chances = estimate.chances(comparison.margin or 0.0, better)
    return replace(
        comparison,
        low=low,
        high=high,
        error=estimate.error,
        df=estimate.df,
        p=testing.p(estimate),
        p_better=chances.better,
        p_same=chances.same,
        p_worse=chances.worse,
        smallest_margin=testing.smallest_margin(estimate),
        bound=bound(comparison, low, high),
        parts=estimate.parts,
    )


def paired_estimate(
    results: RunResults, arm: str, against: str, series: Series, rules: Rules
) -> Estimate | None:
    """Estimate the mean difference of two arms; None where there is no test.

    That is under three seeds, and on a fixed split, or where all differences are the same, without
    row scores.
    """
    first, second = results.values(arm, series), results.values(against, series)
    seeds = sorted(set(first) & set(second))
    if len(seeds) < MIN_SEEDS:
        return None
    if rules.scores is not None:
        place = (series.condition, series.target)
        mine, base = rules.scores.tested(arm, *place), rules.scores.tested(against, *place)
        if mine is not None and base is not None and set(seeds) <= set(mine) & set(base):
            found = differences({s: mine[s] for s in seeds}, base)
            if found is not None:
                both = (t.scores for s in seeds for t in (mine[s], base[s]))
                scale = score_scale(np.concatenate(list(both)))
                trainings = list(found.values())
                return estimate_rows(
                    trainings, rules.n_rows, rules.scores.groups, scale, rules.folds
                )
    if not rules.varies:
        return None
    values = [first[seed] - second[seed] for seed in seeds]
    return estimate_values(values, rules.rows[TEST], rules.n_rows, rules.folds)


def _lost(results: RunResults, arm: str, against: str, series: Series) -> str:
    """Why there is no mean to compare; empty if there is one."""
    reasons = []
    for name, words in ((arm, ""), (against, f"baseline {against}: ")):
        seeds = results.seeds_of(name, series.condition)
        missing = len(seeds.done) - len(results.values(name, series))
        if not seeds.complete:
            reasons.append(words + seeds.status)
        elif missing:
            reasons.append(f"{words}no such number in {missing} of {seeds.runs}")
    return "; ".join(reasons)


def _original(
    results: RunResults,
    comparison: Comparison,
    seeds: list[int],
    difference: float,
    interval: tuple[float, float] | None,
) -> Original | None:
    """The same difference in the target's own unit; None where it was not measured in two.

    It is the difference of the means in that unit, unless its sign is the other one: a training's
    deviation of the target, by which z units go, is another each time, and rows of re-splits are
    weighted.
    """
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
    mine, base = results.values(c.arm, own), results.values(c.against, own)
    scaled = results.values(c.against, results.primary(c.condition, c.target))
    whole = math.fsum(scaled[s] for s in seeds)
    if not all(seed in base and seed in mine for seed in seeds) or not whole:
        return None
    seen = math.fsum(mine[s] - base[s] for s in seeds) / len(seeds)
    scale = math.fsum(base[s] for s in seeds) / whole
    if interval is None:
        return Original(own.unit, seen, None, None)
    low, high = interval
    # What is sure in one unit stays so in the other, what is not does not become so; and the sign.
    if low <= 0 <= high and seen * difference >= 0:
        ends = seen + (low - difference) * scale, seen + (high - difference) * scale
        return Original(own.unit, seen, min(ends[0], 0.0), max(ends[1], 0.0))
    scale = seen / difference if seen * difference > 0 else scale
    return Original(own.unit, difference * scale, low * scale, high * scale)
