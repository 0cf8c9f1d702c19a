"""Study files: those inside the package, found by name, and read."""

import shlex
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

from nearfar.errors import UserError, nearest, shown
from nearfar.plain_yaml import LONGEST, from_yaml, parse_yaml


def shipped_studies() -> dict[str, Path]:
    """Return the names and files of the studies inside the package."""
    folder = Path(str(files("nearfar.study.shipped")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def shipped_texts() -> dict[str, dict[str, Any]]:
    """Return what the files of the studies inside the package say, unchecked: tests check them."""
    return {
        name: from_yaml(path.read_text(encoding="utf-8"))
        for name, path in shipped_studies().items()
    }


def find_study(name: str) -> Path:
    """Return the file of a shipped study or of a path.

    Raises:
        UserError: it is neither.
    """
    shipped = shipped_studies()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or path.exists():
        return path
    raise UserError(f"no study is called {shown(name)}, nor is it a file; {nearest(name, shipped)}")


def read_study(path: Path) -> dict[str, Any]:
    """Return the mapping in a study file.

    Raises:
        UserError: no such file, not a file, larger than a study is, not text, not YAML, or not a
            mapping; of what may be data, how a study is made of them.
    """
    if path.is_dir():
        if (path / "study.yaml").is_file():
            raise UserError(f"{path}: is a folder; a study is a file: {path / 'study.yaml'}")
        raise UserError(f"{path}: is a folder, no study; of data, one is made by {_init(path)}")
    try:
        return _read(path)
    except UserError as error:
        if path.suffix.lower() in {"", ".yaml", ".yml"} or not path.exists():
            raise
        raise UserError(f"{error}; of data, a study is made by {_init(path)}") from None


def _init(path: Path) -> str:
    return f"nearfar init {shlex.quote(str(path))}"


def _read(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: is not a file")
        if status.st_size > 4 * LONGEST:
            size = status.st_size / 1e6
            raise UserError(f"{path}: {size:.0f} MB; a study has at most {LONGEST:,} characters")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise UserError(f"{path}: a study file holds keys and values, starting with 'study: name'")
    return value
