"""Pixels and labels held in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.classes import Names
from nearfar.data.read.images.pictures import Arrays, ImageRows
from nearfar.data.read.names import CLASS
from nearfar.data.read.tables import Table
from nearfar.errors import UserError

Pixels = npt.NDArray[np.uint8]
"""Images, (n, height, width) or (n, channels, height, width)."""
Numbers = npt.NDArray[Any]
Columns = Mapping[str, list[Any]]

_CHUNK = 1024


@dataclass
class Targets:
    """What arrays say of their images: columns of cells, and what these can be taken for."""

    columns: Columns = field(default_factory=dict)
    target: str | None = CLASS
    """The column of the classes, None where there are none."""
    numbers: Sequence[str] = ()
    """The columns that can be predicted as numbers."""
    class_names: Mapping[str, Names] = field(default_factory=dict)


def as_rows(
    images: list[Numbers],
    targets: Targets,
    parts: list[str] | None,
    name: str,
    layout: str,
) -> ImageRows:
    """Put arrays (n, height, width) or (n, channels, height, width) one after the other.

    Args:
        images: taken out of this list, so that no two copies of all of them need memory.
        targets: of the rows of all of them.
        parts: of these rows.
        name: for messages.
        layout: what the source is, for people.

    Raises:
        UserError: if they differ in shape, are empty, or their values are no brightness.
    """
    shapes = {array.shape[1:] for array in images}
    if len(shapes) > 1:
        raise UserError(f"{name}: images of different shapes, {' and '.join(map(str, shapes))}")
    if not sum(map(len, images)) or not all(next(iter(shapes))):
        raise UserError(f"{name}: holds no image")
    pixels, told = _bytes(images, name)
    table = Table(name, dict(targets.columns), len(pixels))
    table.parts = parts
    rows = ImageRows(table, Arrays(pixels), layout, target=targets.target)
    rows.numbers, rows.class_names = targets.numbers, targets.class_names
    rows.told = [told] if told else []
    return rows


def array_rows(
    images: Sequence[Pixels],
    labels: Sequence[Numbers],
    parts: Sequence[str],
    name: str,
    layout: str,
) -> ImageRows:
    """Return the arrays of some parts, images (n, channels, height, width), as rows of classes."""
    named = repeated(parts, labels) if len(set(parts)) > 1 else None
    cells = [cell for some in labels for cell in some.tolist()]
    return as_rows(list(images), Targets({CLASS: cells}), named, name, layout)


def repeated(parts: Sequence[str], rows: Sequence[Any]) -> list[str]:
    """Return the part of every row of arrays that are each of one part."""
    return [part for part, some in zip(parts, rows, strict=True) for _ in range(len(some))]


def _bytes(images: list[Numbers], name: str) -> tuple[Pixels, str]:
    """Return images as bytes (n, channels, height, width), and what was done to their values.

    Bytes stay as they are. Other numbers are brightness on a scale that their largest value tells:
    up to 1 of 0 to 1, up to 255 of 0 to 255, up to 65,535 of 16 bits,
    which are divided by 257. Fractions are rounded.

    Raises:
        UserError: numbers below 0 or beyond 16 bits, and what is no number.
    """
    factor, told = _scale(images, name)
    first = images[0] if images[0].ndim == 4 else images[0][:, None]
    if len(images) == 1 and factor is None:
        images.clear()
        pixels = np.ascontiguousarray(first)
        return (pixels if pixels.flags.writeable else pixels.copy()), told
    pixels = np.empty((sum(map(len, images)), *first.shape[1:]), dtype=np.uint8)
    place = 0
    del first
    while images:
        array = images.pop(0)
        array = array if array.ndim == 4 else array[:, None]
        for begin in range(0, len(array), _CHUNK):
            some = array[begin : begin + _CHUNK]
            if factor is not None:
                some = np.rint(some.astype(np.float64) * factor)
            pixels[place : place + len(some)] = some
            place += len(some)
    return pixels, told


def _scale(images: Sequence[Numbers], name: str) -> tuple[float | None, str]:
    """Return what values are multiplied with to be bytes, None for bytes; and a word about it."""
    kinds = {str(array.dtype) for array in images}
    if kinds == {"uint8"}:
        return None, ""
    if odd := sorted({str(a.dtype) for a in images if a.dtype.kind not in "buif"}):
        raise UserError(f"{name}: images must be numbers, not {odd[0]}")
    low = min(float(array.min()) for array in images if len(array))
    high = max(float(array.max()) for array in images if len(array))
    shown = f"images are {' and '.join(sorted(kinds))} from {low:g} to {high:g}"
    if not np.isfinite([low, high]).all():
        raise UserError(f"{name}: {shown}: some values are no finite numbers")
    if low < 0 or high > 65535:
        raise UserError(
            f"{name}: {shown}; allowed: 0 to 1, 0 to 255, or 0 to 65535: bring them to one of these"
        )
    fractions = any(array.dtype.kind == "f" for array in images)
    if fractions and len(kinds - {"float16", "float32", "float64"}):
        raise UserError(f"{name}: {shown}: bring all of them to one type")
    if high <= 1:
        return 255.0, f"{shown}: read as 0 to 1, in 256 steps"
    if high <= 255:
        return 1.0, f"{shown}: read as 0 to 255{', rounded' if fractions else ''}"
    return 1 / 257, f"{shown}: read as 0 to 65535 (16 bits), in 256 steps"
