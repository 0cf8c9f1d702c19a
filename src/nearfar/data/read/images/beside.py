"""Arrays beside those of images and labels that hold one value a row: columns of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.array_names import without_part

Shapes = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]


def columns_beside(
    shapes: Shapes,
    parts: Sequence[str | None],
    lengths: Sequence[int],
    read: Callable[[str], npt.NDArray[Any]],
) -> tuple[dict[str, list[Any]], list[str]]:
    """Return the columns, and the arrays that they are made of.

    An array (n,) or (n, 1) of numbers, booleans, texts or dates is one. Where images have parts,
    each part has an array of its own, called after it: ``patient_train``, ``test_patient``.

    Args:
        shapes: shape and type of the arrays that are not used otherwise.
        parts: of the images, in the order of the rows; one that is None where there are no parts.
        lengths: images in each.
        read: reads an array.
    """
    by_column: dict[str, dict[str | None, str]] = {}
    for key, (shape, kind) in shapes.items():
        if kind.kind in "biufUSM" and shape[1:] in ((), (1,)) and shape:
            column, part = without_part(key)
            by_column.setdefault(column, {})[part] = key
    columns: dict[str, list[Any]] = {}
    used: list[str] = []
    for column, keys in by_column.items():
        if not all(
            part in keys and shapes[keys[part]][0][0] == length
            for part, length in zip(parts, lengths, strict=True)
        ):
            continue
        columns[column] = [cell for part in parts for cell in _cells(read(keys[part]))]
        used += [keys[part] for part in parts]
    return columns, used


def _cells(array: npt.NDArray[Any]) -> list[Any]:
    flat = array.reshape(-1)
    if flat.dtype.kind == "S":
        flat = np.char.decode(flat, "utf-8", "replace")
    if flat.dtype.kind == "M":
        dates = flat.astype("datetime64[us]").tolist()
        return [None if date is None else date.isoformat(" ") for date in dates]
    cells: list[Any] = flat.tolist()
    return cells
