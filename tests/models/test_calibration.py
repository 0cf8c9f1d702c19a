"""Intervals and sets hold what they promise, by target, by group, by who left a row out."""

import numpy as np
import pytest

from nearfar.models.calibration import Calibration
from nearfar.models.held_out import HeldOut

RNG = np.random.default_rng(0)


def calibration(
    out: np.ndarray, truth: np.ndarray, guess: np.ndarray, groups: np.ndarray | None = None
) -> Calibration:
    ids = [str(k) for k in range(len(truth))]
    own = np.arange(len(truth)) if groups is None else groups
    return Calibration.of(HeldOut(ids, out, truth, guess, own, "rows"))


def test_one_member_gives_split_conformal_by_hand() -> None:
    """Of 19 errors 0.1 to 1.9 the 18th, ceil(0.9 * 20), is the reach."""
    errors = np.arange(1, 20) / 10
    one = calibration(np.ones((19, 1), bool), errors[:, None], np.zeros((1, 19, 1)))
    low, high = one.intervals(np.array([[5.0, -1.0]]), 0.9, 0)
    np.testing.assert_allclose(high, [6.8, 0.8])
    np.testing.assert_allclose(low, [3.2, -2.8])


def test_members_that_left_out_different_rows_are_joined_as_cv_plus_does() -> None:
    """Against the definition, row by row: the quantiles of mu_-i(x) + R_i and of mu_-i(x) - R_i."""
    members, rows, level = 4, 37, 0.8
    out = RNG.random((rows, members)) < 0.5
    out[~out.any(axis=1), 0] = True
    truth, guess = RNG.normal(size=(rows, 1)), RNG.normal(size=(members, rows, 1))
    found = calibration(out, truth, guess)
    values = RNG.normal(size=(members, 6))
    low, high = found.intervals(values, level, 0)
    place = int(np.ceil(level * (rows + 1)))
    for x in range(6):
        means = np.array([values[out[i], x].mean() for i in range(rows)])
        reach = np.array([abs(truth[i, 0] - guess[out[i], i, 0].mean()) for i in range(rows)])
        assert high[x] == pytest.approx(np.sort(means + reach)[place - 1])
        assert low[x] == pytest.approx(-np.sort(reach - means)[place - 1])


@pytest.mark.parametrize("level", [0.6, 0.9])
def test_intervals_hold_the_share_that_was_asked_for(level: float) -> None:
    share = []
    for _ in range(200):
        truth = RNG.normal(size=(99, 1)) ** 3
        one = calibration(np.ones((99, 2), bool), truth, np.zeros((2, 99, 1)))
        low, high = one.intervals(np.zeros((2, 50)), level, 0)
        new = RNG.normal(size=50) ** 3
        share.append(np.mean((low <= new) & (new <= high)))
    assert level - 0.02 < np.mean(share) < level + 0.02


def test_a_target_that_few_rows_have_has_no_interval() -> None:
    truth = RNG.normal(size=(30, 2))
    truth[5:, 1] = np.nan
    found = calibration(np.ones((30, 1), bool), truth, np.zeros((1, 30, 2)))
    assert found.enough_for(0.9, 0)
    assert not found.enough_for(0.9, 1)
    assert found.enough_for(0.8, 1)
    assert found.least(0.9) == 9
    assert calibration(np.ones((9, 1), bool), truth[:9, :1], np.zeros((1, 9, 1))).enough_for(0.9, 0)


def test_a_group_counts_as_one_row_does() -> None:
    """Sixty rows of one group with errors of 100 do not widen what nineteen others say."""
    truth = np.concatenate([np.full(60, 100.0), np.arange(1, 20) / 10])[:, None]
    groups = np.concatenate([np.zeros(60, int), np.arange(1, 20)])
    found = calibration(np.ones((79, 1), bool), truth, np.zeros((1, 79, 1)), groups)
    _, high = found.intervals(np.zeros((1, 1)), 0.9, 0)
    assert high[0] == pytest.approx(1.9)
    assert not found.enough_for(0.96, 0), "twenty groups, not seventy-nine rows"
    assert found.known(0) == (20, "groups")
    assert calibration(np.ones((79, 1), bool), truth, np.zeros((1, 79, 1))).known(0) == (79, "rows")


def test_a_group_counts_once_for_every_target_that_any_of_its_rows_has() -> None:
    """Of each of 19 groups one row has the second target: 19 errors, not 19 quarters."""
    errors = np.arange(1, 20) / 10
    truth = np.full((76, 2), np.nan)
    truth[:, 0], truth[::4, 1] = np.repeat(errors, 4), errors
    found = calibration(np.ones((76, 1), bool), truth, np.zeros((1, 76, 2)), np.arange(76) // 4)
    assert found.known(0) == (19, "groups")
    assert found.known(1) == (19, "rows")
    for k in (0, 1):
        assert found.enough_for(0.9, k)
        _, high = found.intervals(np.zeros((1, 1)), 0.9, k)
        assert high[0] == pytest.approx(1.8)


def test_sets_of_classes_hold_the_share_that_was_asked_for_and_grow_with_it() -> None:
    logits = RNG.normal(size=(3000, 4)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.array([RNG.choice(4, p=row) for row in chances])
    known, new = slice(0, 1500), slice(1500, 3000)
    right = chances[np.arange(3000), classes]
    one = calibration(np.ones((1500, 1), bool), np.ones((1500, 1)), right[None, known, None])
    sizes = []
    for level in (0.7, 0.9):
        sets = one.sets(chances[None, new], level)
        assert abs(sets[np.arange(1500), classes[new]].mean() - level) < 0.03
        assert sets.any(axis=1).all()
        sizes.append(sets.sum(axis=1).mean())
    assert sizes[0] < sizes[1]


def test_a_part_of_the_members_has_the_errors_of_what_it_left_out() -> None:
    out = np.array([[True, False], [True, True], [False, True]] * 10)
    guess = RNG.normal(size=(2, 30, 1))
    found = calibration(out, np.zeros((30, 1)), guess).of_members([1])
    assert found is not None
    np.testing.assert_allclose(found.errors[:, 0], np.abs(guess[1, out[:, 1], 0]))
    nobody = calibration(np.array([[True, False]] * 9), np.zeros((9, 1)), np.zeros((2, 9, 1)))
    assert nobody.of_members([1]) is None
