"""Estimates, tests and Holm's method against scipy, statsmodels and numbers by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nearfar.analysis.statistics import (
    Estimate,
    corrected_mean,
    corrected_paired_t,
    decide,
    fixed_split_t,
    holm,
    mean_over_seeds,
    reduction_percent,
)

VALUES = [0.26, 0.25, 0.24, 0.246, 0.28]


def test_plain_estimate_is_students_t() -> None:
    found = mean_over_seeds(VALUES)
    reference = stats.ttest_1samp(VALUES, 0.0)
    interval = reference.confidence_interval(0.95)
    assert found.std == pytest.approx(stats.tstd(VALUES))
    assert found.p_value() == pytest.approx(reference.pvalue)
    assert found.interval() == pytest.approx((interval.low, interval.high))
    assert found.interval(0.8) == pytest.approx(tuple(reference.confidence_interval(0.8)))


def test_corrected_test_by_hand() -> None:
    differences = [0.02, -0.01, 0.03, 0.04]  # mean 0.02, s² = 0.0014 / 3
    error = math.sqrt(0.0014 / 3 * (1 / 4 + 113 / 902))
    found = corrected_paired_t(differences, n_test=113, n_train=902)
    assert found.error == pytest.approx(error)
    assert found.p_value() == pytest.approx(2 * stats.t.sf(0.02 / error, 3))
    half = stats.t.ppf(0.975, 3) * error
    assert found.interval() == pytest.approx((0.02 - half, 0.02 + half))


def test_corrected_test_ignores_the_sign_of_the_difference() -> None:
    found = corrected_paired_t(VALUES, 10, 80)
    mirrored = corrected_paired_t([-v for v in VALUES], 10, 80)
    assert mirrored.p_value() == pytest.approx(found.p_value())
    assert mirrored.equivalence_p(0.3) == pytest.approx(found.equivalence_p(0.3))
    low, high = found.interval()
    assert mirrored.interval() == pytest.approx((-high, -low))


def test_fixed_split_adds_the_rows_variance_with_satterthwaites_freedom() -> None:
    rows = np.random.default_rng(0).normal(0, 0.2, 40)
    rows -= rows.mean()
    welch = stats.ttest_ind(VALUES, rows, equal_var=False)  # the same sum of two variances
    found = fixed_split_t(VALUES, rows)
    assert found.p_value() == pytest.approx(welch.pvalue)
    assert found.df_at(found.n) == pytest.approx(welch.df)
    assert found.error**2 == pytest.approx(np.var(VALUES, ddof=1) / 5 + np.var(rows, ddof=1) / 40)


def test_equivalence_is_two_one_sided_tests() -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    differences = np.array(VALUES) - 0.25
    for margin in (0.005, 0.02, 0.05):
        reference = DescrStatsW(differences).ttost_mean(-margin, margin)[0]
        assert mean_over_seeds(differences).equivalence_p(margin) == pytest.approx(reference)


@pytest.mark.parametrize("seed", range(4))
def test_holm_equals_statsmodels(seed: int) -> None:
    from statsmodels.stats.multitest import multipletests

    p_values = np.random.default_rng(seed).uniform(0, 0.2, 9).tolist()
    p_values[3] = p_values[5]  # a tie
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_holm_by_hand() -> None:
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_without_spread_only_no_difference_is_no_difference() -> None:
    same, apart = Estimate(0.0, 0.0, 3), Estimate(0.1, 0.0, 3)
    assert (same.p_value(), same.equivalence_p(0.0), same.interval()) == (1.0, 0.0, (0.0, 0.0))
    assert (apart.p_value(), apart.equivalence_p(0.05), apart.equivalence_p(0.2)) == (0, 1, 0)
    assert fixed_split_t([0.5] * 3, [0.5] * 9).p_value() == 0


@pytest.mark.parametrize(
    ("p_difference", "p_equivalence", "difference", "direction", "word"),
    [
        (0.01, 0.9, -1.0, "lower", "better"),
        (0.01, 0.9, 1.0, "lower", "worse"),
        (0.01, 0.9, 1.0, "higher", "better"),
        (0.01, 0.9, -1.0, "higher", "worse"),
        (0.01, 0.01, -1.0, "lower", "equivalent"),
        (0.6, 0.05, 1.0, "lower", "equivalent"),
        (0.05, 0.06, -1.0, "lower", "better"),
        (0.051, 0.051, -1.0, "lower", "undecided"),
    ],
)
def test_words(
    p_difference: float, p_equivalence: float, difference: float, direction: str, word: str
) -> None:
    assert decide(difference, p_difference, p_equivalence, direction) == word  # type: ignore[arg-type]


def test_published_reductions() -> None:
    assert reduction_percent(6.154 - 6.544, 6.544) == pytest.approx(5.960, abs=1e-3)
    assert reduction_percent(0.1, 0.0) is None


# How many seeds would decide.


def test_the_floor_of_esols_split_is_about_a_third_of_the_deviation() -> None:
    found = corrected_paired_t(VALUES, 113, 902)
    assert found.floor / found.std == pytest.approx(0.354, abs=1e-3)
    assert found.error_at(10**9) == pytest.approx(found.floor, rel=1e-6)


def brute_force(estimate: Estimate, margin: float, alpha: float) -> int:
    for n in itertools.count(3):
        error = math.sqrt(estimate.std**2 / n + estimate.floor**2)
        away = abs(estimate.mean) - stats.t.ppf(1 - alpha / 2, n - 1) * error
        inside = margin - abs(estimate.mean) - stats.t.ppf(1 - alpha, n - 1) * error
        if max(away, inside) >= 0:
            return n
    raise AssertionError


@pytest.mark.parametrize(
    ("mean", "margin", "alpha"),
    [(0.9, 0.0, 0.05), (0.75, 0.0, 0.05), (2.0, 0.0, 0.05), (0.0, 0.8, 0.05), (0.9, 0.1, 0.01)],
)
def test_the_number_of_seeds_that_decides(mean: float, margin: float, alpha: float) -> None:
    estimate = Estimate(mean, 1.0, 3, floor=math.sqrt(0.1))
    assert estimate.seeds_to_decide(margin, alpha) == brute_force(estimate, margin, alpha)


def test_no_number_of_seeds_decides_below_the_floor() -> None:
    floor = math.sqrt(113 / 902)
    assert Estimate(1.95 * floor, 1.0, 3, floor).seeds_to_decide(0.0) is None
    assert Estimate(1.97 * floor, 1.0, 3, floor).seeds_to_decide(0.0) is not None
    assert Estimate(0.0, 1.0, 3, floor).seeds_to_decide(1.64 * floor) is None
    assert Estimate(0.0, 1.0, 3, floor).seeds_to_decide(1.65 * floor) is not None
    assert Estimate(0.05, 1.0, 3).seeds_to_decide(0.0) == pytest.approx(
        (1.96 / 0.05) ** 2, rel=0.01
    )


def test_few_rows_set_a_floor_on_a_fixed_split() -> None:
    rows = np.tile([-1.0, 1.2], 20)
    assert fixed_split_t([0.09, 0.1, 0.11], rows).seeds_to_decide(0.0) is None
    assert fixed_split_t([0.09, 0.1, 0.11], rows / 10).seeds_to_decide(0.0) is not None


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_over_seeds([1.0]),
        lambda: mean_over_seeds([1.0, math.nan]),
        lambda: corrected_paired_t([0.1, 0.2], 10, 80),
        lambda: corrected_mean(VALUES, 0, 80),
        lambda: corrected_mean(VALUES, 10, 0),
        lambda: fixed_split_t([0.1, 0.2], [0.1] * 9),
        lambda: fixed_split_t(VALUES, [0.1]),
        lambda: fixed_split_t(VALUES, [0.1, math.inf]),
        lambda: mean_over_seeds([VALUES, VALUES]),
    ],
)
def test_what_no_test_can_stand_on_raises(call: object) -> None:
    with pytest.raises(ValueError, match="at least"):
        call()  # type: ignore[operator]
