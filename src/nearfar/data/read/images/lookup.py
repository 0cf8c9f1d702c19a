"""Names in a table of images turned into files."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from nearfar.data.read.cells import number
from nearfar.data.read.image_kinds import is_image_name
from nearfar.data.read.locate import is_file
from nearfar.data.read.names import likeliest_first, part_folder, path_columns
from nearfar.data.read.tables import Table, is_missing
from nearfar.errors import UserError

_LOOKED_AT = 100
_PADDED = re.compile("0[0-9]+")
_NUMBER = "/"
"""Stands before a number that a file with zeros before it is called; no file's name has it."""
_MOST_FILES = 300_000
"""Files of a folder that are looked through for names without a path."""
_MOST_NAMES = 10_000
"""Among no more names the one is looked for that is nearest to one that is not there."""
_NEAR = 0.8


class PictureNames:
    """Finds the file that a cell of a table means.

    A path from ``base`` first; else, in ``base`` and the folders in it, the one picture of that
    name, or of that name before its ending; else the one of that number, as 7 is of ``007.jpg``, or
    of that name in other letters: capitals for small ones, accents spelled in another way. Where
    folders are written before the name, the picture must lie in folders of these names:
    ``train/3.png`` is never ``test/3.png``, but ``/of/another/disk/train/3.png`` is
    ``train/3.png``.

    Args:
        base: the folder that paths begin at.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.by_name = 0
        """How many cells were found by their name alone."""
        self._index: dict[str, list[Path]] | None = None
        self._alike: dict[str, list[Path]] = {}
        self._looked = False

    def path(self, cell: Any) -> Path:
        """Return the file; where there is none, the path that it should have.

        Raises:
            UserError: if several files have the name, or none has and one has a name near it.
        """
        text = str(cell).strip()
        if (straight := self._straight(text)) is not None:
            return straight
        text = text.replace("\\", "/")
        found = self._named(text)
        if len(found) > 1:
            first, second = (path.relative_to(self.base) for path in found[:2])
            raise UserError(f"image '{text}' may be {first} or {second}")
        if found:
            self.by_name += 1
            return found[0]
        if (near := self._nearest(text)) is not None:
            raise UserError(f"image '{text}' is not there; the nearest name is {near}")
        return self.base / str(cell).strip()

    def found(self, cells: Sequence[Any]) -> list[Path | None]:
        """Return the files that the first 100 cells mean; None where there is none, or several."""
        found: list[Path | None] = []
        for cell in cells[:_LOOKED_AT]:
            text = "" if is_missing(cell) else str(cell).strip()
            straight = self._straight(text) if text else None
            named = self._named(text.replace("\\", "/")) if text and straight is None else []
            found.append(named[0] if len(named) == 1 else straight)
        return found

    def _straight(self, text: str) -> Path | None:
        """Return the file of that path, also where it is written as Windows does."""
        for written in (text, text.replace("\\", "/")):
            if is_file(path := self.base / written):
                return path
        return None

    def fits(self, cells: Sequence[Any], *, by_number: bool = False) -> bool:
        """Tell whether at least half of the first 100 cells are names of one picture each.

        With ``by_number`` 7 is a name of ``007.jpg``. Of numbers nine of ten must be, some perhaps
        of several, and none may stand twice: an age is no name of a picture, though one may be
        called 20.png.
        """
        if not self._names():
            return False
        given = (str(c).strip() for c in cells if not is_missing(c))
        present = list(islice(given, _LOOKED_AT))
        counts = [len(self._named(text, by_number=by_number)) for text in present]
        if not present or 2 * counts.count(1) < len(present):
            return False
        if 2 * sum(number(text) is not None for text in present) > len(present):
            among = [*present, *given]
            return counts.count(0) <= 0.1 * len(present) and len(set(among)) == len(among)
        return 2 * len(set(present)) >= len(present)

    def _named(self, text: str, *, by_number: bool = True) -> list[Path]:
        index, name = self._names(), text.rsplit("/", 1)[-1]
        number = index.get(_NUMBER + name, []) if by_number else []
        folders = posixpath.dirname(posixpath.normpath(text)).strip("/")
        for pool in (index.get(name, []), number, self._alike.get(_plain(name), [])):
            if not folders and pool:
                return pool
            for form in (str, _plain):
                written = form(folders).split("/")
                if found := [path for path in pool if self._lies_in(written, path, form)]:
                    return found
        return []

    def _lies_in(self, written: list[str], path: Path, form: Callable[[str], str]) -> bool:
        """Tell whether a picture lies in the folders that are written before its name.

        Either all of these agree, from the last on, or those that lie below ``base``, one at
        least: what stands before them is another machine's, unless it names another part.
        """
        if (last := path.parent.name) and form(last) != written[-1]:
            return False
        below = len(path.relative_to(self.base).parts) - 1
        actual = form(path.parent.absolute().as_posix()).split("/")
        pairs = [*zip(reversed(written), reversed(actual), strict=False)]
        agreeing = next((k for k, (one, other) in enumerate(pairs) if one != other), len(pairs))
        if agreeing == len(written):
            return True
        return agreeing >= max(below, 1) and not _of_two_parts(*pairs[agreeing : agreeing + 1])

    def _names(self) -> dict[str, list[Path]]:
        """Return name → files that may be called so, with and without its ending."""
        if self._index is None:
            self._index = self._indexed()
        return self._index

    def _indexed(self) -> dict[str, list[Path]]:
        index: dict[str, list[Path]] = {}
        for path in _pictures(self.base):
            keys = {path.name, path.stem}
            for key in set(map(_plain, keys)):
                self._alike.setdefault(key, []).append(path)
            if _PADDED.fullmatch(path.stem):
                keys.add(f"{_NUMBER}{path.stem.lstrip('0') or 0}")
            for key in keys:
                index.setdefault(key, []).append(path)
        return index

    def _nearest(self, text: str) -> Path | None:
        """Return the picture of that name with another ending; of the first name also one near."""
        name = _plain(text.rsplit("/", 1)[-1])
        found = self._alike.get(Path(name).stem if is_image_name(name) else name, [])
        if not found and not self._looked and len(self._alike) <= _MOST_NAMES:
            self._looked = True
            found = [
                path
                for key in get_close_matches(name, self._alike, n=1, cutoff=_NEAR)
                for path in self._alike[key]
            ]
        return found[0].relative_to(self.base) if found else None


def _plain(text: str) -> str:
    """Return a name without what systems spell differently: case, and how accents are made up."""
    return unicodedata.normalize("NFC", text).casefold()


def _of_two_parts(*folders: tuple[str, str]) -> bool:
    """Tell whether two folders, if there are two, are named after parts, and not the same one."""
    parts = {part_folder(name) for pair in folders for name in pair}
    return len(parts) == 2 and None not in parts


def _pictures(base: Path) -> Iterator[Path]:
    """Yield the pictures in a folder and the folders in it that are not hidden, in order."""
    seen = 0
    for folder, folders, files in os.walk(base):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(files):
            seen += 1
            if seen > _MOST_FILES:
                return
            if is_image_name(name) and name[0] != ".":
                yield Path(folder) / name


def column_of_images(table: Table, base: Path) -> str | None:
    """Return the likeliest column of images: of paths, or of names that pictures have."""
    return next(iter(columns_of_images(table, base)), None)


def columns_of_images(table: Table, base: Path) -> list[str]:
    """Return the columns that name different images, the likeliest first.

    Of columns of paths, those whose files are not there are left out, unless it is so of all: then
    the likeliest stays. Of columns that name the same pictures one stays.
    """
    names = PictureNames(base)
    if len(paths := path_columns(table)) == 1:
        return paths
    if paths:
        return _different(names, table, paths) or paths[:1]
    columns = [(name, cells) for name, cells in table.columns.items() if name]
    if fitting := [name for name, cells in columns if names.fits(cells)]:
        return _different(names, table, likeliest_first(fitting)) or fitting[:1]
    return [name for name, cells in columns if names.fits(cells, by_number=True)][:1]


def _different(names: PictureNames, table: Table, columns: Sequence[str]) -> list[str]:
    """Return the columns of which pictures are there, without those that name others' pictures."""
    kept: dict[str, list[Path | None]] = {}
    for column in columns:
        files = names.found(table.columns[column])
        if any(files) and not any(_are_same(files, others) for others in kept.values()):
            kept[column] = files
    return list(kept)


def _are_same(files: Sequence[Path | None], others: Sequence[Path | None]) -> bool:
    both = [(one, other) for one, other in zip(files, others, strict=True) if one and other]
    return bool(both) and all(one.resolve() == other.resolve() for one, other in both)
