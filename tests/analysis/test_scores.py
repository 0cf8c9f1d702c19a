"""``nearfar.compare_scores``: what it finds, what it refuses, and against scipy on one split."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from worlds import FIVE, Floats, Splits, differences, fixed, folds, resplits

import nearfar
from nearfar.analysis.estimate import estimate_rows
from nearfar.analysis.scores import ScoreComparison

ROWS = 100
Scores = list[Floats]


def made(
    splits: Splits, shift: float = 0.0, spread: float = 0.3, seed: int = 0
) -> tuple[Scores, Scores]:
    """Absolute errors around 1; those of the first are ``shift`` larger on average."""
    random = np.random.default_rng(seed)
    base = 1 + random.normal(0, 0.2, size=ROWS)
    a, b = [], []
    for test in splits.test:
        b.append(base[test] + random.normal(0, spread, size=len(test)))
        a.append(base[test] + random.normal(0, spread, size=len(test)) + shift)
    return a, b


def ten_folds() -> Splits:
    return folds(np.random.default_rng(1), ROWS, 10)


def compare(splits: Splits, a: Scores, b: Scores, **more: Any) -> ScoreComparison:
    return nearfar.compare_scores(a, b, test_rows=splits.test, n_rows=ROWS, **more)


def test_what_is_found_is_what_the_estimator_says() -> None:
    splits = resplits(np.random.default_rng(2), ROWS, 8)
    a, b = made(splits, 0.05)
    found, said = compare(splits, a, b), estimate_rows(differences(splits, a, b), ROWS)
    assert said is not None
    assert (found.low, found.high) == said.interval()
    assert (found.difference, found.p, found.df) == (said.mean, said.p_value(), said.df)
    assert found.smallest_margin == said.smallest_margin()
    assert (found.standard_error, found.design, found.n) == (said.error, "resplits", 8)
    chances = said.chances(found.margin, "lower")
    assert (found.p_better, found.p_same, found.p_worse) == (
        chances.better,
        chances.same,
        chances.worse,
    )
    assert found.p_better + found.p_same + found.p_worse == pytest.approx(1)


@pytest.mark.parametrize(
    ("draw", "design"), [(folds, "folds"), (resplits, "resplits"), (fixed, "fixed")]
)
@pytest.mark.parametrize(
    ("shift", "better", "word"),
    [
        (-0.5, "lower", "better"),
        (0.5, "lower", "worse"),
        (0.5, "higher", "better"),
        (-0.5, "higher", "worse"),
    ],
)
def test_a_large_difference_is_found(
    draw: Any, design: str, shift: float, better: str, word: str
) -> None:
    splits = draw(np.random.default_rng(3), ROWS, 10)
    a, b = made(splits, shift)
    found = compare(splits, a, b, better=better)
    assert (found.verdict, found.design) == (word, design)
    assert found.low < shift < found.high
    assert {"better": found.p_better, "worse": found.p_worse}[word] > 0.99


def test_repeated_trainings_on_one_split_are_scipys_paired_t() -> None:
    splits = fixed(np.random.default_rng(4), 400, 3)
    random = np.random.default_rng(5)
    mine, base = random.normal(1.1, 0.4, 40), random.normal(1.0, 0.4, 40)
    found = nearfar.compare_scores([mine] * 3, [base] * 3, test_rows=splits.test, n_rows=400)
    reference = stats.ttest_rel(mine, base)
    interval = reference.confidence_interval()
    assert (found.p, found.df) == (pytest.approx(reference.pvalue), pytest.approx(39))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.difference == pytest.approx(mine.mean() - base.mean())


def test_a_sure_difference_inside_a_margin_is_none_where_one_was_asked_for() -> None:
    splits = ten_folds()
    a, b = made(splits, 0.03, spread=0.02)
    assert compare(splits, a, b).verdict == "worse"
    assert compare(splits, a, b).margin == pytest.approx(0.1 * np.mean([s.mean() for s in b]))
    assert compare(splits, a, b, margin=0.1).verdict == "same"
    assert compare(splits, a, b, margin=0.01).verdict == "worse"
    assert compare(splits, a, b, margin=0.1).p < 1e-3


def test_arms_that_hardly_differ_are_the_same_by_the_default_margin() -> None:
    splits = ten_folds()
    found = compare(splits, *made(splits, spread=0.02))
    assert found.verdict == "same"
    assert found.smallest_margin < found.margin
    wide = compare(splits, *made(splits, spread=0.3))
    assert wide.verdict == "undecided"
    assert wide.smallest_margin > wide.margin


def test_the_default_margin_of_right_and_wrong_is_two_points() -> None:
    splits, random = ten_folds(), np.random.default_rng(6)
    a, b = ([random.integers(0, 2, 10).tolist() for _ in range(10)] for _ in range(2))
    assert compare(splits, a, b).margin == 0.02  # type: ignore[arg-type]
    a[0][0] = 0.5  # type: ignore[call-overload]
    assert compare(splits, a, b).margin != 0.02  # type: ignore[arg-type]


def test_rows_of_a_group_count_as_one() -> None:
    random = np.random.default_rng(7)
    splits, of = folds(random, ROWS, 10, group=5), np.arange(ROWS) // 5
    together = random.normal(size=20).repeat(5)
    a = [1 + together[test] for test in splits.test]
    b = [np.ones(len(test)) for test in splits.test]
    names = np.array([f"patient {k}" for k in of])
    grouped, alone = compare(splits, a, b, groups=names), compare(splits, a, b)
    assert grouped == compare(splits, a, b, groups=of)
    assert grouped.standard_error > alone.standard_error
    assert alone == compare(splits, a, b, groups=np.arange(ROWS)[::-1])  # each row its own
    two = fixed(random, ROWS, 3, group=5)
    d = [together[test] + 0.3 for test in two.test]
    found = compare(two, d, [0 * x for x in d], groups=of)
    reference = stats.ttest_1samp(d[0].reshape(-1, 5).mean(axis=1), 0.0)
    assert found.p == pytest.approx(reference.pvalue)


def test_a_score_that_is_no_number_withholds_the_verdict() -> None:
    splits = ten_folds()
    for bad in (math.nan, math.inf):
        a, b = made(splits)
        a[3][2] = bad
        found = compare(splits, a, b)
        assert (found.verdict, found.design, found.n) == ("withheld", None, 10)
        numbers = (found.difference, found.low, found.p, found.p_same, found.standard_error)
        assert all(math.isnan(number) for number in numbers)


def test_two_trainings_are_too_few_for_a_verdict() -> None:
    splits = folds(np.random.default_rng(8), ROWS, 2)
    a, b = made(splits, -0.9, spread=0.01)
    found = compare(splits, a, b)
    assert (found.verdict, found.n) == ("undecided", 2)
    assert found.difference == pytest.approx(-0.9, abs=0.01)
    for number in (found.low, found.high, found.p, found.p_better, found.smallest_margin, found.df):
        assert math.isnan(number)
    assert found.margin == pytest.approx(0.1, abs=0.02)


def test_a_single_group_is_too_little_for_a_verdict() -> None:
    splits = ten_folds()
    found = compare(splits, *made(splits, -0.9), groups=np.zeros(ROWS))
    assert (found.verdict, math.isnan(found.p)) == ("undecided", True)


def test_trainings_that_agree_on_every_row_are_no_certainty() -> None:
    splits = fixed(np.random.default_rng(9), ROWS, 5)
    right, wrong = [np.ones(10)] * 5, [np.zeros(10)] * 5
    found = compare(splits, right, right)
    assert (found.p, found.verdict) == (1.0, "undecided")
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 10))
    assert 0 < compare(splits, right, wrong, better="higher").p < 0.05


GOOD: dict[str, Any] = {
    "a": [[1.0, 2.0], [1.0, 3.0], [2.0, 2.0]],
    "b": [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]],
    "test_rows": [[0, 1], [2, 3], [4, 5]],
    "n_rows": 6,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_rows": []}, "test_rows is empty: needs the tested rows of every training"),
        ({"test_rows": [[0, 1], [], [4, 5]]}, r"test_rows\[1\] must be whole numbers"),
        ({"test_rows": [[0.0, 1.0], [2, 3], [4, 5]]}, r"test_rows\[0\] must be .*, got float64"),
        ({"test_rows": [[[0, 1]], [2, 3], [4, 5]]}, r"\(tested,\), got int64 \(1, 2\)"),
        ({"test_rows": [[0, 1], [2, 3], [4, 6]]}, r"test_rows\[2\] holds 4 to 6; rows are 0 to 5"),
        ({"test_rows": [[-1, 1], [2, 3], [4, 5]]}, r"test_rows\[0\] holds -1 to 1"),
        ({"test_rows": [[0, 1], [3, 3], [4, 5]]}, r"test_rows\[1\] holds a row twice"),
        ({"a": [[1.0, 2.0]]}, "a has 1 trainings, test_rows 3"),
        ({"b": []}, "b has 0 trainings, test_rows 3"),
        ({"b": [[1.0], [2.0, 2.0], [3.0, 3.0]]}, r"b\[0\] must be scores \(2,\), .* got \(1,\)"),
        ({"a": [[1, 2], [[1], [2]], [1, 2]]}, r"a\[1\] must be scores \(2,\)"),
        ({"groups": [0, 0, 1]}, r"groups must be \(6,\), the group of every row, got \(3,\)"),
        ({"groups": [0, 0, None, 1, 1, 1]}, r"groups\[2\] is missing \(None\): give the group of"),
        ({"groups": ["a", "a", "b", math.nan, "b", "b"]}, r"groups\[3\] is missing \(nan\)"),
        ({"groups": np.array([0, math.nan, 1, 1, 2, 2])}, r"groups\[1\] is missing \(nan\)"),
        ({"groups": [pd.NA, 1, 1, 1, 2, 2]}, r"groups\[0\] is missing \(<NA>\)"),
        ({"groups": pd.to_datetime(["2020"] * 5 + [None])}, r"groups\[5\] is missing \(NaT\)"),
        ({"groups": np.array([1, "a"] * 3, object)}, "groups must be of one type that can be"),
        ({"better": "smaller"}, "better must be 'lower' or 'higher', got 'smaller'"),
        ({"margin": 0.0}, r"margin must be a number above 0, got 0\.0"),
        ({"margin": -1}, "margin must be a number above 0, got -1"),
        ({"margin": math.nan}, "margin must be a number above 0, got nan"),
        ({"margin": math.inf}, "margin must be a number above 0, got inf"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    nearfar.compare_scores(**GOOD)
    with pytest.raises(ValueError, match=message):
        nearfar.compare_scores(**{**GOOD, **change})


def test_a_real_comparison_from_start_to_end() -> None:
    """The docstring's example in life: two ways of learning, ten folds, one call."""
    world, random = FIVE[2], np.random.default_rng(10)
    data = world.draw(random, rows=300)
    splits = folds(random, 300, 10)
    a, b = world.scores(data, splits, random)
    found = nearfar.compare_scores(a, b, test_rows=splits.test, n_rows=300)
    assert found.design == "folds"
    assert found.low < found.difference < found.high
    assert abs(found.difference - world.difference) < 4 * found.standard_error


def test_no_row_wrong_is_as_sure_however_it_is_coded() -> None:
    rows = [np.arange(100)[k::10] for k in range(10)]
    wrong, right = ([np.full(10, value)] * 10 for value in (0.0, 1.0))
    errors = nearfar.compare_scores(wrong, wrong, test_rows=rows, n_rows=100)
    hits = nearfar.compare_scores(right, right, test_rows=rows, n_rows=100, better="higher")
    assert (errors.low, errors.high) == (hits.low, hits.high)
    assert errors.high == pytest.approx(1 - 0.05 ** (1 / 100))
    assert errors.verdict == hits.verdict == "undecided"


@pytest.mark.parametrize("n_rows", [60.5, "60", None, 0, True])
def test_a_number_of_rows_is_one(n_rows: object) -> None:
    with pytest.raises(ValueError, match="n_rows must be a whole number above 0"):
        nearfar.compare_scores([[1.0]], [[1.0]], test_rows=[[0]], n_rows=n_rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1e-99, 1e-80, 1e-55, 1e80, 1e99])
@pytest.mark.parametrize("trainings", [5, 12])
@pytest.mark.parametrize("draw", [folds, resplits, fixed])
def test_scores_of_any_size_are_compared_alike(draw: Any, trainings: int, size: float) -> None:
    splits = draw(np.random.default_rng(11), ROWS, trainings)
    a, b = made(splits, 0.05)
    one = compare(splits, a, b)
    found = compare(splits, [size * x for x in a], [size * x for x in b])
    assert (found.verdict, found.design) == (one.verdict, one.design)
    assert (found.p, found.df, found.p_same) == pytest.approx((one.p, one.df, one.p_same), rel=1e-6)
    ends = (found.difference / size, found.low / size, found.high / size)
    assert ends == pytest.approx((one.difference, one.low, one.high))


def test_scores_whose_squares_no_float_holds_are_refused() -> None:
    rows = [np.arange(4)] * 3
    huge = [np.array([1e160, 1.0, 2.0, 3.0])] * 3
    with pytest.raises(ValueError, match="between 1e-100 and 1e100"):
        nearfar.compare_scores(huge, huge, test_rows=rows, n_rows=4)
