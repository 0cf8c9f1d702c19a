"""Looks at a study under way: the boundary, and how often stopping by it is wrong.

Made studies are of 10 folds: d = row + training + error, 300 rows. The truth moves with the rows
that were drawn as ``nearfar.analysis.variance.FRESH`` says, so that the standard error is right and
not too wide. Every seed is fixed; a rate over 150 studies has a standard error of 1.8 points at 5%.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from nearfar.analysis.estimate import Estimate, estimate_rows, estimate_values
from nearfar.analysis.sequential import (
    Looks,
    boundaries,
    hopeless,
    information,
    sequential_interval,
    sequential_p,
    sequential_same_p,
)
from nearfar.analysis.variance import FRESH, Parts
from nearfar.analysis.variance import Tested as Training

ROWS, FOLDS = 300, 10
PLAN = Looks(5, 30)


@dataclass(frozen=True)
class World:
    """Deviations of what a row, a training, and each score of a row in a training bring."""

    row: float
    training: float
    each: float

    def study(self, draw: np.random.Generator, mean: float, n: int = 30) -> list[Training]:
        """Differences of two learners in ``n`` trainings of repeated folds."""
        unseen = math.sqrt((FRESH - 1) / ROWS) * self.row * draw.normal()
        rows = mean + unseen + self.row * draw.normal(size=ROWS)
        trainings: list[Training] = []
        while len(trainings) < n:
            for fold in draw.permutation(ROWS).reshape(FOLDS, -1):
                noise = self.training * draw.normal() + self.each * draw.normal(size=len(fold))
                trainings.append(Training(fold, rows[fold] + noise))
        return trainings[:n]


NOISE, HALF, PURE = World(0.0, 1.0, 3.0), World(1.0, 0.13, 1.0), World(1.0, 0.0, 0.0)
WORLDS = {"training noise": NOISE, "half rows": HALF, "rows": PURE}
each_world = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())


def after(trainings: list[Training], n: int) -> Estimate:
    found = estimate_rows(trainings[:n], ROWS)
    assert found is not None
    return found


def made(world: World, n: int, mean: float = 0.0, seed: int = 0) -> Estimate:
    return after(world.study(np.random.default_rng(seed), mean), n)


def detectable(world: World) -> float:
    """The difference that 30 trainings find in 80% of studies."""
    draw = np.random.default_rng(9)
    return float(np.median([after(world.study(draw, 0.0), 30).detectable() for _ in range(15)]))


def shares(rows: float) -> list[float]:
    """Information where ``rows`` is the share of the last variance that rows bring, and stays."""
    variance = [rows * (2 if k == 5 else 1) + (1 - rows) * 30 / k for k in range(5, 31, 5)]
    return [variance[-1] / v for v in variance]


def spending(t: float, alpha: float) -> float:
    return 2 - 2 * float(ndtr(-ndtri(alpha / 2) / math.sqrt(t)))


def test_looks_are_after_every_few_trainings_and_now() -> None:
    assert PLAN.times(30) == [5, 10, 15, 20, 25, 30]
    assert PLAN.times(12) == [5, 10, 12]
    assert PLAN.times(3) == [3]
    assert PLAN.times(32) == [5, 10, 15, 20, 25, 32]
    assert Looks(30, 30).times(30) == [30]
    assert Looks(10, 25).times(25) == [10, 20, 25]
    with pytest.raises(ValueError, match="size"):
        Looks(0, 30)
    with pytest.raises(ValueError, match="size"):
        Looks(40, 30)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (0.0, [4.80, 3.39, 2.79, 2.45, 2.23, 2.08]),
        (0.5, [3.92, 2.77, 2.45, 2.28, 2.19, 2.12]),
        (1.0, [2.77, 1.98, math.inf, math.inf, math.inf, math.inf]),
    ],
)
def test_critical_values_of_rounds_of_five(rows: float, expected: list[float]) -> None:
    assert boundaries(shares(rows), 0.05) == pytest.approx(expected, abs=0.01)


def test_whole_rotations_and_a_published_table() -> None:
    assert boundaries([1 / 3, 2 / 3, 1], 0.05) == pytest.approx([3.395, 2.407, 2.015], abs=0.006)
    # five equal looks: Lan and DeMets (1983), as reproduced by common software
    assert boundaries([0.2, 0.4, 0.6, 0.8, 1.0], 0.05) == pytest.approx(
        [4.383, 3.100, 2.553, 2.254, 2.064], abs=0.01
    )


@pytest.mark.parametrize("alpha", [0.05, 0.3])
@pytest.mark.parametrize("steps", [shares(0.0), shares(0.5), [0.1, 0.5, 0.502, 0.9, 0.9, 1.0]])
def test_paths_leave_at_each_look_as_often_as_is_spent(steps: list[float], alpha: float) -> None:
    """The integration against paths of the sum of independent increments."""
    paths, draw = 400_000, np.random.default_rng(1)
    total, inside, before, spent = np.zeros(paths), np.ones(paths, dtype=bool), 0.0, 0.0
    for t, critical in zip(steps, boundaries(steps, alpha), strict=True):
        total += math.sqrt(t - before) * draw.normal(size=paths)
        leaves = inside & (np.abs(total) >= critical * math.sqrt(t))
        due = spending(t, alpha) - spent
        assert leaves.mean() == pytest.approx(due, abs=4 * math.sqrt(max(due, 1e-5) / paths))
        inside &= ~leaves
        before, spent = t, spending(t, alpha)


def test_the_boundary_stays_sane_at_the_ends() -> None:
    tiny = boundaries(shares(0.0), 1e-6)
    assert tiny == sorted(tiny, reverse=True)
    assert tiny[0] == pytest.approx(-float(ndtri(5e-7)) * math.sqrt(6), abs=0.01)
    assert tiny[-1] == pytest.approx(4.90, abs=0.02)
    still = boundaries([0.5, 0.5, 0.5 + 1e-6, 1.0, 1.0], 0.05)
    assert still == pytest.approx([2.772, math.inf, math.inf, 1.979, math.inf], abs=0.01)
    assert all(0 < c < 4 for c in boundaries(shares(0.0), 0.99))
    assert all(math.isfinite(c) for c in boundaries([1e-3, 0.01, 0.5, 1.0], 0.05)[2:])


@pytest.mark.parametrize("wrong", [[], [0.5, 0.4], [0.0, 1.0], [0.5, 1.1]])
def test_information_must_rise(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="information"):
        boundaries(wrong, 0.05)


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1])
def test_an_error_lies_between_none_and_all(wrong: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        boundaries([1.0], wrong)
    with pytest.raises(ValueError, match="level"):
        sequential_interval(made(NOISE, 10), PLAN, 1 - wrong)


def folds(n: int, own: float, shared: float, training: float) -> Estimate:
    """A mean of 0 whose variance has known parts."""
    parts = Parts("folds", n, ROWS, 1.0, own, shared, training, 0.0, 0.0, FOLDS)
    parts = replace(parts, overlap=parts._overlap_at(n))
    parts = replace(parts, rows=shared + (own - shared) / n)
    return Estimate(0.0, math.sqrt(parts.squared_error), 50.0, n, parts, "folds")


def test_training_noise_shrinks_with_every_training() -> None:
    """Not below the share of the looks, whatever the rows say that were tested once."""
    assert information(folds(10, 0.0, 0.0, 1.0), PLAN, 30) == pytest.approx(shares(0.0))


@pytest.mark.parametrize("n", [5, 10])
def test_rows_count_fully_before_any_was_tested_twice(n: int) -> None:
    assert information(folds(n, 1.0, 0.0, 0.0), PLAN, 30) == pytest.approx([0.5] + 5 * [1.0])
    halves = information(folds(n, 10 / FRESH, 0.0, 30.0), PLAN, 30)
    assert halves[:2] == pytest.approx(shares(0.5)[:2])
    assert halves == sorted(halves)
    assert halves[-1] == 1


def test_a_rounding_error_is_no_row_that_was_tested_twice() -> None:
    """One rotation whose overlap is 1e-17: rows must not pass for noise."""
    once = folds(10, 1.0, 0.0, 0.0)
    assert once.parts is not None
    off = replace(once, parts=replace(once.parts, overlap=1e-17, shared=0.0))
    assert information(off, PLAN, 30) == pytest.approx([0.5] + 5 * [1.0])
    assert not hopeless(off, 0.1, PLAN)
    assert information(made(PURE, 10), PLAN, 30)[1] == pytest.approx(1.0, abs=0.05)


@each_world
def test_information_rises_to_all(world: World) -> None:
    for n in (5, 10, 12, 15, 20, 25, 30, 34):
        found = information(made(world, n), PLAN, n)
        assert len(found) == len(PLAN.times(n))
        assert found == sorted(found)
        assert 0 < found[0] <= found[-1] <= 1
        assert n < 30 or found[-1] == 1


def test_without_parts_trainings_count_alike_except_on_a_fixed_split() -> None:
    bare = Estimate(0.1, 0.05, 9.0, 10, None, "folds")
    assert information(bare, PLAN, 10) == pytest.approx([5 / 30, 10 / 30])
    assert information(replace(bare, design="fixed"), PLAN, 10) == [1.0, 1.0]
    values = estimate_values([0.1, 0.3, 0.2, 0.5, 0.4], 30, ROWS)
    assert values is not None
    assert 0 < sequential_p(values, PLAN) <= 1


@each_world
@pytest.mark.parametrize("mean", [0.0, 0.1, 0.5])
def test_one_look_at_the_end_is_the_test_itself(world: World, mean: float) -> None:
    estimate, once = made(world, 30, mean), Looks(30, 30)
    assert sequential_p(estimate, once) == pytest.approx(estimate.p_value(), rel=1e-6)
    assert sequential_p(estimate, once, 0.2) == pytest.approx(estimate.p_value(0.2), rel=1e-6)
    assert sequential_interval(estimate, once) == pytest.approx(estimate.interval(), rel=1e-6)
    if estimate.equivalence_p(0.3) < 0.5:
        expected = pytest.approx(estimate.equivalence_p(0.3), rel=1e-6)
        assert sequential_same_p(estimate, 0.3, once) == expected


@each_world
@pytest.mark.parametrize("n", [5, 10, 15, 22, 30])
def test_p_interval_and_boundary_say_the_same(world: World, n: int) -> None:
    """p is the error whose boundary the mean just crosses, and whose interval ends at the null."""
    for mean in (0.05, 0.2, 0.6):
        estimate = made(world, n, mean, seed=n)
        p = sequential_p(estimate, PLAN)
        assert estimate.p_value() <= p <= 1
        if 1e-9 < p < 0.9:
            low, high = sequential_interval(estimate, PLAN, 1 - p)
            near = low if estimate.mean > 0 else high
            assert near == pytest.approx(0.0, abs=2e-3 * (high - low))
        estimate = replace(estimate, mean=abs(estimate.mean))
        margin = estimate.mean + 3 * estimate.error
        same = sequential_same_p(estimate, margin, PLAN)
        assert estimate.equivalence_p(margin) <= same <= 1
        if same < 0.45:
            low, high = sequential_interval(estimate, PLAN, 1 - 2 * same)
            assert high == pytest.approx(margin, abs=2e-3 * (high - low))


def test_p_at_the_ends() -> None:
    certain = Estimate(1.0, 0.0, 5.0, 10, None, "folds")
    assert sequential_p(certain, PLAN) == 0
    assert sequential_p(replace(certain, mean=0.0), PLAN) == 1
    assert sequential_same_p(certain, 0.5, PLAN) == 1
    assert sequential_same_p(certain, 1.5, PLAN) == 0
    far = replace(made(NOISE, 10), mean=1e6)
    assert 0 <= far.p_value() <= sequential_p(far, PLAN) < 1e-3


def test_early_looks_ask_for_more() -> None:
    estimate = folds(30, 0.0, 0.0, 1.0)
    found = []
    for n in (5, 10, 20, 30):
        at = estimate.at(n)
        found.append(sequential_p(replace(at, mean=2.5 * at.error, df=1e6), PLAN))
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.02 < 0.3 < found[0]


def fixed(n: int, noise: float) -> Estimate:
    """Seeds on one split of 200 rows, whose mean is 0.2."""
    draw = np.random.default_rng(3)
    rows = 0.2 + draw.normal(size=200)
    trainings = [Training(np.arange(200), rows + noise * draw.normal()) for _ in range(n)]
    found = estimate_rows(trainings, 1000)
    assert found is not None
    return found


def test_seeds_that_repeat_each_other_are_one_look() -> None:
    once, again = fixed(5, 0.0), fixed(20, 0.0)
    assert information(again, PLAN, 20) == pytest.approx([1.0] * 4)
    assert sequential_p(once, PLAN) == pytest.approx(once.p_value(), rel=1e-6)
    assert sequential_p(again, PLAN) == pytest.approx(again.p_value(), rel=1e-3)
    assert hopeless(once, 0.01, PLAN)
    assert not hopeless(fixed(5, 3.0), 0.5, PLAN)


def test_a_look_between_rotations_at_known_rows_asks_for_more_not_for_the_impossible() -> None:
    """15 trainings count half of the rows twice: their mean is that of 10, and noise."""
    width = {}
    for n in (10, 15, 20):
        estimate = made(PURE, n)
        low, high = sequential_interval(estimate, PLAN)
        width[n] = (high - low) / 2 / estimate.error
    assert width[10] == pytest.approx(2.0, abs=0.05)
    assert 2.2 < width[15] < 2.6
    assert width[20] == pytest.approx(2.05, abs=0.1)


def test_hopeless_waits_for_rows_that_were_tested_twice() -> None:
    for n in (5, 10):
        assert not hopeless(made(PURE, n), 1e-3, PLAN)
    assert hopeless(made(PURE, 15), 1e-3, PLAN)  # no training can tell more
    assert not hopeless(replace(folds(15, 0.01, 0.0, 1.0), mean=0.2), 0.01, PLAN)
    assert hopeless(folds(25, 0.01, 0.0, 1.0), 0.01, PLAN)  # a mean of 0, five trainings to go
    assert not hopeless(folds(25, 0.01, 0.0, 1.0), 1.0, PLAN)  # "same" is near
    far = replace(folds(25, 0.01, 0.0, 1.0), mean=0.4)
    assert not hopeless(far, 0.01, PLAN)  # a difference is near
    assert hopeless(replace(far, mean=0.2), 0.01, PLAN)


@each_world
def test_stopping_at_any_look_errs_as_often_as_it_says(world: World) -> None:
    """Equal learners: the boundary at every look, looking at p instead, coverage, giving up."""
    draw, studies = np.random.default_rng(1), 150
    margin = 0.3 * detectable(world)
    wrong = naive = trained = 0
    for _ in range(studies):
        trainings = world.study(draw, 0.0)
        crossed = small = stopped = False
        for n in PLAN.times(30):
            estimate = after(trainings, n)
            low, high = sequential_interval(estimate, PLAN)
            crossed |= not low <= 0 <= high
            small |= estimate.p_value() <= 0.05
            trained += 0 if stopped else 5
            stopped = stopped or crossed or hopeless(estimate, margin, PLAN)
        wrong += crossed
        naive += small
    assert 0.005 <= wrong / studies <= 0.07  # the repeated interval covers in the others
    assert naive >= wrong + 0.01 * studies
    assert world is not NOISE or naive / studies >= 0.09
    assert trained / studies <= 0.75 * 30


@each_world
def test_differences_are_found_with_far_fewer_trainings(world: World) -> None:
    draw, studies = np.random.default_rng(2), 60
    truth = 1.5 * detectable(world)
    found, trained, ruled = 0, 0, 0
    for _ in range(studies):
        trainings = world.study(draw, truth)
        for n in PLAN.times(30):
            estimate = after(trainings, n)
            if sequential_p(estimate, PLAN) <= 0.05:
                found += 1
                break
            if hopeless(estimate, 0.3 * truth, PLAN):
                break
        trained += n
        low, high = sequential_interval(estimate, PLAN)
        ruled += low <= truth <= high
    assert found / studies >= 0.93
    assert trained / studies <= 0.6 * 30
    assert ruled / studies >= 0.93


def test_equal_learners_are_called_the_same_early_and_unequal_ones_rarely() -> None:
    """At a true difference of exactly the margin, "same" at any look errs in 5%."""
    draw, studies = np.random.default_rng(4), 60
    margin = 1.3 * detectable(HALF)
    same = {margin: 0, 0.0: 0}
    for truth in same:
        for _ in range(studies):
            trainings = HALF.study(draw, truth)
            estimates = (after(trainings, n) for n in PLAN.times(30))
            same[truth] += any(sequential_same_p(e, margin, PLAN) <= 0.05 for e in estimates)
    assert same[margin] / studies <= 0.09
    assert same[0.0] / studies >= 0.8
