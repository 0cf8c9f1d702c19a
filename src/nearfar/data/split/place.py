"""Rows drawn into training, validation and test part, groups whole, classes in proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Index, Split
from nearfar.data.split.groups import groups_of_several
from nearfar.data.split.stratified import place_stratified
from nearfar.data.strata import strata_of
from nearfar.errors import UserError

PARTS = ("train", "validation", "test")
SMALLEST = 2
"""Rows that a part has at least."""


def place_rows(
    dataset: Dataset, rows: Index, wished: tuple[int, int, int], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the part (0, 1, 2) of every row in ``rows``, groups whole, strata in proportion.

    Strata are classes, rare labels or gaps (:mod:`nearfar.data.strata`). The parts have nearly
    ``wished`` rows, which add up to all of them; ``rng`` draws.
    """
    groups = dataset.groups[rows]
    strata = strata_of(dataset)
    if strata is None:
        return _place(groups, wished, rng)
    return place_stratified(groups, strata[rows], wished, rng)


def _place(
    groups: Index, wished: tuple[int, int, int], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the part (0, 1, 2) of every row.

    Groups of several rows come first, the largest before the others, each into a part that has
    room, with a chance in proportion to the room. Single rows then fill the parts exactly.
    """
    part = np.full(len(groups), -1)
    room = np.array(wished)
    for rows in groups_of_several(groups, rng):
        fits = np.where(room >= len(rows), room, 0)
        chosen = int(rng.choice(3, p=fits / fits.sum())) if fits.sum() else int(np.argmax(room))
        part[rows] = chosen
        room[chosen] -= len(rows)
    single = np.flatnonzero(part < 0)
    single = single[rng.permutation(len(single))]
    part[single] = np.repeat([2, 1, 0], np.maximum(room[::-1], 0))[: len(single)]
    return part


def with_validation(
    dataset: Dataset, rows: Index, fraction: float, rng: np.random.Generator, remedy: str
) -> npt.NDArray[np.int64]:
    """Return 1 for the rows among ``rows`` that become the validation part, 0 for training.

    At least two rows do, where there are as many; groups stay whole, and classes in proportion.

    Raises:
        UserError: groups are too large for that; ``remedy`` is what a user can do.
    """
    size = max(round(fraction * len(rows)), min(SMALLEST, len(rows)))
    wished = (len(rows) - size, size, 0)
    part = place_rows(dataset, rows, wished, rng)
    check_sizes(part, wished, dataset.groups[rows], remedy)
    return part


def check_sizes(
    part: npt.NDArray[np.int64],
    wished: Sequence[float],
    groups: Index,
    remedy: str,
    names: Sequence[str] = PARTS,
) -> None:
    """Refuse parts that groups have pushed far from their wished sizes.

    Args:
        part: int64 (rows,), the part of every row, from 0.
        wished: rows of each part.
        groups: int64 (rows,), the group of every row, from 0.
        remedy: what a user can do, empty where that is said elsewhere.
        names: what the parts are called.

    Raises:
        UserError: a part has less than half, or more than double, of its wished rows.
    """
    sizes = np.bincount(part, minlength=len(wished))
    for k, size in enumerate(wished):
        if not size / 2 <= sizes[k] <= size * 2:
            raise UserError(
                f"groups are too large to split: the largest has {np.bincount(groups).max()} of "
                f"{len(groups)} rows, and {names[k]} would get {sizes[k]} rows instead of "
                f"{size:g}{remedy and f'; {remedy}'}"
            )


def too_few_groups(groups: Index) -> str:
    """Return what there must be where parts outnumber the groups; empty where they do not."""
    if len(np.unique(groups)) >= len(PARTS):
        return ""
    return f"there must be {len(PARTS)} groups at least, one for each part"


def split_of(part: npt.NDArray[np.int64]) -> Split:
    """Return the rows of each part; ``part`` is int64 (rows,): 0, 1 or 2."""
    train, validation, test = (np.flatnonzero(part == k) for k in range(3))
    return Split(train, validation, test)
