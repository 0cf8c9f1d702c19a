"""The tests keep their promises in worlds where the truth is known; every seed is fixed.

Each rate is over 2,000 replicates, so its own standard error at 5% is 0.5 points.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from worlds import (
    FIXED_SEEDS,
    FIXED_TEST,
    TEST,
    TRAIN,
    Array,
    fixed_split_errors,
    resplit_errors,
)

from nearfar.analysis.statistics import (
    Estimate,
    corrected_mean,
    corrected_paired_t,
    fixed_split_t,
    holm,
    mean_over_seeds,
)

REPLICATES = 2000


def corrected(differences: Array) -> Estimate:
    return corrected_paired_t(differences, TEST, TRAIN)


def rejections(rows: Array, test: Callable[[Array], Estimate]) -> float:
    return float(np.mean([test(row).p_value() <= 0.05 for row in rows]))


def coverage(estimates: Iterable[Estimate], truth: float) -> float:
    intervals = [estimate.interval() for estimate in estimates]
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@pytest.mark.parametrize("seed", [1, 2])
def test_exchangeable_learners_on_overlapping_splits(seed: int) -> None:
    errors = resplit_errors(seed, REPLICATES, learners=2)
    differences = errors[:, 0] - errors[:, 1]
    assert rejections(differences, corrected) <= 0.065
    assert rejections(differences, mean_over_seeds) >= 0.10


@pytest.mark.parametrize(("labels", "tested"), [(0.5, 1.0), (0.125, 1.0), (1.0, 0.5), (0.25, 0.5)])
def test_conditions_are_tested_with_the_rows_of_the_split(labels: float, tested: float) -> None:
    """A fraction of labels, or of the test rows: the correction by the split's rows still holds."""
    errors = resplit_errors(3, REPLICATES, learners=2, labels=labels, tested=tested)
    differences = errors[:, 0] - errors[:, 1]
    assert 0.01 <= rejections(differences, corrected) <= 0.065
    assert rejections(differences, mean_over_seeds) >= 0.08


def test_it_is_the_shared_rows_that_mislead_the_plain_test() -> None:
    errors = resplit_errors(3, REPLICATES, learners=2, fresh=True)
    differences = errors[:, 0] - errors[:, 1]
    assert 0.035 <= rejections(differences, mean_over_seeds) <= 0.065
    assert rejections(differences, corrected) <= 0.03  # the correction costs power there


def test_overlap_correlates_the_differences_about_as_the_correction_supposes() -> None:
    def correlation(errors: Array) -> float:
        differences = errors[:, 0] - errors[:, 1]
        n = differences.shape[1]
        return float((n * differences.mean(axis=1).var() / differences.var() - 1) / (n - 1))

    supposed = TEST / (TEST + TRAIN)
    overlapping = correlation(resplit_errors(4, REPLICATES, learners=2))
    assert overlapping == pytest.approx(supposed, abs=0.03)
    assert abs(correlation(resplit_errors(4, REPLICATES, learners=2, fresh=True))) < 0.02


def test_holm_keeps_the_chance_of_any_false_finding() -> None:
    errors = resplit_errors(5, REPLICATES, learners=6)
    differences = errors[:, 1:] - errors[:, :1]
    p_values = [[corrected(row).p_value() for row in arms] for arms in differences]
    assert np.mean([min(p) <= 0.05 for p in p_values]) >= 0.10
    assert np.mean([min(holm(p)) <= 0.05 for p in p_values]) <= 0.065


@pytest.fixture(scope="module")
def planted() -> Array:
    """The second learner sees blurred features: worse in truth."""
    return resplit_errors(6, REPLICATES, learners=2, blur=4.0)


def test_a_planted_difference_is_found(planted: Array) -> None:
    found = [corrected(row) for row in planted[:, 1] - planted[:, 0]]
    significant = [estimate for estimate in found if estimate.p_value() <= 0.05]
    assert len(significant) / REPLICATES >= 0.55
    wrong_way = sum(estimate.mean < 0 for estimate in significant)
    assert wrong_way / REPLICATES <= 0.002


def test_intervals_cover_the_truth(planted: Array) -> None:
    differences = planted[:, 1] - planted[:, 0]
    truth = float(differences.mean())
    assert 0.935 <= coverage(map(corrected, differences), truth) <= 0.97
    assert coverage(map(mean_over_seeds, differences), truth) <= 0.90

    one_arm = planted[:, 0]
    truth = float(one_arm.mean())
    intervals = (corrected_mean(row, TEST, TRAIN) for row in one_arm)
    assert 0.935 <= coverage(intervals, truth) <= 0.97
    assert coverage(map(mean_over_seeds, one_arm), truth) <= 0.90


def test_equivalence_is_seldom_claimed_at_the_margin_and_often_well_inside(planted: Array) -> None:
    differences = planted[:, 1] - planted[:, 0]
    truth = float(differences.mean())
    estimates = [corrected(row) for row in differences]

    def claimed(margin: float) -> float:
        return float(np.mean([e.equivalence_p(margin) <= 0.05 for e in estimates]))

    assert claimed(0.9 * truth) <= claimed(truth) <= 0.065
    assert claimed(2.5 * truth) >= 0.80


def test_a_fixed_splits_error_counts_its_rows() -> None:
    truth = float(
        np.mean([np.subtract(*fixed_split_errors(s, 1000, 100)).mean() for s in range(100, 104)])
    )
    first, second = fixed_split_errors(7, REPLICATES, FIXED_TEST)
    differences = first - second  # (replicates, seeds, rows)
    estimates = [fixed_split_t(d.mean(axis=1), d.mean(axis=0)) for d in differences]
    assert 0.935 <= coverage(estimates, truth) <= 0.97
    spread = differences.mean(axis=(1, 2)).var(ddof=1)
    assert np.mean([e.error**2 for e in estimates]) == pytest.approx(spread, rel=0.10)

    seeds_alone = [mean_over_seeds(d.mean(axis=1)) for d in differences]
    assert seeds_alone[0].n == FIXED_SEEDS
    assert coverage(seeds_alone, truth) <= 0.70
