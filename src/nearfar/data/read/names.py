"""Which names of columns, files and folders mean a part or a class."""

from __future__ import annotations

import re


def part_named(text: str) -> str | None:
    """Return the part that a file is named after: ``train-00000-of-00001`` is train."""
    return PART_NAMES.get(re.split(r"[^a-z]", text.lower(), maxsplit=1)[0])


PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


CLASS = "class"
"""The name of the target that folders give."""
