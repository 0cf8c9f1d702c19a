"""Rows divided into training, validation and test part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Index, Split
from nearfar.data.options import SplitOptions
from nearfar.data.read.names import alike
from nearfar.data.split.folds import fold_split
from nearfar.data.split.groups import scaffold_groups
from nearfar.data.split.place import (
    PARTS,
    SMALLEST,
    check_sizes,
    place_rows,
    split_of,
    too_few_groups,
    with_validation,
)
from nearfar.data.split.scaffolds import deepchem_parts, scaffold_parts
from nearfar.errors import UserError


def split_rows(dataset: Dataset, options: SplitOptions, seed: int) -> Split:
    """Divide the rows of a data set.

    Rows of one group stay together in every kind of split. Where the data have classes, several
    labels a row or gaps among several targets, rows are drawn in proportion to these
    (:func:`~nearfar.data.strata.strata_of`; but for kind ``scaffold``).

    * ``random``: groups are placed at random so that the parts have exactly the wished sizes as
      long as enough groups have one row only, and nearly so otherwise.
    * ``group``: the same, and the data must name a group column.
    * ``scaffold``: molecules with the same Bemis–Murcko scaffold stay together. Fixed
      (``resplit: false``): scaffolds from the largest to the smallest fill the training part, then
      validation, then test, so that the rare ones are tested; not in DeepChem's order, which
      ``order: deepchem`` takes. With ``resplit``: scaffolds with more
      rows than half a small part go to training first, the others follow in the order of the seed.
    * ``predefined``: as the data say. Without a test part the validation part is tested. Without a
      validation part, a fraction ``validation`` of the training groups becomes one, drawn from
      ``split_seed``.
    * ``folds``: cross-validation, see :mod:`nearfar.data.split.folds`.

    Args:
        dataset: the rows.
        options: the ``split`` part of a study.
        seed: the run's seed; used if ``options.varies``.

    Raises:
        UserError: if the rows are too few, the groups too large, the data lack what is needed, or
            a class has no row for training, or a target none for validation or test.
    """
    split = _drawn(dataset, options, seed)
    for name, rows in (("validation", split.validation), ("test", split.test)):
        check_targets(dataset, f"the {name} part", rows)
        if not dataset.classes:
            continue
        labels = dataset.targets[:, 0]
        for lacking, count in untrained_classes(labels, dataset.classes, split.train, rows):
            raise UserError(
                f"class '{lacking}' has {count} row{'s' * (count != 1)} in the {name} part and "
                "none for training"
                + (_other_spelling(lacking, dataset.classes) or _remedy(dataset, options))
            )
    return split


def _other_spelling(name: str, classes: Sequence[str]) -> str:
    """Return a word on a class whose name all but agrees, which may be meant, or nothing."""
    same = next((same for same in alike(classes) if name in same), [name])
    others = " and ".join(repr(other) for other in same if other != name)
    return f", where {others} is another class: if they are one, spell them alike" * bool(others)


def _remedy(dataset: Dataset, options: SplitOptions) -> str:
    """Return what can be done about a class that no training row has."""
    if options.kind == "predefined" and dataset.source.get("by_time"):
        return ", for it comes later: leave its rows out of the data, or split them otherwise"
    if options.kind == "predefined":
        remedy = "put some of its rows into the training part"
    else:
        remedy = (
            "give it rows in more groups" if dataset.source.get("group") else "give it more rows"
        )
    return f": {remedy}, or leave its rows out of the data"


def check_targets(
    dataset: Dataset, part: str, rows: Index, remedy: str = "give it larger parts or fewer folds"
) -> None:
    """Refuse rows of which none has one of several targets: there would be no number of it.

    Raises:
        UserError: names the target and ``part``, which says what rows these are.
    """
    counts = (~np.isnan(dataset.targets[rows])).sum(axis=0)
    for name, count in zip(dataset.target_names, counts, strict=True):
        if not count:
            raise UserError(
                f"target '{name}' is missing in all {len(rows)} rows of {part}: {remedy}, or leave "
                "the target out"
            )


def _drawn(dataset: Dataset, options: SplitOptions, seed: int) -> Split:
    if options.kind == "predefined":
        return _predefined(dataset, options)
    if options.kind == "folds":
        return fold_split(dataset, options, seed)
    if options.kind == "group" and dataset.source.get("group") is None:
        raise UserError("split 'group' needs the column of the groups: set data: group")
    if options.kind == "scaffold" and not dataset.smiles:
        raise UserError("split 'scaffold' needs molecules; use 'random', 'group' or 'predefined'")
    assert options.parts is not None
    wished = part_sizes(len(dataset), options.parts)
    rng = np.random.default_rng(seed if options.resplit else options.split_seed or 0)
    if options.order == "deepchem":
        return split_of(deepchem_parts(dataset, options.parts))
    if options.kind == "scaffold":
        part = scaffold_parts(dataset, wished, rng if options.resplit else None)
    else:
        part = place_rows(dataset, np.arange(len(dataset)), wished, rng)
    remedy = "choose other parts (split: parts) or smaller groups"
    check_sizes(part, wished, dataset.groups, too_few_groups(dataset.groups) or remedy)
    return split_of(part)


def kept_together(dataset: Dataset, options: SplitOptions) -> Index:
    """Return the group of every row, int64 (rows,): rows of one are never split apart."""
    if "scaffold" not in (options.kind, options.by):
        return dataset.groups
    return scaffold_groups(dataset)


def part_sizes(rows: int, parts: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return whole part sizes that add up to ``rows``: the largest remainders are rounded up.

    Raises:
        UserError: if a part would have fewer than 2 rows.
    """
    exact = [rows * part / sum(parts) for part in parts]
    sizes = [int(np.floor(size + 1e-9)) for size in exact]
    remainders = np.array([size - whole for size, whole in zip(exact, sizes, strict=True)])
    for k in np.argsort(-np.round(remainders, 9), kind="stable")[: rows - sum(sizes)]:
        sizes[k] += 1
    if min(sizes) < SMALLEST:
        raise UserError(
            f"{rows} rows are too few for split parts {list(parts)}: "
            f"{PARTS[int(np.argmin(sizes))]} would have {min(sizes)}, at least {SMALLEST} needed"
        )
    return sizes[0], sizes[1], sizes[2]


def _predefined(dataset: Dataset, options: SplitOptions) -> Split:
    if dataset.parts is None:
        raise UserError("split 'predefined' needs the column of the parts: set data: part")
    part = np.array([PARTS.index(str(name)) for name in dataset.parts])
    if (part == 1).any() and not (part == 2).any():  # train and val, as published sets often come
        part[part == 1] = 2
    if not (part == 1).any():
        assert options.validation is not None
        rows = np.flatnonzero(part == 0)
        rng = np.random.default_rng(options.split_seed)
        remedy = "choose another fraction (split: validation) or smaller groups"
        part[rows] = with_validation(dataset, rows, options.validation, rng, remedy)
    for k, size in enumerate(np.bincount(part, minlength=3)):
        if size < SMALLEST:
            counted = f"{size} {'row' if size == 1 else 'rows'}"
            raise UserError(
                f"split 'predefined': part {PARTS[k]} has {counted}, at least {SMALLEST} needed"
            )
    return split_of(part)


def straddling_groups(dataset: Dataset, split: Split) -> int:
    """Return how many groups have rows in several parts; above 0 in predefined splits only."""
    parts = [
        set(dataset.groups[rows].tolist()) for rows in (split.train, split.validation, split.test)
    ]
    train, validation, test = parts
    return len((train & validation) | (train & test) | (validation & test))


def untrained_classes(
    labels: npt.NDArray[np.float64],
    classes: Sequence[str],
    train: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
) -> list[tuple[str, int]]:
    """Return the classes that have rows in ``other`` and none in ``train``, with their counts."""
    seen = set(labels[train].tolist())
    counts = Counter(labels[other].tolist())
    return [(classes[int(k)], counts[k]) for k in sorted(counts) if k not in seen]
