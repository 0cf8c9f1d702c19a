"""What lies in a folder of pictures: pictures, other files, folders; every file is one of these."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data.read.image_kinds import READ, called_unread, is_image_name, unread_among
from nearfar.data.read.images.stored import has_signature
from nearfar.errors import UserError

_OF_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_FIRST = 5


@dataclass
class Tree:
    """A folder."""

    path: Path
    entries: list[Path | Tree] = field(default_factory=list)
    """Its pictures and folders, sorted by name."""
    others: list[Path] = field(default_factory=list)
    """Files that are no pictures, and hidden folders, of this folder alone."""

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def loose(self) -> list[Path]:
        """The pictures that lie in it and in no folder of it."""
        return [entry for entry in self.entries if isinstance(entry, Path)]

    @property
    def folders(self) -> list[Tree]:
        """Its folders that hold a picture, however deep."""
        return [e for e in self.entries if isinstance(e, Tree) and next(e.pictures(), None)]

    @property
    def bare(self) -> list[Tree]:
        """Its folders that hold no picture at all."""
        return [e for e in self.entries if isinstance(e, Tree) and not next(e.pictures(), None)]

    def pictures(self) -> Iterator[Path]:
        """Yield all pictures, however deep, in alphabetical order."""
        for entry in self.entries:
            if isinstance(entry, Path):
                yield entry
            else:
                yield from entry.pictures()

    def strangers(self) -> Iterator[Path]:
        """Yield all files that are no pictures, and hidden folders, however deep."""
        yield from self.others
        for entry in self.entries:
            if isinstance(entry, Tree):
                yield from entry.strangers()


def tree_of(folder: Path, above: frozenset[str] = frozenset()) -> Tree:
    """Look through a folder and all folders in it.

    A picture is a file with the ending of one, or without an ending and with the first bytes of
    one. What is hidden, or left there by a system (``._x.jpg``, ``Thumbs.db``), is none.

    Raises:
        UserError: if a folder cannot be read, or a link leads back to a folder above it.
    """
    try:
        found = sorted(folder.iterdir(), key=lambda entry: entry.name)
        real = os.path.realpath(folder)
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror or error}") from error
    if real in above:
        raise UserError(f"{folder}: a link to a folder above it: remove it")
    tree = Tree(folder)
    for entry in found:
        if entry.name[0] == "." or entry.name.lower() in _OF_SYSTEMS or _is_device(entry):
            tree.others.append(entry)
        elif entry.is_dir():
            tree.entries.append(tree_of(entry, above | {real}))
        elif is_image_name(entry.name) or _is_unnamed_picture(entry):
            tree.entries.append(entry)
        else:
            tree.others.append(entry)
    return tree


def _is_device(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device: reading one may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _is_unnamed_picture(path: Path) -> bool:
    ending = path.suffix[1:]
    return (not ending or ending.isdecimal()) and has_signature(path)


HIDDEN = "hidden"
"""What stands for the ending of a hidden file or folder."""


def no_picture(tree: Tree, otherwise: str = "") -> UserError:
    """Return what to say of a folder without a picture: what it holds, and what can be done.

    Args:
        tree: the folder.
        otherwise: what is said more where it holds no pictures of kinds that are not read.
    """
    files = list(tree.strangers())
    count, kinds = unread_among(file.name for file in files)
    if count:
        first = next(file for file in files if called_unread(file.name) is not None)
        are = "1 is" if count == 1 else f"{count} are"
        return UserError(
            f"{tree.path}: no image in this folder that is read: {are} {kinds} "
            f"({shown_path(first, tree.path)}{', …' * (count > 1)}): convert "
            f"{'it' if count == 1 else 'them'} to png or jpg; "
            f"images are {READ}"
        )
    some = ", ".join(plain_text(file.name) for file in files[:3])
    held = f" (it holds {some})" if some else ""
    return UserError(f"{tree.path}: no image in this folder{held}{otherwise}")


def strangers_note(root: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Return what the provenance says of files that are no pictures."""
    if not files:
        return {}
    endings = Counter(_ending(file) for file in files)
    return {
        "other_files": len(files),
        "other_endings": dict(sorted(endings.items())),
        "other_names": [shown_path(file, root) for file in files[:_FIRST]],
    }


def strangers_told(source: Mapping[str, Any]) -> list[str]:
    """Return which files of a folder were not read, as ``strangers_note`` has it: a line, or none.

    What is hidden may be a folder.
    """
    count, endings = source.get("other_files", 0), source.get("other_endings", {})
    if not count:
        return []
    what = "file or folder" if HIDDEN in endings else "file"
    several = "files or folders" if HIDDEN in endings else "files"
    others = f"{count} {several} that are not read as images"
    if count == 1:
        others = f"1 {what} that is not read as an image"
    kinds = ", ".join(f"{n} × {end}" for end, n in endings.items())
    names = source.get("other_names", [])
    more = ", …" * (count > len(names))
    return [f"left out: {others} ({kinds}): {', '.join(names)}{more}"]


def first_names(root: Path, files: Sequence[Path]) -> str:
    """Return the names of the first files below ``root``, for messages."""
    shown = ", ".join(shown_path(file, root) for file in files[:_FIRST])
    return shown + ", …" * (len(files) > _FIRST)


def _ending(path: Path) -> str:
    if path.name[0] == ".":
        return HIDDEN
    return path.suffix.lower() or "no ending"


def shown_path(path: Path, root: Path) -> str:
    """Return a path below ``root`` as text that can be written down whatever its bytes."""
    return plain_text(str(path.relative_to(root)) if path != root else path.name)


def plain_text(text: str) -> str:
    """Return a name with what is no UTF-8 replaced."""
    return os.fsencode(text).decode("utf-8", "replace")
