"""Where a data file is looked for."""

import os
from collections.abc import Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path

from nearfar.errors import UserError, alike

_MOST_NAMES = 10_000
"""In a folder of more names it takes seconds to tell which is most like another."""


def data_home() -> Path:
    """Return the folder of the user's data: ``$NEARFAR_DATA``, or else ``cache_home()``."""
    if home := os.environ.get("NEARFAR_DATA"):
        return Path(home).expanduser()
    return cache_home()


def cache_home() -> Path:
    """Return the folder for what can be made again: ``nearfar`` in the user's cache folder.

    The cache folder is ``$XDG_CACHE_HOME``, or ``~/.cache``.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nearfar"


def samples() -> Path:
    """Return the folder of the samples shipped with the package."""
    return Path(str(files("nearfar.data") / "samples"))


def locate(path: str, folder: Path) -> tuple[Path, str]:
    """Return the file or folder that ``path`` names, and where it was found.

    An absolute path is taken as it is. A relative one is looked for beside the study file
    (``folder``), then in ``data_home()``, then among the shipped samples.

    Raises:
        UserError: if it is in none of these places; the message names them.
    """
    if (found := located(path, folder)) is not None:
        return found
    given = Path(path).expanduser()
    if given.is_absolute():
        raise UserError(f"no such file or folder: {given}{meant(given)}")
    homes = [folder, data_home(), samples()]
    looked = ", ".join(str(place.resolve()) for place in homes)
    shipped = ", ".join(sorted(entry.name for entry in samples().glob("*.csv")))
    hint = next(filter(None, (meant(given, place) for place in homes)), "")
    words = f"{hint} looked in" if hint else "; looked in"
    raise UserError(f"no such data file: {path}{words} {looked} (shipped: {shipped})")


def located(path: str, folder: Path) -> tuple[Path, str] | None:
    """Return what ``locate`` does, None if it is in none of the places."""
    given = Path(path).expanduser()
    if given.is_absolute():
        return (given, "absolute path") if is_there(given) else None
    home = "$NEARFAR_DATA" if os.environ.get("NEARFAR_DATA") else "the cache folder"
    named = [(folder, "the study's folder"), (data_home(), home), (samples(), "shipped sample")]
    for place, name in named:
        path_there = Path(os.path.normpath(place / given))  # a run's folder may not exist yet
        if is_there(path_there):
            return path_there, name
    return None


def meant(path: Path, folder: Path = Path()) -> str:
    """Return "; did you mean …?" of what lies where ``path`` should and is called most like it.

    Empty if nothing is: endings alone, which many have, make no likeness. A relative
    path begins at ``folder``.
    """
    try:
        beside = (folder / path).parent.iterdir()
        names = [entry.name for entry in islice(beside, _MOST_NAMES) if entry.name[0] != "."]
        stem = alike(path.stem, {Path(name).stem for name in names})
        same = sorted(name for name in names if Path(name).stem == stem)
        close = alike(path.name, same) or next(iter(same), None)
        return "" if close is None else f"; did you mean '{path.with_name(close)}'?"
    except (OSError, ValueError):
        return ""


def places(path: str | None, folder: Path, names: Sequence[str]) -> list[Path]:
    """Return where a data set may be that is known by name.

    Args:
        path: what the user names; then it is looked for as ``locate`` does, and nowhere else.
        folder: of the study file.
        names: of the data set's folder in ``data_home()`` and ``cache_home()``.
    """
    if path is not None:
        return [locate(path, folder)[0]]
    homes = dict.fromkeys([data_home(), cache_home()])
    return [home / name for home in homes for name in names]


def is_there(path: Path) -> bool:
    """Tell whether there is such a path; an impossible one (too long, a NUL byte) is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; of an impossible name (too long, a NUL byte) is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
