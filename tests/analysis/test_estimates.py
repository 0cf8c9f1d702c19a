"""Estimates, tests and Holm's method against scipy, statsmodels and numbers by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nearfar.analysis.estimate import Estimate, breakdowns_not_excluded
from nearfar.analysis.statistics import decide, holm, reduction_percent
from nearfar.analysis.variance import Parts

VALUES = [0.26, 0.25, 0.24, 0.246, 0.28]


def students(values: list[float]) -> Estimate:
    n = len(values)
    return Estimate(float(np.mean(values)), float(stats.sem(values)), n - 1, n)


def test_interval_and_p_are_students() -> None:
    found, reference = students(VALUES), stats.ttest_1samp(VALUES, 0.2)
    interval = reference.confidence_interval(0.95)
    assert found.p_value(0.2) == pytest.approx(reference.pvalue)
    assert found.interval() == pytest.approx((interval.low, interval.high))
    assert found.interval(0.8) == pytest.approx(tuple(reference.confidence_interval(0.8)))


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, math.nan])
def test_a_level_lies_between_0_and_1(level: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, for instance 0\.95"):
        students(VALUES).interval(level)


def test_equivalence_is_two_one_sided_tests() -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    differences = [value - 0.25 for value in VALUES]
    for margin in (0.005, 0.02, 0.05):
        reference = DescrStatsW(differences).ttost_mean(-margin, margin)[0]
        assert students(differences).equivalence_p(margin) == pytest.approx(reference)


def test_the_smallest_margin_is_that_of_an_equivalence_at_5_percent() -> None:
    found = students([value - 0.25 for value in VALUES])
    assert found.equivalence_p(found.smallest_margin()) == pytest.approx(0.05)
    assert found.equivalence_p(found.smallest_margin(0.01)) == pytest.approx(0.01)


def test_probabilities_are_those_of_a_flat_prior() -> None:
    found = Estimate(-0.3, 0.2, 7, 8)
    known = stats.t(7, loc=-0.3, scale=0.2)
    chances = found.chances(0.1, "lower")
    assert chances.better == pytest.approx(known.cdf(-0.1))
    assert chances.same == pytest.approx(known.cdf(0.1) - known.cdf(-0.1))
    assert chances.worse == pytest.approx(known.sf(0.1))
    turned = found.chances(0.1, "higher")
    assert (turned.better, turned.worse) == pytest.approx((chances.worse, chances.better))
    tiny = Estimate(-50.0, 0.2, 200, 8)
    assert tiny.p_value() == pytest.approx(2 * stats.t.sf(250, 200), rel=1e-6)


def test_without_spread_only_no_difference_is_no_difference() -> None:
    same, apart = Estimate(0.0, 0.0, 3, 4), Estimate(0.1, 0.0, 3, 4)
    assert (same.p_value(), same.equivalence_p(0.01), same.interval()) == (1.0, 0.0, (0.0, 0.0))
    assert (apart.p_value(), apart.equivalence_p(0.05), apart.equivalence_p(0.2)) == (0, 1, 0)


def test_a_detectable_difference_is_found_as_often_as_it_says() -> None:
    """The usual approximation: t quantiles in place of the noncentral t."""
    found = Estimate(0.0, 0.5, 60, 61)
    size = found.detectable()
    beyond = stats.nct.sf(stats.t.ppf(0.975, 60), 60, size / 0.5)
    assert beyond == pytest.approx(0.8, abs=0.01)
    assert found.detectable(alpha=0.01) > size > found.detectable(power=0.5)


# How many trainings would decide.


def folds(mean: float, *, own: float, training: float, n: int = 10) -> Estimate:
    """What one rotation of ten folds of 200 rows says."""
    between = own + training
    parts = Parts("folds", n, 200, between, own, 0.0, training, own / n, 0.0, 10)
    return Estimate(mean, math.sqrt(parts.squared_error), parts.df, n, parts, "folds")


def decided(estimate: Estimate, n: int, margin: float) -> bool:
    there = estimate.at(n, 0.0)
    away = abs(there.mean) - stats.t.ppf(0.975, there.df) * there.error
    inside = margin - abs(there.mean) - stats.t.ppf(0.95, there.df) * there.error
    return max(away, inside) >= 0


@pytest.mark.parametrize(
    ("mean", "margin"), [(0.45, 1e-3), (0.3, 1e-3), (0.0, 0.3), (0.02, 0.2), (2.0, 0.1)]
)
def test_the_number_of_trainings_that_decides(mean: float, margin: float) -> None:
    estimate = folds(mean, own=0.5, training=1.0)
    after = next(n for n in itertools.count(11) if decided(estimate, n, margin))
    assert estimate.trainings_to_decide(margin) == after


def test_no_number_of_trainings_removes_what_rows_bring() -> None:
    shared = Parts("fixed", 5, 100, 0.04, 0.01, 0.01, 0.04, 0.01, 1.0, 1)
    quantile = stats.t.ppf(0.975, 99)
    for factor, found in ((0.98, False), (1.02, True)):
        estimate = Estimate(
            factor * quantile * 0.1, math.sqrt(shared.squared_error), shared.df, 5, shared
        )
        assert not estimate.decides(1e-3)
        assert (estimate.trainings_to_decide(1e-3) is not None) == found


def test_an_estimate_without_parts_stays_what_it_is() -> None:
    found = students(VALUES)
    assert found.at(100) == found


def test_breakdowns_that_were_not_seen_are_not_excluded() -> None:
    assert breakdowns_not_excluded(10) == pytest.approx(0.2589, abs=1e-4)
    assert stats.binom.pmf(0, 10, breakdowns_not_excluded(10)) == pytest.approx(0.05)


# Families, words, percent.


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


@pytest.mark.parametrize("wrong", [-0.01, 1.01, math.nan])
def test_holm_takes_probabilities_alone(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1, got"):
        holm([0.5, wrong])


@pytest.mark.parametrize(
    ("p_difference", "p_same", "difference", "direction", "asked", "word"),
    [
        (0.01, 0.9, -1.0, "lower", False, "better"),
        (0.01, 0.9, 1.0, "lower", True, "worse"),
        (0.01, 0.9, 1.0, "higher", False, "better"),
        (0.01, 0.9, -1.0, "higher", True, "worse"),
        (0.01, 0.01, -1.0, "lower", True, "same"),
        (0.01, 0.01, -1.0, "lower", False, "better"),
        (0.6, 0.05, 1.0, "lower", True, "same"),
        (0.6, 0.05, 1.0, "lower", False, "same"),
        (0.05, 0.06, -1.0, "lower", True, "better"),
        (0.051, 0.051, -1.0, "lower", True, "undecided"),
        (0.051, 0.051, -1.0, "lower", False, "undecided"),
    ],
)
def test_words(
    p_difference: float, p_same: float, difference: float, direction: str, asked: bool, word: str
) -> None:
    found = decide(difference, p_difference, p_same, direction, asked=asked)  # type: ignore[arg-type]
    assert found == word


def test_published_reductions() -> None:
    assert reduction_percent(6.154 - 6.544, 6.544) == pytest.approx(5.960, abs=1e-3)
    assert reduction_percent(0.1, 0.0) is None
    assert reduction_percent(0.1, -2.0) is None
