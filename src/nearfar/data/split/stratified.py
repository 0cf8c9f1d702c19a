"""Rows divided so that every part has its share of every class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nearfar.data.split.groups import groups_of_several

Ints = npt.NDArray[np.int64]
Wished = tuple[int, int, int]

_FIRST_SERVED = (0, 2, 1)
"""A class with too few rows for all parts has one in training, then in test, then in validation."""


def place_stratified(groups: Ints, labels: Ints, wished: Wished, rng: np.random.Generator) -> Ints:
    """Return the part (0, 1, 2: training, validation, test) of every row.

    Groups of several rows come first, the largest before the others, each into a part with room,
    with a chance in proportion to the room there for the classes of its rows. Single rows then fill
    the parts class by class.

    The parts have exactly the wished sizes as long as enough rows are single ones, and each class
    its share to within a row or two. A class has at least one row in every part where it has enough
    rows, and the part has at least as many rows as there are classes.

    Args:
        groups: int64 (n,), from 0.
        labels: int64 (n,), class numbers from 0.
        wished: rows of each part, n in all.
        rng: draws the rows.
    """
    part = np.full(len(groups), -1, dtype=np.int64)
    totals = np.bincount(labels)
    room = totals[:, None] * np.array(wished)[None, :] / len(labels)
    _place_groups(part, groups, labels, room, rng)
    single = np.flatnonzero(part < 0)
    placed = np.zeros((len(totals), 3), dtype=np.int64)
    np.add.at(placed, (labels[part >= 0], part[part >= 0]), 1)
    counts = np.bincount(labels[single], minlength=len(totals))
    quotas = _quotas(counts, room, placed, [p for p in _FIRST_SERVED if wished[p]])
    _level(quotas, room, placed, np.array(wished) - placed.sum(axis=0))
    order = single[rng.permutation(len(single))]
    order = order[np.argsort(labels[order], kind="stable")]
    part[order] = np.concatenate([np.repeat(np.arange(3), row) for row in quotas])
    return part


def _place_groups(
    part: Ints,
    groups: Ints,
    labels: Ints,
    room: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Place the rows of groups with several of them; ``room`` (classes, parts) shrinks."""
    for rows in groups_of_several(groups, rng):
        share = np.bincount(labels[rows], minlength=len(room))
        fits = np.where(room.sum(axis=0) >= len(rows) - 0.5, share @ np.maximum(room, 0), 0)
        if fits.sum() > 0:
            chosen = int(rng.choice(3, p=fits / fits.sum()))
        else:
            chosen = int(np.argmax(room.sum(axis=0)))
        part[rows] = chosen
        room[:, chosen] -= share


def _quotas(
    counts: Ints, room: npt.NDArray[np.float64], placed: Ints, served: Sequence[int]
) -> Ints:
    """Return how many single rows of each class each part gets: the largest remainders go up."""
    shares = np.maximum(room, 0)
    whole = shares.sum(axis=1, keepdims=True)
    shares = np.where(whole > 0, shares, [1.0, 0.0, 0.0])
    exact = counts[:, None] * shares / shares.sum(axis=1, keepdims=True)
    quotas: Ints = np.floor(exact + 1e-9).astype(np.int64)
    for k, missing in enumerate(counts - quotas.sum(axis=1)):
        for p in np.argsort(-(exact[k] - quotas[k]), kind="stable")[:missing]:
            quotas[k, p] += 1
        for p in served:
            rich = int(np.argmax(quotas[k]))
            if quotas[k, p] + placed[k, p] == 0 and quotas[k, rich] > (p != 0):
                quotas[k, rich] -= 1
                quotas[k, p] += 1
    return quotas


def _level(quotas: Ints, room: npt.NDArray[np.float64], placed: Ints, wished: Ints) -> None:
    """Move single rows between parts until these have the wished sizes, the least unfair first."""
    over = quotas - room
    while (surplus := quotas.sum(axis=0) - wished).any():
        giving = np.where(quotas.any(axis=0), surplus, 0)
        source, sink = int(np.argmax(giving)), int(np.argmin(surplus))
        if giving[source] <= 0 or surplus[sink] >= 0:
            return
        spare = quotas[:, source] + (placed[:, source] > 0) > 1
        if not spare.any():  # more classes than rows in a part: its size comes first
            spare = quotas[:, source] > 0
        gain = np.where(spare, over[:, source] - over[:, sink], -np.inf)
        k = int(np.argmax(gain))
        quotas[k, source] -= 1
        quotas[k, sink] += 1
        over[k, source] -= 1
        over[k, sink] += 1


def draw(labels: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Return ``size`` row numbers, ascending: of every class its share, and one where possible."""
    wished = (size, 0, len(labels) - size)
    part = place_stratified(np.arange(len(labels)), labels, wished, rng)
    chosen: Ints = np.flatnonzero(part == 0)
    return chosen
