"""The parts of a mean's variance: against a slow twin, scipy, statsmodels and numbers by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from worlds import Floats, Integers, Splits, fixed, folds, resplits

from nearfar.analysis.estimate import Estimate, estimate_rows, estimate_values
from nearfar.analysis.variance import FRESH, Parts, assumed_parts, measure
from nearfar.analysis.variance import Tested as Training

ROWS = 120


def scored(
    splits: Splits, seed: int = 0, *, row: float = 1.0, training: float = 0.3, rest: float = 0.5
) -> list[Training]:
    """Scores made as the model says: what a row brings, what a training brings, and the rest."""
    random = np.random.default_rng(seed)
    rows = row * random.normal(size=ROWS)
    return [
        Training(
            test, rows[test] + training * random.normal() + rest * random.normal(size=len(test))
        )
        for test in splits.test
    ]


def designed(name: str, n: int, seed: int = 0) -> Splits:
    draw = {"folds": folds, "resplits": resplits, "fixed": fixed}[name]
    return draw(np.random.default_rng(seed), ROWS, n)


def parts_of(trainings: Sequence[Training], groups: Integers | None = None) -> Parts:
    found = measure(trainings, groups, ROWS)
    assert found is not None
    return found.parts


def estimated(trainings: Sequence[Training], groups: Integers | None = None) -> Estimate:
    found = estimate_rows(trainings, ROWS, groups)
    assert found is not None
    return found


class Slow:
    """The formulas of docs/statistics.md, written as loops over trainings and units."""

    def __init__(self, trainings: Sequence[Training], groups: Integers | None) -> None:
        n = len(trainings)
        means = [sum(t.scores) / len(t.scores) for t in trainings]
        away: list[dict[int, float]] = []
        for training, mean in zip(trainings, means, strict=True):
            sums: dict[int, float] = {}
            for row, score in zip(training.rows, training.scores, strict=True):
                unit = int(row if groups is None else groups[row])
                sums[unit] = sums.get(unit, 0.0) + (score - mean) / len(training.rows)
            lift = math.sqrt(len(sums) / (len(sums) - 1))
            away.append({unit: lift * value for unit, value in sums.items()})
        self.between = stats.tvar(means)
        self.own = sum(value**2 for one in away for value in one.values()) / n
        self.shared = 0.0
        for s, one in enumerate(away):
            for other in away[:s] + away[s + 1 :]:
                self.shared += sum(one[unit] * other.get(unit, 0.0) for unit in one)
        self.shared = min(max(self.shared / (n * (n - 1)), 0.0), self.own)
        self.training = max(0.0, self.between - (self.own - self.shared))
        self.rows = self.shared + (self.own - self.shared) / n
        self.units = len({unit for one in away for unit in one})


GROUPS = np.arange(ROWS) // 4


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
@pytest.mark.parametrize(
    ("design", "n"), [("folds", 5), ("folds", 10), ("folds", 23), ("resplits", 7), ("fixed", 4)]
)
def test_parts_are_those_of_the_formulas(design: str, n: int, groups: Integers | None) -> None:
    trainings = scored(designed(design, n))
    found, slow = parts_of(trainings, groups), Slow(trainings, groups)
    assert found.design == design
    assert (found.n, found.units) == (n, slow.units)
    for name in ("between", "own", "shared", "training"):
        assert getattr(found, name) == pytest.approx(getattr(slow, name), abs=1e-15), name
    if design != "resplits":
        assert found.rows == pytest.approx(slow.rows)
        factor = 1.0 if design == "fixed" else 1.7
        assert found.squared_error == pytest.approx(factor * slow.rows + slow.training / n)


@pytest.mark.parametrize(("training", "larger"), [(0.5, "s²"), (0.0, "U")])
def test_one_rotation_is_the_larger_of_two_variances(training: float, larger: str) -> None:
    found = parts_of(scored(designed("folds", 10), 1, training=training))
    assert found.shared == 0.0
    assert (found.between > found.own) == (larger == "s²")
    plain = found.rows + found.training / 10
    assert plain == pytest.approx(max(found.between, found.own) / 10)


def test_one_rotation_is_restricted_maximum_likelihood() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    trainings = scored(designed("folds", 10), 2, training=0.8)
    found = parts_of(trainings)
    assert found.between > found.own
    scores = np.concatenate([t.scores for t in trainings])
    of = np.repeat(np.arange(10), 12)
    fitted = MixedLM(scores, np.ones((ROWS, 1)), groups=of).fit(reml=True)
    assert found.rows + found.training / 10 == pytest.approx(fitted.bse[0] ** 2, rel=1e-3)
    assert found.training == pytest.approx(float(fitted.cov_re[0, 0]), rel=1e-2)


def test_a_fixed_split_is_the_crossed_design() -> None:
    """Every training scores every row: (MS_training + MS_row - MS_rest) / (n · n_test)."""
    trainings = scored(designed("fixed", 6), 3)
    scores = np.stack([t.scores for t in trainings])
    n, tested = scores.shape
    by_training, by_row = scores.mean(axis=1), scores.mean(axis=0)
    rest = scores - by_training[:, None] - by_row + scores.mean()
    ms_training, ms_row = tested * by_training.var(ddof=1), n * by_row.var(ddof=1)
    ms_rest = np.square(rest).sum() / ((n - 1) * (tested - 1))
    found = parts_of(trainings)
    assert found.training > 0
    expected = (ms_training + ms_row - ms_rest) / (n * tested)
    assert found.squared_error == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_repeated_trainings_on_one_split_are_students_t_of_the_rows(n: int) -> None:
    (test,) = designed("fixed", 1).test
    scores = np.random.default_rng(4).normal(0.4, 1.0, len(test))
    found = estimated([Training(test, scores)] * n)
    reference = stats.ttest_1samp(scores, 0.0)
    assert found.error**2 == pytest.approx(scores.var(ddof=1) / len(test))
    assert found.df == pytest.approx(len(test) - 1)
    assert found.p_value() == pytest.approx(reference.pvalue)
    interval = reference.confidence_interval(0.9)
    assert found.interval(0.9) == pytest.approx((interval.low, interval.high))


def test_units_that_carry_the_variance_count_for_its_degrees_of_freedom() -> None:
    rows = np.arange(900)
    normal = np.random.default_rng(0).normal(size=900)
    few = np.where(rows < 10, (-1.0) ** rows, 0.0)
    for scores, df in ((normal, 899 * 2 / (stats.kurtosis(normal, fisher=False) - 1)), (few, 20.0)):
        for scale in (1e-30, 1.0, 1e30):
            found = measure([Training(rows, scale * scores)] * 3, None, 900)
            assert found is not None
            assert found.parts.df == pytest.approx(min(df, 899), rel=0.02)


def test_repeated_trainings_of_grouped_rows_are_students_t_of_the_groups() -> None:
    test = np.arange(40)
    scores = np.random.default_rng(5).normal(0.2, 1.0, 10).repeat(4) + 0.1 * np.arange(40) / 40
    found = estimated([Training(test, scores)] * 3, GROUPS)
    reference = stats.ttest_1samp(scores.reshape(10, 4).mean(axis=1), 0.0)
    assert found.p_value() == pytest.approx(reference.pvalue)
    assert found.p_value() > 2 * estimated([Training(test, scores)] * 3).p_value()


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
def test_units_that_are_tested_equally_often_weigh_the_same(groups: Integers | None) -> None:
    test = [
        np.arange(start, start + 2 * ROWS // 3) % ROWS for start in (0, ROWS // 3, 2 * ROWS // 3)
    ]
    trainings = scored(Splits(np.zeros((3, 0), dtype=np.int64), test), 6)
    found = measure(trainings, groups, ROWS)
    assert found is not None
    assert found.parts.design == "resplits"
    assert found.mean == pytest.approx(np.mean([t.mean for t in trainings]))
    assert found.parts.spread == pytest.approx(1.0)
    assert found.parts.rows == pytest.approx(Slow(trainings, groups).rows, rel=1e-6)


def weighted_by_hand(trainings: Sequence[Training]) -> tuple[float, float, float]:
    """Mean, b and n Σ w_s² of re-splits, row by row."""
    slow, n = Slow(trainings, None), len(trainings)
    size = len(trainings[0].rows)
    count = np.bincount(np.concatenate([t.rows for t in trainings]), minlength=ROWS)
    pairs = np.mean(
        [
            len(np.intersect1d(one.rows, other.rows))
            for one in trainings
            for other in trainings
            if one is not other
        ]
    )
    stays = min(slow.shared * size**2 / pairs, slow.own * size)
    rest = slow.own * size - stays
    mean = total = 0.0
    training = np.zeros(n)
    for row in np.flatnonzero(count):
        weight = 1 / (stays + rest / count[row])
        total += weight
        for s, one in enumerate(trainings):
            for score in one.scores[one.rows == row]:
                mean += weight * score / count[row]
                training[s] += weight / count[row]
    return mean / total, 1 / total, n * float(np.square(training / total).sum())


def test_rows_of_resplits_weigh_what_they_tell() -> None:
    trainings = scored(designed("resplits", 9), 7)
    found = measure(trainings, None, ROWS)
    assert found is not None
    mean, rows, spread = weighted_by_hand(trainings)
    assert (found.mean, found.parts.rows) == (pytest.approx(mean), pytest.approx(rows))
    assert found.parts.spread == pytest.approx(spread)
    assert found.mean != pytest.approx(np.mean([t.mean for t in trainings]), rel=1e-3)
    assert found.parts.rows < Slow(trainings, None).rows  # that is what it is good for
    error = FRESH * rows + Slow(trainings, None).training * spread / 9
    assert found.parts.squared_error == pytest.approx(error)


def known(found: Estimate) -> Floats:
    assert found.parts is not None
    return np.array([found.mean, found.error, found.df, found.parts.shared, found.parts.units])


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
@pytest.mark.parametrize(("design", "n"), [("folds", 10), ("resplits", 7), ("fixed", 4)])
def test_order_and_names_change_nothing(design: str, n: int, groups: Integers | None) -> None:
    trainings, random = scored(designed(design, n), 8), np.random.default_rng(9)
    expected = known(estimated(trainings, groups))
    turned = [trainings[s] for s in random.permutation(n)]
    assert known(estimated(turned, groups)) == pytest.approx(expected)
    mixed = []
    for t in trainings:
        order = random.permutation(len(t.rows))
        mixed.append(Training(t.rows[order], t.scores[order]))
    assert known(estimated(mixed, groups)) == pytest.approx(expected)
    number = random.permutation(ROWS)
    renamed = [Training(number[t.rows], t.scores) for t in trainings]
    relabelled = None
    if groups is not None:
        relabelled = np.empty_like(groups)
        relabelled[number] = 7 * random.permutation(ROWS)[groups]
    assert known(estimated(renamed, relabelled)) == pytest.approx(expected)


@pytest.mark.parametrize(("design", "n"), [("folds", 23), ("resplits", 7), ("fixed", 3)])
def test_a_shift_moves_the_mean_alone_and_a_scale_all(design: str, n: int) -> None:
    trainings = scored(designed(design, n), 10)
    found = estimated(trainings)
    shifted = estimated([replace(t, scores=t.scores + 5) for t in trainings])
    assert (shifted.mean, shifted.error) == pytest.approx((found.mean + 5, found.error))
    scaled = estimated([replace(t, scores=-3 * t.scores) for t in trainings])
    assert (scaled.mean, scaled.error) == pytest.approx((-3 * found.mean, 3 * found.error))
    assert (shifted.df, scaled.df) == pytest.approx((found.df, found.df))
    assert scaled.p_value() == pytest.approx(found.p_value())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("row", "rest"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_shared_variance_lies_between_none_and_all(seed: int, row: float, rest: float) -> None:
    for design, n in (("folds", 13), ("resplits", 5), ("fixed", 3)):
        found = parts_of(scored(designed(design, n, seed), seed, row=row, rest=rest))
        assert 0 <= found.shared <= found.own
        assert found.persistence is not None
        assert 0 <= found.persistence <= 1
        if not rest and design == "fixed":
            assert found.persistence == pytest.approx(1.0)


def test_groups_of_resplits_weigh_what_they_tell() -> None:
    """Groups of four that are tested together are rows that hold the mean of theirs."""
    splits = resplits(np.random.default_rng(14), ROWS, 7, group=4)
    trainings = scored(splits, 14)
    means = [Training(t.rows[::4] // 4, t.scores.reshape(-1, 4).mean(axis=1)) for t in trainings]
    grouped, alone = measure(trainings, GROUPS, ROWS), measure(means, None, ROWS // 4)
    assert grouped is not None
    assert alone is not None
    assert grouped.mean == pytest.approx(alone.mean)
    assert grouped.mean != pytest.approx(np.mean([t.mean for t in trainings]), rel=1e-3)
    for name in ("own", "shared", "training", "rows", "spread", "units", "squared_error", "df"):
        assert getattr(grouped.parts, name) == pytest.approx(getattr(alone.parts, name)), name


def test_what_stays_of_a_row_is_told_from_what_does_not() -> None:
    half = [parts_of(scored(designed("fixed", 10, s), s, rest=1.0)).persistence for s in range(60)]
    assert np.mean([share for share in half if share is not None]) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("design", "n"), [("folds", 10), ("folds", 4), ("folds", 13), ("folds", 30), ("resplits", 10)]
)
def test_designs_are_recognised(design: str, n: int) -> None:
    found = parts_of(scored(designed(design, n), 11))
    assert (found.design, found.rotation) == (design, 10)
    assert found.factor == FRESH


@pytest.mark.parametrize("n", [4, 10, 20])
def test_folds_of_rows_that_have_the_target_are_no_resplits(n: int) -> None:
    """Half of the rows lack the target: what is tested once each is half of the data set."""
    trainings = scored(designed("folds", n), 3)
    among_more = [Training(2 * t.rows, t.scores) for t in trainings]
    alone, found = measure(trainings, None, ROWS), measure(among_more, None, 2 * ROWS, 10)
    assert alone is not None
    assert found == alone
    assert measure(among_more, None, 2 * ROWS) != alone


def test_a_fixed_split_is_recognised_in_any_order() -> None:
    (test,) = designed("fixed", 1).test
    scores = np.arange(len(test), dtype=float)
    found = parts_of(
        [Training(test, scores), Training(test[::-1], scores), Training(test, scores**2)]
    )
    assert (found.design, found.factor, found.overlap) == ("fixed", 1.0, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("design", "n"), [("folds", 5), ("folds", 10), ("folds", 13), ("folds", 20), ("fixed", 4)]
)
def test_as_many_trainings_as_there_were_give_the_same_parts(design: str, n: int) -> None:
    found = parts_of(scored(designed(design, n), 12))
    again = found.at(n)
    for name in ("shared", "rows", "overlap", "units", "squared_error", "df"):
        assert getattr(again, name) == pytest.approx(getattr(found, name)), name


def test_more_trainings_remove_all_but_what_rows_bring() -> None:
    found = parts_of(scored(designed("folds", 20), 13))
    errors = [found.at(n).squared_error for n in (20, 40, 400, 10**9)]
    assert errors == sorted(errors, reverse=True)
    share = found.persistence
    assert share is not None
    assert errors[-1] == pytest.approx(FRESH * share * found.own / 10, rel=1e-6)
    once = parts_of(scored(designed("folds", 10), 13))
    assert once.persistence is None
    assert once.at(10**9, 0.0).squared_error < 1e-6 < once.at(10**9).squared_error
    assert parts_of(scored(designed("folds", 5), 13)).at(10).units == 120


def test_expected_parts_are_what_more_trainings_then_show() -> None:
    """From 20 trainings: the squared error of 40, on average over data sets."""
    said, shown = [], []
    for seed in range(150):
        trainings = scored(designed("folds", 40, seed), seed, training=0.3)
        said.append(parts_of(trainings[:20]).at(40).squared_error)
        shown.append(parts_of(trainings).squared_error)
    assert np.mean(said) == pytest.approx(np.mean(shown), rel=0.05)


def test_degrees_of_freedom_by_hand() -> None:
    fresh = Parts("folds", 10, 120, 0.5, 0.2, 0.0, 0.3, 0.02, 0.0, 10)
    error = 1.7 * 0.02 + 0.03
    assert fresh.squared_error == pytest.approx(error)
    assert fresh.df == pytest.approx(error**2 / ((1.7 * 0.02) ** 2 / 60 + 0.03**2 / 9))
    few = replace(fresh, n=5, rows=0.04, shared=0.0)
    assert few.df == pytest.approx(4)  # s² is all there is, and larger than U
    calm = replace(few, between=0.1, training=0.0)
    assert calm.df == pytest.approx(4 * 2.0**2)  # U twice s²
    assert replace(calm, between=0.0).df == pytest.approx(60)
    split = Parts("fixed", 3, 41, 0.01, 0.02, 0.02, 0.01, 0.02, 1.0, 1)
    assert split.df == 4  # never more from three seeds
    assert replace(split, repeated=True, between=0.0, training=0.0).df == 40
    assert replace(split, n=4).df > 30


def test_where_all_rows_agree_the_error_is_that_of_rows_not_seen() -> None:
    trainings = [Training(np.arange(40), np.full(40, 0.5))] * 3
    found = estimate_rows(trainings, ROWS, None, 0.5)
    assert found is not None
    unseen = 1 - 0.05 ** (1 / 40)
    assert found.half_width() == pytest.approx(0.5 * unseen)
    assert unseen == pytest.approx(3 / 40, rel=0.05)  # "rule of three"
    assert 0 < found.p_value() < 0.05
    none = estimate_rows([Training(np.arange(40), np.zeros(40))] * 3, ROWS, None, 1.0)
    assert none is not None
    assert (none.mean, none.p_value()) == (0.0, 1.0)
    assert none.smallest_margin() > 0


@pytest.mark.parametrize("same_row", [False, True])
def test_one_row_of_forty_in_each_of_three_seeds_says_nothing(same_row: bool) -> None:
    trainings = []
    for seed in range(3):
        scores = np.zeros(40)
        scores[0 if same_row else seed] = 1.0
        trainings.append(Training(np.arange(40), scores))
    found = estimate_rows(trainings, ROWS, None, 1.0)
    assert found is not None
    assert found.mean == pytest.approx(1 / 40)
    assert found.p_value() > 0.15  # the means of the seeds are all the same


def test_too_little_is_no_estimate() -> None:
    one = Training(np.arange(40), np.arange(40.0))
    assert estimate_rows([one], ROWS) is None
    assert estimate_rows([one, one], ROWS, np.zeros(ROWS, dtype=np.int64)) is None
    assert estimate_values([1.0], 10, ROWS) is None
    assert estimate_values([1.0, 1.0], 10, ROWS) is None


def test_without_rows_all_spread_is_owed_to_rows() -> None:
    """Then a mean over re-splits has the correlation that Nadeau and Bengio suppose, times c."""
    values = [0.2, 0.3, 0.25, 0.4]
    found = estimate_values(values, n_test=12, n_rows=120)
    assert found is not None
    expected = FRESH * stats.tvar(values) * (1 / 4 + 12 / 108)
    assert (found.error**2, found.df) == pytest.approx((expected, 3))
    rotated = estimate_values(values, n_test=12, n_rows=120, rotation=10)
    assert rotated is not None
    assert rotated.error**2 == pytest.approx(FRESH * stats.tvar(values) / 4)
    more = assumed_parts(1.0, 20, 12, 120, 10)
    assert more.shared / more.own == pytest.approx(more.overlap)
    assert more.at(10**9).squared_error == pytest.approx(FRESH * more.own / 10, rel=1e-6)
