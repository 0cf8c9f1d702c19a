"""Few rows stand for all: every part, class and target is among them."""

from dataclasses import replace

import numpy as np
import pytest

from nearfar.data import Dataset, Split, Vectors, split_rows
from nearfar.execution.estimate.few_rows import PREDEFINED, few_rows

ROWS = 400


def dataset(targets: np.ndarray, classes: tuple[str, ...] = ()) -> Dataset:
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    return Dataset(
        inputs=Vectors(values, ["a", "b", "c"]),
        ids=[str(k) for k in range(1, ROWS + 1)],
        names=[""] * ROWS,
        smiles=[],
        source={},
        targets=targets,
        target_names=[f"t{k}" for k in range(targets.shape[1])],
        unit="",
        groups=np.arange(ROWS),
        parts=None,
        digest="0" * 64,
        classes=classes,
    )


WHOLE = Split(np.arange(320), np.arange(320, 360), np.arange(360, 400))


@pytest.mark.parametrize("rows", [16, 48, 192])
def test_parts_keep_their_shares_and_are_those_that_a_stage_finds(rows: int) -> None:
    few, split = few_rows(dataset(np.arange(ROWS, dtype=float)[:, None]), WHOLE, rows)
    assert abs(len(few) - rows) <= 8
    assert len(split.train) == round(0.8 * rows)
    found = split_rows(few, PREDEFINED, 0)
    for part in ("train", "validation", "test"):
        assert np.array_equal(getattr(found, part), getattr(split, part))
        assert set(few.targets[getattr(split, part), 0]) <= set(getattr(WHOLE, part))


def test_all_rows_are_all_rows() -> None:
    whole = dataset(np.arange(ROWS, dtype=float)[:, None])
    few, _ = few_rows(whole, WHOLE, ROWS)
    assert few.ids == whole.ids
    assert np.array_equal(few.inputs.arrays()["values"], whole.inputs.arrays()["values"])


def test_rows_are_tested_of_classes_alone_that_are_learnt() -> None:
    labels = (np.arange(ROWS) % 40).astype(float)[:, None]
    few, split = few_rows(dataset(labels, tuple(f"c{k}" for k in range(40))), WHOLE, 16)
    learnt = set(few.targets[split.train, 0])
    assert len(learnt) == len(split.train)
    assert set(few.targets[split.test, 0]) | set(few.targets[split.validation, 0]) <= learnt


def test_every_part_has_each_of_several_targets_though_these_have_gaps() -> None:
    targets = np.full((ROWS, 3), np.nan)
    targets[:, 0] = 1.0
    targets[::37, 1], targets[5::39, 2] = 2.0, 3.0
    few, split = few_rows(dataset(targets), WHOLE, 16)
    for part in (split.train, split.validation, split.test):
        assert (~np.isnan(few.targets[part])).any(axis=0).all()
    assert replace(few, parts=None).parts is None
