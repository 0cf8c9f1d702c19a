"""Classes and labels of which so few rows are tested that numbers about them say little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nearfar.data.dataset import Dataset, Split

FEW = 20
"""Tested rows of a class, or with a label, below which a reader is warned."""


def rare_in_tests(dataset: Dataset, splits: Iterable[Split]) -> dict[str, int]:
    """Return the classes, or labels, of which fewer than 20 different rows are tested.

    Args:
        dataset: the rows.
        splits: of all trainings.

    Returns:
        Class or label → rows of it that at least one split tests. Empty for numbers.
    """
    rows = np.unique(np.concatenate([split.test for split in splits]))
    if dataset.classes:
        numbers = dataset.targets[rows, 0].astype(np.int64)
        counts = np.bincount(numbers, minlength=len(dataset.classes)).tolist()
        names = list(dataset.classes)
    elif dataset.multilabel:
        counts = np.nansum(dataset.targets[rows], axis=0).astype(int).tolist()
        names = dataset.target_names
    else:
        return {}
    return {name: n for name, n in zip(names, counts, strict=True) if n < FEW}


def classes_not_tested(dataset: Dataset, splits: Mapping[int, Split]) -> dict[str, list[int]]:
    """Return the classes of which some training tests no row: class → the seeds of these.

    Args:
        dataset: the rows.
        splits: of all trainings, by seed.
    """
    found: dict[str, list[int]] = {}
    for seed, split in splits.items() if dataset.classes else ():
        numbers = dataset.targets[split.test, 0].astype(np.int64)
        counts = np.bincount(numbers, minlength=len(dataset.classes))
        for number in np.flatnonzero(counts == 0).tolist():
            found.setdefault(dataset.classes[number], []).append(seed)
    return found
