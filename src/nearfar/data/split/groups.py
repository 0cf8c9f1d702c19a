"""Rows that belong together."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset


def groups_of_several(
    groups: npt.NDArray[np.int64], rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Return the rows of every group with more than one: large groups first, equal ones shuffled.

    ``groups`` is int64 (rows,), numbered from 0.
    """
    counts = np.bincount(groups)
    several = np.flatnonzero(counts > 1)
    several = several[rng.permutation(len(several))]
    several = several[np.argsort(-counts[several], kind="stable")]
    members = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)])
    return [members[starts[group] : starts[group + 1]] for group in several]


def merged_groups(keys: Sequence[Sequence[Hashable]], rows: int) -> npt.NDArray[np.int64]:
    """Number the groups of rows that share a value in any of ``keys``, directly or by others.

    Args:
        keys: some labellings of all rows; with none, every row is a group of its own.
        rows: how many rows there are.

    Returns:
        int64 (rows,): groups numbered from 0 by first appearance.
    """
    parent = list(range(rows))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for labelling in keys:
        first: dict[Hashable, int] = {}
        for row, key in enumerate(labelling):
            one, other = root(first.setdefault(key, row)), root(row)
            parent[max(one, other)] = min(one, other)
    roots = [root(row) for row in range(rows)]
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(found, len(numbers)) for found in roots], dtype=np.int64)


def scaffold_groups(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Return the groups of molecules, int64 (rows,), those with the same scaffold joined."""
    from nearfar.data.inputs.smiles import scaffolds

    return merged_groups([scaffolds(dataset.smiles), dataset.groups.tolist()], len(dataset))
