"""Rows unlike the training rows are told, and those like them are not."""

import numpy as np
import pytest

from nearfar.models.known import MOST, KnownRows

RNG = np.random.default_rng(0)


def known(rows: int = 500, columns: int = 6) -> KnownRows:
    features = (RNG.normal(size=(rows, columns)) * np.logspace(-3, 3, columns)).astype(np.float32)
    found = KnownRows.of([f"r{k}" for k in range(rows)], features)
    assert found is not None
    return found


def test_about_one_in_a_hundred_rows_like_those_of_training_is_told() -> None:
    found = known()
    new = (RNG.normal(size=(4000, 6)) * np.logspace(-3, 3, 6)).astype(np.float32)
    unlike, _ = found.compared(new)
    assert 0.002 < unlike.mean() < 0.03


def test_rows_far_out_in_the_smallest_column_are_told() -> None:
    found = known()
    new = np.zeros((3, 6), np.float32)
    new[1, 0], new[2, 5] = 0.02, 1e30
    unlike, _ = found.compared(new)
    assert unlike.tolist() == [False, True, True]


def test_the_nearest_rows_are_named_nearest_first() -> None:
    features = np.stack([np.arange(40), np.zeros(40)], axis=1).astype(np.float32)
    found = KnownRows.of([f"r{k}" for k in range(40)], features)
    assert found is not None
    unlike, nearest = found.compared(np.array([[7.2, 0], [7.2, 3]], np.float32))
    assert nearest[0] == ["r7", "r8", "r6"]
    assert unlike.tolist() == [False, True], "a column that never varied varies now"


def test_few_rows_are_kept_and_too_few_say_nothing() -> None:
    assert len(known(rows=MOST + 700).ids) == MOST
    assert KnownRows.of(["a"] * 5, np.ones((5, 2), np.float32)) is None
    assert KnownRows.of(["a"] * 50, np.ones((50, 0), np.float32)) is None


def test_rows_that_are_all_alike_make_any_other_unlike() -> None:
    found = KnownRows.of([str(k) for k in range(50)], np.ones((50, 2), np.float32))
    assert found is not None
    unlike, _ = found.compared(np.array([[1, 1], [1, 1.5]], np.float32))
    assert unlike.tolist() == [False, True]


@pytest.mark.parametrize("levels", [(4, 3), (2, 2, 2), (5,)])
def test_rows_with_copies_are_like_themselves(levels: tuple[int, ...]) -> None:
    draw = np.random.default_rng(3)
    cells = np.stack([draw.integers(0, level, 600) for level in levels], axis=1)
    features = (cells * 7.3 + 3.1 + 1000 * (cells[:, :1] == 0)).astype(np.float32)
    found = KnownRows.of([str(k) for k in range(600)], features)
    assert found is not None
    assert found.limit == 0
    unlike, _ = found.compared(features)
    assert not unlike.any()
    between, _ = found.compared(features[:20] + np.float32(0.5))
    assert between.all(), "a row between the cells is none of them"
    # As models kept them that were made before: scaled in float64.
    exact = ((features.astype(np.float64) - found.centre) / found.scale).astype(np.float32)
    before = KnownRows(found.ids, exact, found.centre, found.scale, 0.0)
    assert not before.compared(features)[0].any()


def test_what_is_kept_comes_back() -> None:
    found = known()
    again = KnownRows.from_arrays(found.ids, found.limit, found.to_arrays())
    new = RNG.normal(size=(50, 6)).astype(np.float32)
    assert again.compared(new)[1] == found.compared(new)[1]
