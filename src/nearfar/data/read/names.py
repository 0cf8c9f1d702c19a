"""Which names of columns, files and folders mean a part, a path of an image, or a class.

Readers and ``nearfar init`` both ask here, so that they see the same in one table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from nearfar.data.read.cells import is_missing, number
from nearfar.data.read.image_kinds import called_unread, is_image_name
from nearfar.data.read.table import Table

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
    | {"public", "private"}
)
"""Words that folders of parts have beside the part: ``test_set``, ``seg_train``."""
_EVALUATED = frozenset({"eval", "evaluation"})
"""What the names of some call the test part, and those of others the validation part."""

CLASS = "class"
"""The name of the target that folders give."""

_CALLED_IMAGES = frozenset(
    {"image", "images", "img", "imgs", "path", "paths", "file", "files", "filename", "filenames"}
    | {"filepath", "filepaths", "imagepath", "photo", "photos", "picture", "pictures"}
)
_DRAWN_OF_IMAGES = frozenset(
    {"mask", "masks", "maskpath", "label", "labels", "target", "targets", "truth", "gt", "seg"}
    | {"segmentation", "segmentations", "annotation", "annotations", "overlay", "depth", "heatmap"}
    | {"thumbnail", "thumb", "preview"}
)
_LOOKED_AT = 100
_MOST_FOLDS = 20
_FOLDS = frozenset({"fold", "folds", "kfold", "cvfold"})
_FOLD = re.compile(r"(k?[ _-]?fold|cv|split)[ _-]?[0-9]{1,2}")
_SAID_OF_ROWS = frozenset({"train", "training", "test", "testing", "holdout"})
_TRUTHS = frozenset({"true", "false", "0", "1", "0.0", "1.0", "yes", "no"})


def part_called(text: str) -> str | None:
    """Return the part that a cell or a folder names: ``Val`` is validation."""
    return PART_NAMES.get(text.strip().lower())


def part_named(text: str) -> str | None:
    """Return the part that a file is named after: ``train-00000-of-00001`` is train."""
    return part_called(re.split(r"[^a-z]", text.lower(), maxsplit=1)[0])


def part_folder(text: str) -> str | None:
    """Return the part that a folder is named after: ``Testing``, ``hold-out``, ``train_images``."""
    words = _words(text)
    return part_called("".join(words)) or part_called(_without_company(words))


def parts_of(names: Sequence[str]) -> list[str | None]:
    """Return the part that each of the names of folders, files or cells of one data set means.

    What is called ``eval`` is the test part where no other is, else the validation part.
    """
    parts = [part_folder(name) for name in names]
    left = next((part for part in ("test", "validation") if part not in parts), None)
    return [
        left if part is None and _without_company(_words(name)) in _EVALUATED else part
        for name, part in zip(names, parts, strict=True)
    ]


def parts_of_pieces(pieces: Sequence[tuple[str, int]]) -> tuple[list[str] | None, list[str]]:
    """Return the part of each row of a data set that comes in pieces, and what should be said.

    Where the name of a piece is no part's, there are no parts.

    Args:
        pieces: name and number of rows of each, in the order of the rows.
    """
    parts = parts_of([name for name, _ in pieces])
    if len(pieces) < 2:
        return None, []
    if None in parts:
        shown = ", ".join(f"{name} ({count})" for name, count in pieces)
        strange = next(name for (name, _), part in zip(pieces, parts, strict=True) if part is None)
        return None, [
            f"careful: {shown} are read as one, and their rows divided anew: '{strange}' is the "
            "name of no part (train, validation, test)"
        ]
    named = zip(parts, pieces, strict=True)
    return [str(part) for part, (_, count) in named for _ in range(count)], []


def _words(text: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word for word in re.split(r"[^a-z]+", parted.lower()) if word]


def _without_company(words: Sequence[str]) -> str:
    """Return the one word that does not merely stand beside the name of a part, or nothing."""
    left = [word for word in words if word not in _BESIDE_PARTS]
    return left[0] if len(left) == 1 else ""


def are_folds(names: Sequence[str]) -> bool:
    """Tell whether folders are called after folds: ``fold1``, ``fold_2``, ``cv3``."""
    return len(names) > 1 and all(_FOLD.fullmatch(name.strip().lower()) for name in names)


def part_column(table: Table, but: Collection[str]) -> str | None:
    """Return the column that says the part of every row: train, and validation or test.

    Its name says so, or its values do, each in two rows or more.
    """
    for column, cells in table.columns.items():
        if column in but or not cells or parts_of([str(cells[0])]) == [None]:
            continue
        values = sorted(set(map(str, cells)))
        parts = set(parts_of(values))
        called = column.strip().lower() in PART_COLUMNS or 2 * len(values) <= len(cells)
        if called and "train" in parts and len(parts) > 1 and None not in parts:
            return column
    return None


def is_division(column: str, values: Collection[str]) -> bool:
    """Tell whether a column says how its rows were divided before, by its name and values.

    Such are folds (``kfold``: 0, 1, 2), truth values called ``is_train``, and columns called
    ``split`` or alike with the name of a part in them. They are nothing to learn from.

    Args:
        column: its name.
        values: the different values that it has, as texts.
    """
    if not 2 <= len(values) <= _MOST_FOLDS:
        return False
    words, low = _words(column), {value.strip().lower() for value in values}
    last = words[-1] if words else ""
    numbered = all(re.fullmatch(r"([a-z]*fold[ _-]?)?[0-9]{1,2}(\.0)?", value) for value in low)
    if last in _FOLDS or (last in {"split", "partition"} and numbered):
        return numbered
    if low <= _TRUTHS and len(words) <= 2:
        return last in _SAID_OF_ROWS and (len(words) == 1 or words[0] in {"is", "in"})
    if column.strip().lower() in PART_COLUMNS or last == "split":
        return column.strip().lower() == "split" or any(parts_of(sorted(values)))
    return False


def are_image_paths(cells: Sequence[Any]) -> bool:
    """Tell whether at least half of the first 100 cells that are not missing name images.

    Images of kinds that are not read are among them: their rows say so.
    """
    present = [str(cell) for cell in cells if not is_missing(cell)][:_LOOKED_AT]
    return bool(present) and 2 * sum(map(_names_image, present)) >= len(present)


def _names_image(text: str) -> bool:
    return is_image_name(text) or called_unread(text.strip()) is not None


def path_columns(table: Table) -> list[str]:
    """Return the columns that hold paths of images: those called as images are come first.

    Those called after what is drawn of an image (``mask``, ``label_path``) come last.
    """
    found = [name for name, cells in table.columns.items() if are_image_paths(cells)]
    return likeliest_first(found)


def likeliest_first(columns: Sequence[str]) -> list[str]:
    """Return columns of names of images as ``path_columns`` does."""

    def rank(name: str) -> int:
        words = set(_words(name))
        return 2 if words & _DRAWN_OF_IMAGES else 0 if words & _CALLED_IMAGES else 1

    return sorted(columns, key=rank)


def alike(names: Sequence[str]) -> list[list[str]]:
    """Return the names that differ in spaces, capitals or accents' spelling alone, together.

    Of numbers also those of one value, such as ``1`` and ``1.0``.
    """
    seen: dict[str, list[str]] = {}
    for name in names:
        value = number(name)
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        key = key if value is None else f"{value:.15g}"
        seen.setdefault(key, []).append(name)
    return [same for same in seen.values() if len(same) > 1]


def kept_apart(names: Sequence[str]) -> list[str]:
    """Return a line for every two classes or more whose names all but agree."""
    return [
        f"classes {' and '.join(map(repr, same))} are kept apart: their names all but agree"
        for same in alike(names)
    ]
