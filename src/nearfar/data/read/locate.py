"""Where a data file is looked for."""

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from nearfar.errors import UserError


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
    given = Path(path).expanduser()
    if given.is_absolute():
        if is_there(given):
            return given, "absolute path"
        raise UserError(f"no such file or folder: {given}")
    home = "$NEARFAR_DATA" if os.environ.get("NEARFAR_DATA") else "the cache folder"
    places = [(folder, "the study's folder"), (data_home(), home), (samples(), "shipped sample")]
    for place, name in places:
        path_there = Path(os.path.normpath(place / given))  # a run's folder may not exist yet
        if is_there(path_there):
            return path_there, name
    looked = ", ".join(str(place.resolve()) for place, _ in places)
    shipped = ", ".join(sorted(entry.name for entry in samples().glob("*.csv")))
    raise UserError(f"no such data file: {path}; looked in {looked} (shipped: {shipped})")


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
