"""Pixels and labels held in arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.pictures import Arrays, ImageRows
from nearfar.data.read.names import CLASS
from nearfar.data.read.tables import Table
from nearfar.errors import UserError

Pixels = npt.NDArray[np.uint8]


Labels = npt.NDArray[Any]


def read_mapping(path: Path) -> tuple[str, ...]:
    """Read class names: lines of a class number and its name, or its ASCII code (as EMNIST's).

    Codes are taken as such if every name is a number from 33 to 126.

    Raises:
        UserError: if the numbers are not 0, 1, 2, …, or two names are equal.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    entries: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        words = re.split(r"[\s,;:]+", line.strip(), maxsplit=1)
        if not line.strip():
            continue
        if len(words) != 2 or not words[0].isdigit() or int(words[0]) in entries:
            raise UserError(f"{path}, line {number}: needs a class number and its name")
        entries[int(words[0])] = words[1].strip()
    if not entries or sorted(entries) != list(range(len(entries))):
        raise UserError(f"{path}: class numbers must be 0, 1, 2, … without gaps")
    names = [entries[k] for k in range(len(entries))]
    if all(name.isdigit() and 33 <= int(name) <= 126 for name in names):
        names = [chr(int(name)) for name in names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: two classes are called '{twice}'")
    return tuple(names)


def _repeated(parts: Sequence[str], labels: Sequence[Labels]) -> list[str]:
    return [p for p, some in zip(parts, labels, strict=True) for _ in range(len(some))]


def _rows(
    images: Sequence[Pixels],
    labels: Sequence[Labels],
    parts: list[str] | None,
    name: str,
    layout: str,
) -> ImageRows:
    """Put arrays (n, height, width) or (n, channels, height, width) one after the other."""
    shapes = {array.shape[1:] for array in images}
    if len(shapes) > 1:
        raise UserError(f"{name}: images of different shapes, {' and '.join(map(str, shapes))}")
    pixels = np.concatenate(images) if len(images) > 1 else images[0]
    if not len(pixels):
        raise UserError(f"{name}: holds no image")
    pixels = np.ascontiguousarray(pixels[:, None] if pixels.ndim == 3 else pixels)
    if not pixels.flags.writeable:  # a view of what was read
        pixels = pixels.copy()
    columns = {CLASS: [cell for some in labels for cell in some.tolist()]} if labels else {}
    table = Table(name, columns, len(pixels), parts=parts)
    return ImageRows(table, Arrays(pixels), layout, target=CLASS if labels else None)


def array_rows(
    images: Sequence[Pixels], labels: Sequence[Labels], parts: Sequence[str], name: str, layout: str
) -> ImageRows:
    """Return the arrays of some parts, images (n, channels, height, width), as rows."""
    named = _repeated(parts, labels) if len(set(parts)) > 1 else None
    return _rows(images, labels, named, name, layout)
