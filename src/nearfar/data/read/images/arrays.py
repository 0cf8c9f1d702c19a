"""Pixels and labels held in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.classes import Names
from nearfar.data.read.images.depth import Extent, Range, as_bytes, scale_like
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
    between: Range | None = None,
    *,
    new: bool = False,
) -> ImageRows:
    """Put arrays (n, height, width) or (n, channels, height, width) one after the other.

    Args:
        images: taken out of this list, so that no two copies of all of them need memory.
        targets: of the rows of all of them.
        parts: of these rows.
        name: for messages.
        layout: what the source is, for people.
        between: the values that become 0 and 255, where that is known; bytes stay as they are.
        new: whether a model is to predict for them, that learnt from images of ``between``, or
            from bytes where that is None: then they are read on its scale (``depth.scale_like``).

    Raises:
        UserError: if they differ in shape, are empty, or their values are no brightness, or on
            another scale than those that the model learnt from.
    """
    shapes = {array.shape[1:] for array in images}
    if len(shapes) > 1:
        raise UserError(f"{name}: images of different shapes, {' and '.join(map(str, shapes))}")
    if not sum(map(len, images)) or not all(next(iter(shapes))):
        raise UserError(f"{name}: holds no image")
    pixels, found, told = _bytes(images, name, between, new)
    table = Table(name, dict(targets.columns), len(pixels))
    table.parts = parts
    rows = ImageRows(table, Arrays(pixels, range=found), layout, target=targets.target)
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


def _bytes(
    images: list[Numbers], name: str, given: Range | None, new: bool
) -> tuple[Pixels, Range | None, str]:
    """Return images as bytes (n, channels, height, width), what became 0 and 255, and a word on it.

    Bytes stay as they are. Other numbers are brightness on a scale that all values tell: within 0
    and 1, or within 0 and 255, of these; else as pictures of more than 8 bits have it
    (``depth.Extent.range``). ``given`` is used instead; of new ones see ``as_rows``.

    Raises:
        UserError: what is no number, or not finite.
    """
    between, told = _range(images, name, given, new)
    first = images[0] if images[0].ndim == 4 else images[0][:, None]
    if len(images) == 1 and between is None:
        images.clear()
        pixels = np.ascontiguousarray(first)
        return (pixels if pixels.flags.writeable else pixels.copy()), None, told
    pixels = np.empty((sum(map(len, images)), *first.shape[1:]), dtype=np.uint8)
    place = 0
    del first
    while images:
        array = images.pop(0)
        array = array if array.ndim == 4 else array[:, None]
        for begin in range(0, len(array), _CHUNK):
            some = array[begin : begin + _CHUNK]
            if between is not None:
                some = as_bytes(some.astype(np.float64), between)
            pixels[place : place + len(some)] = some
            place += len(some)
    return pixels, between, told


def _range(
    images: Sequence[Numbers], name: str, given: Range | None, new: bool
) -> tuple[Range | None, str]:
    """Return the values that become 0 and 255, None for bytes; and a word about it."""
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
    fractions = any(array.dtype.kind == "f" for array in images)
    if fractions and len(kinds - {"float16", "float32", "float64"}):
        raise UserError(f"{name}: {shown}: bring all of them to one type")
    between = given or _scale(images, low, high)
    if new:
        between = _scale_of_new(images, Extent(low, high), given, f"{name}: {shown}")
    bits = {1023: " (10 bits)", 4095: " (12 bits)", 16383: " (14 bits)", 65535: " (16 bits)"}
    scale = f"{between[0]:g} to {between[1]:g}{bits.get(int(between[1]), '')}"
    steps = "rounded" if fractions and between == (0.0, 255.0) else "in 256 steps"
    return between, f"{shown}: read as {scale}, {steps}"


def _scale(images: Sequence[Numbers], low: float, high: float) -> Range:
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and high <= 255:
        return 0.0, 255.0
    return Extent(low, high, _are_whole(images)).range()


def _are_whole(images: Sequence[Numbers]) -> bool:
    return all(
        array.dtype.kind != "f" or all(np.array_equal(some, np.rint(some)) for some in array)
        for array in images
    )


def _scale_of_new(
    images: Sequence[Numbers], extent: Extent, trained: Range | None, shown: str
) -> Range:
    """Return the values of new images that become 0 and 255 for a model; ``shown`` says theirs."""
    if all(array.dtype == bool for array in images):
        return 0.0, 1.0
    counted = all(array.dtype.kind in "iu" for array in images)
    extent.whole = counted or _are_whole(images)
    found = scale_like(trained, extent, counted=counted)
    if found is None:
        learnt, wanted = "0 to 255", "give bytes, or fractions from 0 to 1"
        if trained is not None:
            learnt = f"{trained[0]:g} to {trained[1]:g}"
            wanted = "bring them to that scale"
        raise UserError(f"{shown}, those that the model learnt from were from {learnt}: {wanted}")
    return found
