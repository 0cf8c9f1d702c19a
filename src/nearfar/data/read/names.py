"""Which names of columns, files and folders mean a part, a path of an image, or a class.

Readers and ``nearfar init`` both ask here, so that they see the same in one table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from nearfar.data.read.tables import Table, is_missing

PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "test": "test",
    "testing": "test",
    "holdout": "test",
}
PART_COLUMNS = frozenset({"split", "part", "set", "fold", "subset", "partition"})

_BESIDE_PARTS = frozenset(
    {"set", "data", "dataset", "split", "image", "images", "img", "imgs", "pictures", "seg"}
)
"""Words that folders of parts have beside the part: ``test_set``, ``seg_train``."""

IMAGE_ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".npy"}
)
"""Names of image files end in one of these, in small or capital letters."""

CLASS = "class"
"""The name of the target that folders give."""

_LOOKED_AT = 100


def part_called(text: str) -> str | None:
    """Return the part that a cell or a folder names: ``Val`` is validation."""
    return PART_NAMES.get(text.strip().lower())


def part_named(text: str) -> str | None:
    """Return the part that a file is named after: ``train-00000-of-00001`` is train."""
    return part_called(re.split(r"[^a-z]", text.lower(), maxsplit=1)[0])


def part_folder(text: str) -> str | None:
    """Return the part that a folder is named after: ``Testing``, ``hold-out``, ``train_images``."""
    words = [word for word in re.split(r"[^a-z]+", text.lower()) if word]
    whole = part_called("".join(words))
    left = [word for word in words if word not in _BESIDE_PARTS]
    return whole or (part_called(left[0]) if len(left) == 1 else None)


def part_column(table: Table, but: Collection[str]) -> str | None:
    """Return the column that says the part of every row, train and test at least."""
    for column, cells in table.columns.items():
        if column not in but and column.strip().lower() in PART_COLUMNS:
            parts = {part_called(str(cell)) for cell in cells}
            if {"train", "test"} <= parts <= {"train", "validation", "test"}:
                return column
    return None


def is_image_name(text: str) -> bool:
    """Tell whether a path or a file's name ends as image files do."""
    return Path(text.strip()).suffix.lower() in IMAGE_ENDINGS


def are_image_paths(cells: Sequence[Any]) -> bool:
    """Tell whether at least half of the first 100 cells that are not missing name images."""
    present = [str(cell) for cell in cells if not is_missing(cell)][:_LOOKED_AT]
    return bool(present) and 2 * sum(map(is_image_name, present)) >= len(present)


def path_column(table: Table) -> str | None:
    """Return the first column that holds paths of images."""
    return next((name for name, cells in table.columns.items() if are_image_paths(cells)), None)
