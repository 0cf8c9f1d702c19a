"""Folds: every row tested once a repeat, sizes and classes even, groups whole."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import equal_splits, made_rows

from nearfar.data import (
    DataOptions,
    Dataset,
    Split,
    SplitOptions,
    load_dataset,
    split_rows,
)
from nearfar.data.inputs.smiles import scaffolds
from nearfar.data.split.folds import deal
from nearfar.errors import UserError


def rows_of(
    count: int,
    groups: list[int] | None = None,
    labels: list[int] | None = None,
    group: str | None = "g",
) -> Dataset:
    return made_rows(range(count) if groups is None else groups, None, labels, group)


def folded(**options: Any) -> SplitOptions:
    return SplitOptions.model_validate({"kind": "folds", **options})


def trainings(dataset: Dataset, options: SplitOptions, first: int = 0) -> list[Split]:
    return [split_rows(dataset, options, first + k) for k in range(options.folds or 0)]


def divided(splits: list[Split], groups: np.ndarray) -> list[int]:
    """The groups that have rows in two parts of one training."""
    found = []
    for split in splits:
        parts = [set(groups[rows]) for rows in (split.train, split.validation, split.test)]
        found += [*(parts[0] & parts[1]), *(parts[0] & parts[2]), *(parts[1] & parts[2])]
    return found


@pytest.fixture(scope="module")
def esol() -> Dataset:
    options = DataOptions(source="molecules", path="esol.csv", target="log_solubility")
    return load_dataset(options, Path())


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(30, 200),
    folds=st.integers(2, 12),
    classes=st.integers(0, 4),
    seed=st.integers(0, 200),
)
def test_every_row_is_tested_once_and_parts_are_all_rows(
    rows: int, folds: int, classes: int, seed: int
) -> None:
    labels = [row % classes for row in range(rows)] if classes else None
    dataset, repeat = rows_of(rows, labels=labels), seed // folds * folds
    splits = trainings(dataset, folded(folds=folds), repeat)
    tested = np.concatenate([split.test for split in splits])
    assert sorted(tested) == list(range(rows))
    for split in splits:
        parts = np.concatenate([split.train, split.validation, split.test])
        assert sorted(parts) == list(range(rows))
        assert len(split.validation) == max(round(0.1 * (rows - len(split.test))), 2)
        for part in (split.train, split.validation, split.test):
            assert part.dtype == np.int64
            assert (np.diff(part) > 0).all()


@settings(deadline=None, max_examples=100)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=7),
    folds=st.integers(2, 11),
    seed=st.integers(0, 50),
)
def test_single_rows_are_dealt_evenly_in_all_and_of_each_class(
    counts: list[int], folds: int, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    fold = deal(np.arange(len(labels)), labels, folds, np.random.default_rng(seed))
    assert np.ptp(np.bincount(fold, minlength=folds)) <= 1
    for k in range(len(counts)):
        assert np.ptp(np.bincount(fold[labels == k], minlength=folds)) <= 1


@settings(deadline=None, max_examples=100)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=8, max_size=40),
    classes=st.integers(1, 3),
    seed=st.integers(0, 50),
)
def test_groups_are_dealt_whole_and_single_rows_level_out(
    sizes: list[int], classes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = rng.integers(0, classes, len(groups))
    folds = 4
    fold = deal(groups, labels, folds, rng)
    assert set(fold) <= set(range(folds))
    assert all(len(set(fold[groups == g])) == 1 for g in range(len(sizes)))
    single = np.isin(groups, np.flatnonzero(np.array(sizes) == 1))
    totals = np.bincount(fold, minlength=folds)
    with_single = np.bincount(fold[single], minlength=folds) > 0
    assert not (with_single & (totals > totals.min() + 1)).any()


def test_enough_single_rows_make_folds_exact() -> None:
    groups = np.concatenate([np.repeat(np.arange(10), 7), np.arange(10, 43)])
    labels = np.arange(len(groups)) % 3
    for seed in range(5):
        fold = deal(groups, labels, 5, np.random.default_rng(seed))
        assert np.ptp(np.bincount(fold)) <= 1


def test_groups_of_one_class_are_spread_over_the_folds() -> None:
    """Ten groups of five rows, of one class each: folds by size alone would mix them at random."""
    groups, labels = np.repeat(np.arange(20), 5), np.repeat([0, 1], 50)
    for seed in range(5):
        fold = deal(groups, labels, 5, np.random.default_rng(seed))
        assert all(np.bincount(fold[labels == k]).tolist() == [10] * 5 for k in (0, 1))


def test_groups_stay_whole_in_validation_too() -> None:
    groups = [row // 3 for row in range(120)]
    labels = [row % 2 for row in range(120)]
    dataset = rows_of(120, groups, labels)
    for by in ("rows", "group"):
        splits = trainings(dataset, folded(folds=5, by=by, validation=0.2))
        assert not divided(splits, dataset.groups)
        assert {len(split.test) for split in splits} == {24}


def test_scaffolds_stay_whole_where_asked_for(esol: Dataset) -> None:
    """And with them identical molecules, which are groups anyway."""
    numbers = np.unique(scaffolds(esol.smiles), return_inverse=True)[1]
    splits = trainings(esol, folded(folds=4, by="scaffold"))
    assert not divided(splits, numbers)
    assert not divided(splits, esol.groups)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(len(esol)))
    by_rows = trainings(esol, folded(folds=4))
    assert divided(by_rows, numbers)
    assert not divided(by_rows, esol.groups)
    assert {len(split.test) for split in by_rows} == {282}


def test_classes_are_in_proportion_in_every_part() -> None:
    labels = [0] * 600 + [1] * 300 + [2] * 100
    splits = trainings(rows_of(1000, labels=labels), folded(validation=0.2))
    for split in splits:
        of = [Counter(np.array(labels)[rows].tolist()) for rows in (split.test, split.validation)]
        assert of[0] == {0: 60, 1: 30, 2: 10}
        assert of[1] == {0: 108, 1: 54, 2: 18}


def test_a_training_is_the_same_whatever_else_is_asked_for() -> None:
    dataset, other = rows_of(50), rows_of(70)
    forward = [split_rows(dataset, folded(folds=5), seed) for seed in range(15)]
    for seed in reversed(range(15)):
        split_rows(other, folded(folds=5), seed)
        assert equal_splits(split_rows(dataset, folded(folds=5), seed), forward[seed])


def test_repeats_deal_anew() -> None:
    dataset = rows_of(60)
    tested = [split_rows(dataset, folded(folds=5), seed).test for seed in (0, 5, 10, 500)]
    assert len({tuple(rows) for rows in tested}) == 4
    validated = [split_rows(dataset, folded(folds=5), seed).validation for seed in range(5)]
    assert len({tuple(rows) for rows in validated}) == 5


def test_a_fold_is_drawn_without_regard_to_the_order_of_rows() -> None:
    """Each of 40 rows falls into the first of 4 folds in a quarter of 400 repeats."""
    dataset = rows_of(40)
    drawn = np.zeros(40)
    for repeat in range(400):
        drawn[split_rows(dataset, folded(folds=4), 4 * repeat).test] += 1
    assert drawn.sum() == 4000
    assert (np.abs(drawn - 100) < 5 * np.sqrt(400 * 0.25 * 0.75)).all()


REFUSED: dict[str, tuple[Dataset, dict[str, Any], str]] = {
    "few rows": (rows_of(15), {}, "15 rows are too few for 10 folds: .* at most 7 folds"),
    "two rows": (rows_of(3), {"folds": 2}, "would have 1, at least 2 needed; there is nothing"),
    "more folds than rows": (rows_of(5), {"folds": 9}, "a fold would have 0, .* at most 2 folds"),
    "no rows to train on": (rows_of(4), {"folds": 2}, "train would have 0, .* more folds"),
    "all is validation": (
        rows_of(20),
        {"folds": 2, "validation": 0.9},
        "train would have 1, at least 2 needed; choose a smaller validation",
    ),
    "a large group": (
        rows_of(100, [0] * 40 + list(range(1, 61))),
        {},
        "the largest has 40 of 100 rows, .* instead of 10; choose fewer folds \\(at most 5\\)",
    ),
    "a group for most rows": (
        rows_of(100, [0] * 80 + list(range(1, 21))),
        {"folds": 3},
        "the largest has 80 of 100 rows, .* there must be smaller groups",
    ),
    "three groups": (
        rows_of(150, [0] * 53 + [1] * 50 + [2] * 47),
        {},
        "instead of 15; split: folds: 3, validation: 0.5 gives each part whole groups; or choose",
    ),
    "three groups and too small a validation": (
        rows_of(150, [0] * 53 + [1] * 50 + [2] * 47),
        {"folds": 3},
        "validation would get 0 rows instead of 10; split: folds: 3, validation: 0.5 gives",
    ),
    "two groups": (
        rows_of(40, [0] * 20 + [1] * 20),
        {"folds": 3},
        "there must be 3 groups at least, one for each part",
    ),
    "no groups": (rows_of(40, group=None), {"by": "group"}, "set data: group"),
    "no scaffolds": (rows_of(40), {"by": "scaffold"}, "needs molecules; use by: rows"),
    "a class of one row": (
        rows_of(40, labels=[0] * 39 + [1]),
        {"folds": 4},
        "class 'class 1' has 1 row in the test part and none for training: give it rows in more "
        "groups, or leave its rows out of the data",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_divided_is_refused(case: str) -> None:
    dataset, options, words = REFUSED[case]
    with pytest.raises(UserError, match=words) as caught:
        trainings(dataset, folded(**options))
    assert "\n" not in str(caught.value)


def test_as_few_folds_as_the_refusal_names_are_possible() -> None:
    dataset = rows_of(100, [0] * 40 + list(range(1, 61)))
    splits = trainings(dataset, folded(folds=5))
    assert sorted(len(split.test) for split in splits) == [15, 15, 15, 15, 40]
