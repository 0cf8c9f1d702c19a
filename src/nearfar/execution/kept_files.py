"""Files that a command reads for a run, or that the run was made from: never written over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nearfar.data.read.locate import is_file, located
from nearfar.records.outputs import belongings
from nearfar.records.run import RunFolder


def kept_files(path: Path) -> list[Path]:
    """Return what a run or model consists of, and its data and other files that its study names.

    Args:
        path: the folder of a run, or of a model, whose study is not known.

    Raises:
        UserError: the run's study is damaged.
    """
    if not path.is_dir():
        return []
    study = RunFolder(path).study() or {}
    rows = (study.get("data") or {}).get("path")
    found = [place for name in set(_texts(study)) if (place := _place(name, path)) is not None]
    return [
        *belongings(path),
        *(place for place in found if is_file(place)),
        *([place] if rows and (place := _place(rows, path)) is not None else []),
    ]


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in plain values, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _place(name: str, folder: Path) -> Path | None:
    try:
        found = located(name, folder)
    except (OSError, ValueError, RuntimeError):  # what is no path may be no name of a home folder
        return None
    return None if found is None else found[0]
