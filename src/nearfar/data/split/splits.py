"""Rows divided into training, validation and test part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Index, Split
from nearfar.data.options import SplitOptions
from nearfar.data.split.groups import groups_of_several, merged_groups
from nearfar.data.split.stratified import place_stratified
from nearfar.errors import UserError

_NAMES = ("train", "validation", "test")
_SMALLEST = 2


def split_rows(dataset: Dataset, options: SplitOptions, seed: int) -> Split:
    """Divide the rows of a data set.

    Rows of one group stay together in every kind of split. Where the data have classes, rows are
    drawn in proportion to these (but for ``scaffold``).

    * ``random``: groups are placed at random so that the parts have exactly the wished sizes as
      long as enough groups have one row only, and nearly so otherwise.
    * ``group``: the same, and the data must name a group column.
    * ``scaffold``: molecules with the same Bemis–Murcko scaffold stay together. Fixed
      (``resplit: false``): scaffolds from the largest to the smallest fill the training part, then
      validation, then test, so that the rare ones are tested. With ``resplit``: scaffolds with more
      rows than half a small part go to training first, the others follow in the order of the seed.
    * ``predefined``: as the data say. Without a validation part, a fraction ``validation`` of the
      training groups becomes one, drawn from ``split_seed``.

    Args:
        dataset: the rows.
        options: the ``split`` part of a study.
        seed: the run's seed; used if ``options.resplit``.

    Raises:
        UserError: if the rows are too few, the groups too large, the data lack what is needed, or
            a class has no row for training.
    """
    split = _drawn(dataset, options, seed)
    for name, rows in (("validation", split.validation), ("test", split.test)):
        if not dataset.classes:
            break
        labels = dataset.targets[:, 0]
        for lacking, count in untrained_classes(labels, dataset.classes, split.train, rows):
            raise UserError(
                f"class '{lacking}' has {count} rows in the {name} part and none for training"
            )
    return split


def _drawn(dataset: Dataset, options: SplitOptions, seed: int) -> Split:
    if options.kind == "predefined":
        return _predefined(dataset, options)
    if options.kind == "group" and dataset.source.get("group") is None:
        raise UserError("split 'group' needs the column of the groups: set data: group")
    if options.kind == "scaffold" and not dataset.smiles:
        raise UserError("split 'scaffold' needs molecules; use 'random', 'group' or 'predefined'")
    assert options.parts is not None
    wished = part_sizes(len(dataset), options.parts)
    rng = np.random.default_rng(seed if options.resplit else options.split_seed or 0)
    if options.kind == "scaffold":
        part = _scaffold(dataset, wished, rng if options.resplit else None)
    else:
        part = place_rows(dataset, np.arange(len(dataset)), wished, rng)
    _check_sizes(part, wished, dataset.groups)
    return _split(part)


def kept_together(dataset: Dataset, options: SplitOptions) -> Index:
    """Return the group of every row, int64 (rows,): rows of one are never split apart."""
    if options.kind != "scaffold":
        return dataset.groups
    from nearfar.data.inputs.smiles import scaffolds

    return merged_groups([scaffolds(dataset.smiles), dataset.groups.tolist()], len(dataset))


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
    if min(sizes) < _SMALLEST:
        raise UserError(
            f"{rows} rows are too few for split parts {list(parts)}: "
            f"{_NAMES[int(np.argmin(sizes))]} would have {min(sizes)}, at least {_SMALLEST} needed"
        )
    return sizes[0], sizes[1], sizes[2]


def place_rows(
    dataset: Dataset, rows: Index, wished: tuple[int, int, int], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the part (0, 1, 2) of every row in ``rows``, groups whole, classes in proportion.

    The parts have nearly ``wished`` rows, which add up to all of them; ``rng`` draws.
    """
    groups = dataset.groups[rows]
    if not dataset.classes:
        return _place(groups, wished, rng)
    labels = dataset.targets[rows, 0].astype(np.int64)
    return place_stratified(groups, labels, wished, rng)


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


def _scaffold(
    dataset: Dataset, wished: tuple[int, int, int], rng: np.random.Generator | None
) -> npt.NDArray[np.int64]:
    groups = kept_together(dataset, SplitOptions(kind="scaffold"))
    counts = np.bincount(groups)
    if rng is None:
        order = np.argsort(-counts, kind="stable")
    else:
        shuffled = rng.permutation(len(counts))
        big = counts[shuffled] > min(wished[1:]) / 2
        order = np.concatenate([shuffled[big], shuffled[~big]])
    place = np.zeros(len(counts), dtype=np.int64)
    room = list(wished)
    for group in order:
        fits = [k for k in range(3) if room[k] >= counts[group]]
        place[group] = fits[0] if fits else int(np.argmax(room))
        room[place[group]] -= int(counts[group])
    return np.asarray(place[groups])


def _predefined(dataset: Dataset, options: SplitOptions) -> Split:
    if dataset.parts is None:
        raise UserError("split 'predefined' needs the column of the parts: set data: part")
    part = np.array([_NAMES.index(str(name)) for name in dataset.parts])
    if not (part == 1).any():
        assert options.validation is not None
        rows = np.flatnonzero(part == 0)
        size = max(round(options.validation * len(rows)), min(_SMALLEST, len(rows)))
        rng = np.random.default_rng(options.split_seed)
        part[rows] = place_rows(dataset, rows, (len(rows) - size, size, 0), rng)
        _check_sizes(part[rows], (len(rows) - size, size, 0), dataset.groups[rows])
    for k, size in enumerate(np.bincount(part, minlength=3)):
        if size < _SMALLEST:
            raise UserError(
                f"split 'predefined': part {_NAMES[k]} has {size} rows, at least {_SMALLEST} needed"
            )
    return _split(part)


def straddling_groups(dataset: Dataset, split: Split) -> int:
    """Return how many groups have rows in several parts; above 0 in predefined splits only."""
    parts = [
        set(dataset.groups[rows].tolist()) for rows in (split.train, split.validation, split.test)
    ]
    train, validation, test = parts
    return len((train & validation) | (train & test) | (validation & test))


def _check_sizes(part: npt.NDArray[np.int64], wished: tuple[int, int, int], groups: Index) -> None:
    """Refuse a split that groups have pushed far from its wished sizes."""
    sizes = np.bincount(part, minlength=3)
    for k in range(3):
        if not wished[k] / 2 <= sizes[k] <= wished[k] * 2:
            raise UserError(
                f"groups are too large to split: the largest has {np.bincount(groups).max()} of "
                f"{len(groups)} rows, and {_NAMES[k]} would get {sizes[k]} rows instead of "
                f"{wished[k]}; choose other split parts or smaller groups"
            )


def _split(part: npt.NDArray[np.int64]) -> Split:
    train, validation, test = (np.flatnonzero(part == k) for k in range(3))
    return Split(train, validation, test)


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
