"""Cross-validation: rows dealt into folds, of which every training tests another.

Training s tests fold s mod ``folds`` of repeat s div ``folds``, so that in every repeat each row is
tested exactly once. A repeat is drawn from its number alone: a training is the same however many
others there are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Index, Split
from nearfar.data.options import SplitOptions
from nearfar.data.split.groups import groups_of_several, scaffold_groups
from nearfar.data.split.place import (
    SMALLEST,
    check_sizes,
    split_of,
    too_few_groups,
    with_validation,
)
from nearfar.data.strata import strata_of
from nearfar.errors import UserError

Ints = npt.NDArray[np.int64]

_MOST_TRIED = 20
"""Folds of which it is tried whether they would work where those asked for do not."""


def fold_split(dataset: Dataset, options: SplitOptions, seed: int) -> Split:
    """Return the parts of one training: its fold is tested, some of the other rows validate.

    Args:
        dataset: the rows.
        options: of kind ``folds``.
        seed: number of the training, from 0.

    Raises:
        UserError: the rows are too few for so many folds, groups are too large, or the data have
            no groups or no scaffolds to go by.
    """
    folds = options.folds
    assert folds is not None
    assert options.validation is not None
    _check_rows(len(dataset), folds, options.validation)
    dataset = _kept_whole(dataset, options)
    try:
        return _training(dataset, folds, options.validation, seed)
    except UserError as error:
        remedy = _remedy(dataset, folds, options.validation, seed // folds)
        raise UserError(f"{error}; {remedy}") from None


def _training(dataset: Dataset, folds: int, validation: float, seed: int) -> Split:
    """Return the parts of one training of a data set whose groups are those to keep."""
    repeat, tested = divmod(seed, folds)
    strata = strata_of(dataset)
    classes = b"" if strata is None else strata.tobytes()
    fold = _folds_of_repeat(dataset.groups.tobytes(), classes, folds, repeat)
    check_sizes(
        fold,
        [round(len(dataset) / folds, 1)] * folds,
        dataset.groups,
        remedy="",
        names=[f"fold {number}" for number in range(folds)],
    )
    part = np.where(fold == tested, 2, 0)
    others = np.flatnonzero(fold != tested)
    # 1 + tested: numpy draws the same from (repeat, 0) as from the repeat's number, the folds' own.
    rng = np.random.default_rng((repeat, 1 + tested))
    part[others] = with_validation(dataset, others, validation, rng, remedy="")
    return split_of(part)


def _check_rows(rows: int, folds: int, validation: float) -> None:
    """Refuse folds that leave a part with fewer than two rows."""
    if rows < SMALLEST * folds:
        enough = rows // SMALLEST
        remedy = f"choose at most {enough} folds" if enough > 1 else "there is nothing to divide"
        raise UserError(
            f"{rows} rows are too few for {folds} folds: a fold would have {rows // folds}, at "
            f"least {SMALLEST} needed; {remedy}"
        )
    others = rows - -(-rows // folds)
    train = others - max(round(validation * others), SMALLEST)
    if train < SMALLEST:
        raise UserError(
            f"{rows} rows are too few for {folds} folds with validation {validation:g}: train would"
            f" have {max(train, 0)}, at least {SMALLEST} needed; choose a smaller validation or "
            "more folds"
        )


def _remedy(dataset: Dataset, folds: int, validation: float, repeat: int) -> str:
    """Return what helps where groups are too large: so many folds and such a share as work."""
    groups = len(np.unique(dataset.groups))
    for fewer in range(min(folds, groups, _MOST_TRIED), 1, -1):
        for share in dict.fromkeys([validation, one_of_the_others(fewer)]):
            if not _works(dataset, fewer, share, repeat):
                continue
            if share == validation:
                return f"choose fewer folds (at most {fewer}) or smaller groups"
            return (
                f"split: folds: {fewer}, validation: {share:g} gives each part whole groups; or "
                "choose smaller groups"
            )
    return too_few_groups(dataset.groups) or "there must be smaller groups"


def one_of_the_others(folds: int) -> float:
    """Return the share of the rows that are not tested that is as large as a fold, up to half."""
    return round(1 / max(folds - 1, 2), 2)


def _works(dataset: Dataset, folds: int, validation: float, repeat: int) -> bool:
    """Tell whether groups allow all trainings of a repeat."""
    try:
        _check_rows(len(dataset), folds, validation)
        for tested in range(folds):
            _training(dataset, folds, validation, repeat * folds + tested)
    except UserError:
        return False
    return True


def _kept_whole(dataset: Dataset, options: SplitOptions) -> Dataset:
    """Return the data set with the groups that no part may divide."""
    if options.by == "group" and dataset.source.get("group") is None:
        raise UserError("split 'folds' by group needs the column of the groups: set data: group")
    if options.by != "scaffold":
        return dataset
    if not dataset.smiles:
        raise UserError("split 'folds' by scaffold needs molecules; use by: rows or by: group")
    return replace(dataset, groups=scaffold_groups(dataset))


@lru_cache(maxsize=2)
def _folds_of_repeat(groups: bytes, classes: bytes, folds: int, repeat: int) -> Ints:
    """Return the fold of every row; all trainings of a repeat ask for the same.

    Args:
        groups: the bytes of int64 (rows,), groups from 0.
        classes: the bytes of int64 (rows,), classes or other strata from 0; empty without any.
        folds: how many.
        repeat: its number, from which all is drawn.
    """
    grouped: Index = np.frombuffer(groups, dtype=np.int64)
    labels = np.frombuffer(classes, dtype=np.int64) if classes else np.zeros_like(grouped)
    fold = deal(grouped, labels, folds, np.random.default_rng(repeat))
    fold.setflags(write=False)
    return fold


def deal(groups: Ints, labels: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """Return the fold of every row, groups whole, classes in proportion.

    Groups of several rows come first, the largest before the others, each into the fold that lacks
    most of such rows. Single rows then level out: as long as these are enough, folds differ by a
    row at most; and so do the folds' rows of each class, where there are no groups of several.

    Args:
        groups: int64 (rows,), from 0.
        labels: int64 (rows,), class numbers from 0; all 0 where there are no classes.
        folds: how many.
        rng: draws.
    """
    fold = np.full(len(groups), -1, dtype=np.int64)
    placed = _deal_groups(fold, groups, labels, folds, rng)
    single = np.flatnonzero(fold < 0)
    quotas = _quotas(np.bincount(labels[single], minlength=len(placed)), placed, rng)
    _level(quotas, placed)
    order = single[rng.permutation(len(single))]
    order = order[np.argsort(labels[order], kind="stable")]
    fold[order] = np.repeat(np.tile(np.arange(folds), len(placed)), quotas.ravel())
    return fold


def _deal_groups(
    fold: Ints, groups: Ints, labels: Ints, folds: int, rng: np.random.Generator
) -> Ints:
    """Write the fold of all rows in groups of several; return how many of each class each has.

    A group goes where it leaves the least sum of squared distances from the shares, of the classes
    and of all rows; among equals at random. The result is int64 (classes, folds).
    """
    totals = np.bincount(labels)
    room = np.repeat((totals / folds)[:, None], folds, axis=1)
    room_of_all = room.sum(axis=0)
    placed = np.zeros((len(totals), folds), dtype=np.int64)
    several = groups_of_several(groups, rng)
    for rows, draw in zip(several, rng.random(len(several)), strict=True):
        classes, counts = np.unique(labels[rows], return_counts=True)
        gain = counts @ room[classes] + len(rows) * room_of_all
        best = np.flatnonzero(gain > gain.max() - 1e-6)
        chosen = best[int(draw * len(best))]
        fold[rows] = chosen
        room[classes, chosen] -= counts
        room_of_all[chosen] -= len(rows)
        placed[classes, chosen] += counts
    return placed


def _quotas(counts: Ints, placed: Ints, rng: np.random.Generator) -> Ints:
    """Return how many single rows of each class each fold gets, int64 (classes, folds).

    Each class fills the folds that have the fewest of it to one level; what then remains of it goes
    to the folds with the fewest rows in all, a row each.

    Args:
        counts: int64 (classes,), single rows.
        placed: int64 (classes, folds), rows that are there already.
        rng: draws among folds with equally many rows.
    """
    folds = placed.shape[1]
    below = np.cumsum(np.sort(placed, axis=1), axis=1)
    level = ((counts[:, None] + below) // np.arange(1, folds + 1)).min(axis=1)
    quotas: Ints = np.maximum(level[:, None] - placed, 0)
    totals = (placed + quotas).sum(axis=0)
    for k, remaining in enumerate(counts - quotas.sum(axis=1)):
        order = np.lexsort((rng.random(folds), totals, placed[k] > level[k]))[:remaining]
        quotas[k, order] += 1
        totals[order] += 1
    return quotas


def _level(quotas: Ints, placed: Ints) -> None:
    """Move single rows from large folds to small ones, of the class that is least even there."""
    counts = quotas + placed
    while True:
        totals = counts.sum(axis=0)
        sink = int(np.argmin(totals))
        giving = (totals > totals[sink] + 1) & (quotas.sum(axis=0) > 0)
        if not giving.any():
            return
        source = int(np.argmax(np.where(giving, totals, -1)))
        excess = counts[:, source] - counts[:, sink]
        k = int(np.argmax(np.where(quotas[:, source] > 0, excess, np.iinfo(np.int64).min)))
        for changed in (quotas, counts):
            changed[k, source] -= 1
            changed[k, sink] += 1
