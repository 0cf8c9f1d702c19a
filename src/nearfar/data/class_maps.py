"""Class maps: another target, of a data set's classes joined or left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nearfar.data.dataset import Dataset, Index, Split
from nearfar.data.spelling import composed
from nearfar.errors import UserError, nearest

REST = "*"
"""Stands for all classes that no other key of a map names."""


def mapped(
    dataset: Dataset, split: Split, name: str, classes: Mapping[str, str]
) -> tuple[Dataset, Split]:
    """Return the data set with classes joined as a map says, and the split without other rows.

    Args:
        dataset: of classes.
        split: of its rows.
        name: of the new target.
        classes: classes of the data set, joined by ``+``, or ``*`` for all that no other key names
            → a new class. New classes are numbered in the order in which they first stand there.

    Returns:
        The data set with the new target, whose number is -1 in rows of classes that the map leaves
        out, and the split without these rows.

    Raises:
        UserError: an unknown class, one that stands twice, a part without rows, or a class without
            a row for training.
    """
    names = tuple(dict.fromkeys(classes.values()))
    number = _numbers(dataset.classes, name, classes, names)
    targets = number[dataset.targets[:, 0].astype(np.int64)]
    kept = {
        part: rows[targets[rows] >= 0]
        for part, rows in (
            ("train", split.train),
            ("validation", split.validation),
            ("test", split.test),
        )
    }
    for part, rows in kept.items():
        if not len(rows):
            raise UserError(f"targets.{name}: no row of its classes is in the {part} part")
    trained = set(targets[kept["train"]].tolist())
    if lacking := [text for k, text in enumerate(names) if k not in trained]:
        raise UserError(f"targets.{name}: class '{lacking[0]}' has no row for training")
    changed = replace(
        dataset, targets=targets[:, None].astype(np.float64), target_names=[name], classes=names
    )
    return changed, Split(**kept)


def _numbers(
    known: tuple[str, ...], name: str, classes: Mapping[str, str], names: tuple[str, ...]
) -> Index:
    """Return the new number (-1: left out) of each of the data set's classes."""
    number = np.full(len(known), -1, dtype=np.int64)
    for key, new in classes.items():
        for old in [] if key == REST else [key] if composed(key) in known else key.split("+"):
            old = composed(old.strip())
            if old not in known:
                raise UserError(
                    f"targets.{name}: no class is called {old!r}; {nearest(old, known)}"
                )
            place = known.index(old)
            if number[place] >= 0:
                raise UserError(f"targets.{name}: class {old!r} stands twice")
            number[place] = names.index(new)
    if REST in classes:
        number[number < 0] = names.index(classes[REST])
    return number
