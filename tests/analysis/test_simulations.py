"""The estimator keeps its promises in worlds where the truth is known; every seed is fixed.

Short versions of benchmarks/verdicts.py and benchmarks/stopping.py (docs/results/statistics.md).
Beside it stand estimators that leave something out: they must err far more, or the worlds could
show no mistake.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from worlds import (
    FIVE,
    KNOWN_EXCEPTIONS,
    MORE,
    World,
    differences,
    fixed,
    folds,
    resplits,
    wrong_rows,
)

from nearfar.analysis.estimate import Estimate, estimate_rows
from nearfar.analysis.sequential import Looks
from nearfar.analysis.statistics import holm
from nearfar.analysis.testing import Testing as Rule
from nearfar.analysis.variance import Tested as Training
from nearfar.metrics import METRICS
from nearfar.metrics.binary import of_label

WORLDS = {world.name: world for world in [*FIVE, *MORE, *KNOWN_EXCEPTIONS]}
Replicate = list[Training]
FAMILY = 7


@cache
def simulated(name: str, design: str, n: int, replicates: int) -> list[tuple[Replicate, float]]:
    """Trainings of every replicate, the true difference taken off, and the baseline's mean."""
    world, found = WORLDS[name], []
    draw: Callable[..., object] = {"folds": folds, "resplits": resplits, "fixed": fixed}[design]
    for replicate in range(replicates):
        random = np.random.default_rng([replicate, n])
        data = world.draw(random)
        splits = draw(random, world.rows, n, group=world.group)
        a, b = world.scores(data, splits, random)
        base = float(np.mean([scores.mean() for scores in b]))
        found.append((differences(splits, a, b, world.difference), base))
    return found


def ours(world: World, trainings: Replicate) -> Estimate:
    found = estimate_rows(trainings, world.rows, world.groups)
    assert found is not None
    return found


def estimates(name: str, design: str, n: int, replicates: int) -> list[Estimate]:
    world = WORLDS[name]
    return [ours(world, trainings) for trainings, _ in simulated(name, design, n, replicates)]


def over_trainings(trainings: Replicate, ratio: float = 0.0) -> Estimate:
    """Student's t over trainings; with a ``ratio`` of tested to trained rows, as corrected by
    Nadeau and Bengio (2003), which is what stood here before."""
    means = np.array([training.mean for training in trainings])
    n = len(means)
    error = math.sqrt(means.var(ddof=1) * (1 / n + ratio))
    return Estimate(float(means.mean()), error, n - 1, n)


def over_rows(trainings: Replicate) -> Estimate:
    """Student's t over tested rows, as if nothing but rows varied."""
    scores = np.concatenate([training.scores for training in trainings])
    error = float(scores.std(ddof=1) / math.sqrt(len(scores)))
    return Estimate(float(scores.mean()), error, len(scores) - 1, len(trainings))


def rate(found: Sequence[Estimate], alpha: float = 0.05) -> float:
    return float(np.mean([estimate.p_value() <= alpha for estimate in found]))


@pytest.mark.parametrize(
    ("name", "replicates", "too_simple"),
    [
        ("two ridge models", 200, over_trainings),
        ("two kNN", 80, over_trainings),
        ("ridge and kNN", 120, over_trainings),
        ("network and ridge", 200, over_rows),
        ("one network, two initialisations", 200, over_rows),
        ("0/1 loss, 300 rows", 300, over_trainings),
        ("balanced accuracy, 15% rare", 150, over_trainings),
        ("two ridge models, 100 rows", 300, over_trainings),
        ("5-NN, 300 rows", 200, over_trainings),
    ],
)
def test_arms_that_are_alike_seldom_differ(
    name: str, replicates: int, too_simple: Callable[[Replicate], Estimate]
) -> None:
    drawn = simulated(name, "resplits", 10, replicates)
    assert rate(estimates(name, "resplits", 10, replicates)) <= 0.06
    assert rate([too_simple(trainings) for trainings, _ in drawn]) >= 0.12


def test_rows_of_a_group_that_count_one_by_one_mislead() -> None:
    name, replicates = "groups of 12 rows", 150
    drawn = simulated(name, "folds", 10, replicates)
    assert rate(estimates(name, "folds", 10, replicates)) <= 0.05
    assert rate([over_rows(trainings) for trainings, _ in drawn]) >= 0.15


@pytest.mark.parametrize(
    ("name", "replicates", "low", "high"),
    [
        ("two ridge models", 300, 0.8, 1.25),
        ("one network, two initialisations", 300, 0.8, 1.25),
        ("5-NN, 300 rows", 300, 1.15, 1.9),
    ],
)
def test_parts_are_as_large_as_the_mean_varies(
    name: str, replicates: int, low: float, high: float
) -> None:
    """With a factor of 1: what one data set cannot show is nothing for some arms, 70% for kNN."""
    found = estimates(name, "folds", 10, replicates)
    parts = [estimate.parts for estimate in found if estimate.parts]
    said = np.mean([part.rows + part.training / part.n for part in parts])
    assert low <= np.mean([estimate.mean**2 for estimate in found]) / said <= high


def test_intervals_cover_the_truth() -> None:
    found = estimates("one network, two initialisations", "folds", 10, 300)
    inside = [low <= 0 <= high for low, high in (estimate.interval() for estimate in found)]
    assert 0.93 <= np.mean(inside) <= 0.995
    drawn = simulated("one network, two initialisations", "folds", 10, 300)
    narrow = [over_rows(trainings).interval() for trainings, _ in drawn]
    assert np.mean([low <= 0 <= high for low, high in narrow]) <= 0.85


def detectable(found: Sequence[Estimate]) -> float:
    """The true difference that is found in 80% of replicates at 5%/7, whichever its sign."""
    least = [e.half_width(1 - 0.05 / FAMILY) + sign * e.mean for e in found for sign in (-1, 1)]
    return float(np.quantile(least, 0.8))


@pytest.mark.parametrize(
    ("name", "n", "replicates", "at_most"),
    [
        ("two ridge models", 10, 200, 0.80),
        ("one network, two initialisations", 10, 200, 0.75),
        ("one network, two initialisations", 30, 60, 0.65),
    ],
)
def test_smaller_differences_are_found_than_before(
    name: str, n: int, replicates: int, at_most: float
) -> None:
    before = [over_trainings(t, 1 / 8) for t, _ in simulated(name, "resplits", n, replicates)]
    now = estimates(name, "folds", n, replicates)
    assert 0.4 <= detectable(now) / detectable(before) <= at_most


def test_arms_that_are_alike_are_called_the_same_and_seldom_those_at_the_margin() -> None:
    name = "one network, two initialisations"
    found = estimates(name, "folds", 10, 300)
    bases = [base for _, base in simulated(name, "folds", 10, 300)]
    pairs = list(zip(found, bases, strict=True))
    assert np.mean([e.equivalence_p(base / 10) <= 0.05 for e, base in pairs]) >= 0.50
    at = float(np.mean(bases)) / 10
    moved = [(Estimate(e.mean + at, e.error, e.df, e.n), base) for e, base in pairs]
    assert np.mean([e.equivalence_p(base / 10) <= 0.05 for e, base in moved]) <= 0.07


def test_seeds_on_a_fixed_split_count_its_rows() -> None:
    for n in (3, 5):
        name, replicates = "one network, two initialisations", 200
        assert rate(estimates(name, "fixed", n, replicates)) <= 0.085
    drawn = simulated(name, "fixed", 5, replicates)
    assert rate([over_rows(trainings) for trainings, _ in drawn]) >= 0.12


def test_a_rare_class_on_a_fixed_split_is_no_proof_of_its_own() -> None:
    """Under AUROC ten rows of a thousand carry half the variance, and so tell how sure it is."""
    rows, found, naive = np.arange(1000), [], []
    for replicate in range(300):
        random = np.random.default_rng(replicate)
        truth = (random.permutation(1000) < 10).astype(int)
        one, other = (
            METRICS["auroc"].row_scores(of_label(truth, random.normal(size=1000) + 1.5 * truth))
            for _ in range(2)
        )
        estimate = estimate_rows([Training(rows, one - other)] * 3, 1000, None)
        assert estimate is not None
        found.append(estimate)
        naive.append(replace(estimate, df=999))
    assert rate(found) <= 0.07
    assert rate(naive) > 0.08


@pytest.mark.parametrize("persistent", [False, True], ids=["anew", "the same rows"])
def test_a_family_of_right_and_wrong_on_a_fixed_split(persistent: bool) -> None:
    """Seven 0/1 arms and a baseline that are alike, 36 rows, 3 seeds, 5% disagreement."""
    rows, test, families = 36, np.arange(36), 300
    false = {"rows": 0, "seeds": 0}
    for family in range(families):
        random = np.random.default_rng([family, persistent])
        *arms, base = wrong_rows(random, FAMILY + 1, 3, rows, persistent=persistent)
        trainings = [[Training(test, d) for d in arm - base] for arm in arms]
        found = [estimate_rows(some, 360, None, 1.0) for some in trainings]
        false["rows"] += min(holm([e.p_value() for e in found if e])) <= 0.05
        false["seeds"] += min(holm([over_trainings(t).p_value() for t in trainings])) <= 0.05
    assert false["rows"] / families <= 0.02
    assert false["seeds"] / families >= (0.9 if persistent else 0.08)


def test_a_family_of_arms_keeps_its_error() -> None:
    world, families = WORLDS["0/1 loss, 300 rows"], 100
    ours_false = plain_false = 0
    for family in range(families):
        random = np.random.default_rng([family, FAMILY])
        data, splits = world.draw(random, FAMILY + 1), resplits(random, world.rows, 10)
        *arms, base = world.scores(data, splits, random, FAMILY + 1)
        pairs = [differences(splits, arm, base) for arm in arms]
        ours_false += min(holm([ours(world, pair).p_value() for pair in pairs])) <= 0.05
        plain_false += min(holm([over_trainings(pair).p_value() for pair in pairs])) <= 0.05
    assert ours_false / families <= 0.06
    assert plain_false / families >= 0.15


def test_networks_that_are_alike_seldom_differ_at_any_look() -> None:
    """Looks after 5 to 30 trainings: stopping at the first small p of a single look errs more."""
    name, replicates, rule = "one network, two initialisations", 80, Rule(Looks(5, 30))
    wrong = naive = trained = 0
    for trainings, base in simulated(name, "folds", 30, replicates):
        crossed = small = stopped = False
        for n in range(5, 31, 5):
            estimate = ours(WORLDS[name], trainings[:n])
            differs = rule.p(estimate) <= 0.05
            trained += 0 if stopped else 5
            stopped = stopped or differs or rule.same_p(estimate, base / 10) <= 0.05
            stopped = stopped or not rule.goes_on(estimate, base / 10, 0.05)
            crossed |= differs
            small |= estimate.p_value() <= 0.05
        wrong += crossed
        naive += small
    assert wrong / replicates <= 0.04
    assert naive / replicates >= 0.08
    assert trained / replicates <= 0.75 * 30


def test_known_differences_are_those_of_fresh_data_sets() -> None:
    for name, data_sets in (("network and ridge", 40), ("one training in ten breaks down", 150)):
        measured, error = WORLDS[name].measured_difference(data_sets)
        assert abs(measured - WORLDS[name].difference) <= 3 * error
        assert error <= 0.02
