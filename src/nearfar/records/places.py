"""Where something may be written: asked before anything is trained, told in one line."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from nearfar.errors import UserError, shown

_OF_THE_SYSTEM = ("/proc", "/sys", "/dev")
_ENDS_IN = 24
"""Bytes that names of files in a folder of runs need at most, after the folder's own path."""


def expanded(path: Path) -> Path:
    """Return a path with ``~`` or ``~name`` at its beginning as that home folder.

    Shells do this, but not within ``--out=~/runs``. ``./~`` is a folder of that name.

    Raises:
        UserError: there is no such home folder.
    """
    if not str(path).startswith("~"):
        return path
    try:
        return path.expanduser()
    except (RuntimeError, KeyError):
        name = path.parts[0]
        raise UserError(
            f"{path}: no home folder is known for {name}; ./{path} is a name here"
        ) from None


def path_of(given: object, what: str) -> Path:
    """Return what a Python user gave as a path, its ``~`` expanded.

    Raises:
        UserError: it is no path; says so of ``what``.
    """
    if not isinstance(given, str | os.PathLike):
        raise UserError(f"{what}: needs a path, not {shown(given)}")
    return expanded(Path(given))


def folder_to_write(path: Path, option: str) -> Path:
    """Return a folder, there or to be made, in which files can be written; nothing stays behind.

    Raises:
        UserError: names the option, the folder, and why not.
    """
    path = expanded(path)
    if os.path.lexists(path) and not _kind(path, option, os.path.isdir):
        raise UserError(f"{option} {path}: is not a folder")
    above = path
    while not _kind(above, option, os.path.lexists) and above != above.parent:
        above = above.parent
    if not _kind(above, option, os.path.isdir):
        raise UserError(f"{option} {path}: {above} is a file, so no folder can be made in it")
    _try(above, path / ("x" * _ENDS_IN), f"{option} {path}")
    return path


def file_to_write(path: Path, option: str) -> Path:
    """Return a file that can be written, in a folder that is there; nothing stays behind.

    Raises:
        UserError: names the option, the file, and why not.
    """
    path = expanded(path)
    if _kind(path, option, os.path.isdir):
        raise UserError(f"{option} {path}: is a folder; name a file")
    if os.path.lexists(path) and not _kind(path, option, os.path.isfile):
        what = "a link to nothing" if path.is_symlink() and not path.exists() else "no file"
        raise UserError(f"{option} {path}: is {what}; name a file")
    above = path.parent
    if not _kind(above, option, os.path.lexists):
        make = f"mkdir -p {quote(str(above))}"
        raise UserError(f"{option} {path}: no such folder: {above}; make it first ({make})")
    if not _kind(above, option, os.path.isdir):
        raise UserError(f"{option} {path}: {above} is a file, so nothing can be written in it")
    _try(above, path, f"{option} {path}")
    return path


def _kind(path: Path, option: str, ask: Callable[[Path], bool]) -> bool:
    try:
        return bool(ask(path))
    except (OSError, ValueError) as error:
        raise UserError(f"{option} {path!s:.80}: {_reason(error)}") from None


def _try(folder: Path, path: Path, where: str) -> None:
    """Make a file in a folder that is there, and ask for one of the name that will be written."""
    real = os.path.realpath(folder)
    if any(real == place or real.startswith(f"{place}/") for place in _OF_THE_SYSTEM):
        raise UserError(f"{where}: {real} is the system's own, where no files are kept")
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(path)
        with tempfile.TemporaryFile(dir=folder, prefix=".nearfar-"):
            pass
    except (OSError, ValueError) as error:
        raise UserError(f"{where[:300]}: cannot be written: {_reason(error)}") from None


def _reason(error: OSError | ValueError) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return said[:1].lower() + said[1:]
