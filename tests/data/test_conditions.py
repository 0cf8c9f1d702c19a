"""Rows to learn from under conditions: left out, labelled, mislabelled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from nearfar.data import Conditions, Dataset, Split, Vectors, conditioned, is_unseen
from nearfar.errors import UserError


def rows(count: int = 400, classes: tuple[str, ...] = ()) -> Dataset:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, len(classes), count) if classes else rng.normal(size=count)
    return Dataset(
        inputs=Vectors(rng.normal(size=(count, 2)), ["a", "b"]),
        ids=[str(k) for k in range(count)],
        names=[""] * count,
        smiles=[],
        source={},
        targets=np.asarray(targets, dtype=np.float64)[:, None],
        target_names=["y"],
        unit="",
        groups=np.arange(count),
        parts=None,
        digest="",
        classes=classes,
    )


def split_of(dataset: Dataset) -> Split:
    order = np.random.default_rng(1).permutation(len(dataset))
    train, validation, test = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def test_no_condition_changes_nothing() -> None:
    dataset = rows()
    split = split_of(dataset)
    changed, same = conditioned(dataset, split, Conditions(), 3)
    assert changed is dataset
    assert same is split


def test_what_is_unseen_is_neither_trained_nor_chosen_on_but_tested() -> None:
    dataset = rows()
    split = split_of(dataset)
    _, some = conditioned(dataset, split, Conditions(unseen=(-0.5, 0.25)), 0)
    target = dataset.targets[:, 0]
    inside = (target >= -0.5) & (target <= 0.25)
    assert np.array_equal(is_unseen(dataset, (-0.5, 0.25)), inside)
    for name in ("train", "validation"):
        before, after = getattr(split, name), getattr(some, name)
        assert np.array_equal(after, before[~inside[before]])
        assert len(after) < len(before)
    assert np.array_equal(some.test, split.test)


def test_classes_can_be_unseen() -> None:
    dataset = rows(classes=("x", "y", "z"))
    split = split_of(dataset)
    _, some = conditioned(dataset, split, Conditions(unseen=("z", "x")), 0)
    assert set(dataset.targets[some.train, 0]) == {1.0}
    assert set(dataset.targets[some.test, 0]) == {0.0, 1.0, 2.0}


@pytest.mark.parametrize("fraction", [0.05, 0.4])
def test_spurious_targets_are_those_of_other_rows(fraction: float) -> None:
    dataset = rows()
    split = split_of(dataset)
    changed, same = conditioned(dataset, split, Conditions(label_noise=fraction), 5)
    assert same is split
    differs = np.flatnonzero(changed.targets[:, 0] != dataset.targets[:, 0])
    assert set(differs) <= set(split.train)
    assert len(differs) == round(fraction * len(split.train))
    assert set(changed.targets[differs, 0]) <= set(dataset.targets[split.train, 0])


def test_more_spurious_targets_hold_the_fewer_ones() -> None:
    dataset = rows()
    split = split_of(dataset)
    few, _ = conditioned(dataset, split, Conditions(label_noise=0.1), 5)
    many, _ = conditioned(dataset, split, Conditions(label_noise=0.3), 5)
    other, _ = conditioned(dataset, split, Conditions(label_noise=0.1), 6)
    hit = few.targets != dataset.targets
    assert np.array_equal(few.targets[hit], many.targets[hit])
    assert not np.array_equal(few.targets, other.targets)


def test_spurious_targets_mean_nothing() -> None:
    """Their correlation with what they were is what chance gives."""
    dataset = rows(20_000)
    split = Split(np.arange(19_990), np.arange(19_990, 19_995), np.arange(19_995, 20_000))
    changed, _ = conditioned(dataset, split, Conditions(label_noise=0.5), 0)
    hit = (changed.targets != dataset.targets)[:, 0]
    found = np.corrcoef(changed.targets[hit, 0], dataset.targets[hit, 0])[0, 1]
    assert abs(found) < 4 / np.sqrt(hit.sum())
    assert abs(changed.targets[hit].std() - dataset.targets.std()) < 0.02


def test_spurious_classes_are_all_others_alike() -> None:
    dataset = rows(6_000, ("x", "y", "z", "w"))
    split = Split(np.arange(5_000), np.arange(5_000, 5_500), np.arange(5_500, 6_000))
    changed, _ = conditioned(dataset, split, Conditions(label_noise=0.4), 0)
    hit = np.flatnonzero(changed.targets[:, 0] != dataset.targets[:, 0])
    assert len(hit) == 2_000
    was = dataset.targets[hit, 0] == 0
    became = changed.targets[hit[was], 0]
    for other in (1, 2, 3):
        count = int((became == other).sum())
        assert binomtest(count, int(was.sum()), 1 / 3).pvalue > 1e-4


def test_labels_and_noise_go_together() -> None:
    dataset = rows()
    split = split_of(dataset)
    changed, some = conditioned(dataset, split, Conditions(labels=0.5, label_noise=0.2), 0)
    assert len(some.train) == len(split.train) // 2
    differs = np.flatnonzero(changed.targets[:, 0] != dataset.targets[:, 0])
    assert set(differs) <= set(some.train)
    assert len(differs) == round(0.2 * len(some.train))


def test_conditions_are_the_same_from_plain_values() -> None:
    for conditions in (
        Conditions(),
        Conditions(unseen=(0.0, 1.0), label_noise=0.1),
        Conditions(unseen=("a",), labels=0.5),
    ):
        assert Conditions.of({"digest": "x", **conditions.to_plain()}) == conditions
    assert Conditions().to_plain() == {}


@pytest.mark.parametrize(
    ("conditions", "classes", "phrase"),
    [
        (Conditions(unseen=(5.0, 9.0)), (), "unseen: 0 of 80 test rows"),
        (Conditions(unseen=(-9.0, 9.0)), (), "unseen: leaves 0 train rows"),
        (Conditions(unseen=("b", "c")), (), r"needs \[lowest, highest\]"),
        (Conditions(unseen=("xx",)), ("x", "y"), "unseen: no class is called 'xx'"),
        (Conditions(labels=0.005), ("x", "y", "z"), "fewer than the 3 classes"),
    ],
)
def test_impossible_conditions_are_refused(
    conditions: Conditions, classes: tuple[str, ...], phrase: str
) -> None:
    dataset = rows(classes=classes)
    with pytest.raises(UserError, match=phrase):
        conditioned(dataset, split_of(dataset), conditions, 0)


def test_a_range_of_several_targets_is_refused() -> None:
    dataset = rows()
    two = replace(dataset, targets=np.hstack([dataset.targets] * 2), target_names=["y", "z"])
    with pytest.raises(UserError, match="this study has several"):
        conditioned(two, split_of(two), Conditions(unseen=(0.0, 1.0)), 0)


def test_the_shipped_molecules_halve_by_scaffold() -> None:
    from nearfar.data import DataOptions, load_dataset
    from nearfar.data.inputs.smiles import scaffolds

    whole = {"source": "molecules", "path": "esol.csv", "target": "log_solubility"}
    first, second = (
        load_dataset(DataOptions(**whole, half=half), Path())  # type: ignore[arg-type]
        for half in ("first", "second")
    )
    assert not set(first.ids) & set(second.ids)
    assert len(first) + len(second) == 1128
    assert abs(len(first) - len(second)) < 60
    assert not set(scaffolds(first.smiles)) & set(scaffolds(second.smiles))
    assert first.digest != second.digest
    batch = first.inputs.select(torch.tensor([3]))
    again = type(first.inputs).from_smiles([first.smiles[3]])  # type: ignore[attr-defined]
    assert np.array_equal(batch.atoms, again.atoms)
    assert np.array_equal(batch.bonds, again.bonds)
