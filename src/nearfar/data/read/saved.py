"""Folders that `datasets` writes with ``save_to_disk``: files of Arrow and what they are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data.read.arrow_files import first_rows, read_arrow
from nearfar.data.read.damage import whole
from nearfar.data.read.features import class_names, names_in, same_names
from nearfar.data.read.locate import is_file, is_there
from nearfar.data.read.names import parts_of_pieces
from nearfar.data.read.table import Table, from_arrow
from nearfar.errors import UserError

_SEVERAL, _ONE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_MOST_BYTES = 2**24


@dataclass(frozen=True)
class Saved:
    """A data set as it was saved."""

    table: Any
    """Its rows, an arrow table with what `datasets` notes of the columns."""
    parts: list[str] | None
    """The part of each row, where the data set has parts."""
    tag: str
    """Changes when a file does."""
    class_names: dict[str, tuple[str, ...]]
    told: list[str] = field(default_factory=list)
    """What should be said of its parts."""

    def as_table(self, name: str) -> Table:
        """Return the rows as a table of cells."""
        table = from_arrow(name, self.table)
        table.parts, table.class_names = self.parts, self.class_names
        table.notes += self.told
        return table


def is_saved(folder: Path) -> bool:
    """Tell whether ``save_to_disk`` wrote a folder: files of Arrow and what they are."""
    if any((folder / name).is_file() for name in (_SEVERAL, _ONE)):
        return True
    return (folder / _INFO).is_file() and bool(_arrow_files(folder))


def saved_start(folder: Path) -> Any:
    """Return the first rows of a saved data set, an arrow table.

    Raises:
        UserError: if it is damaged.
    """
    files = [file for _, files in _pieces(folder) for file in files]
    return first_rows(files[0])


def read_saved(folder: Path) -> Saved:
    """Read a folder of ``save_to_disk``: a data set, or several that are its parts.

    Raises:
        UserError: if a file is missing or damaged, or the parts differ in their columns.
    """
    import pyarrow as pa

    pieces = _pieces(folder)
    tables, named, rows = [], [], []
    for name, files in pieces:
        some = [read_arrow(file) for file in files]
        info = _json(files[0].parent / _INFO) if (files[0].parent / _INFO).is_file() else {}
        features = info.get("features") if isinstance(info, dict) else None
        beside = names_in(features) if isinstance(features, dict) else {}
        named.append(class_names(some[0].schema) or beside)
        tables += some
        rows.append((name, sum(len(table) for table in some)))
    names = same_names(f"'{folder.name}'", named)
    try:
        table = pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise UserError(f"{folder.name}: its parts differ in their columns or types") from error
    if not table.num_rows:
        raise UserError(f"{folder.name} has no rows")
    table = table.replace_schema_metadata(tables[0].schema.metadata)
    seen = [file.stat() for _, files in pieces for file in files]
    tag = "|".join(f"{one.st_size} {one.st_mtime_ns}" for one in seen)
    parts, told = parts_of_pieces(rows)
    return Saved(table, parts, f"{folder.resolve()}|{tag}", names, told)


def _pieces(folder: Path) -> list[tuple[str, list[Path]]]:
    """Return the name of every part, empty for a whole data set, and its files."""
    if not (folder / _SEVERAL).is_file():
        return [("", _files(folder))]
    names = _json(folder / _SEVERAL).get("splits")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise UserError(f"{folder / _SEVERAL}: names no parts: not what `datasets` writes there")
    for name in names:
        if not is_there(folder / name) or Path(name).name != name:
            raise UserError(
                f"{folder / _SEVERAL}: names a part '{name}', and there is no such folder"
            )
    return [(name, _files(folder / name)) for name in names]


def _files(folder: Path) -> list[Path]:
    if not (folder / _ONE).is_file():
        files = _arrow_files(folder)
        if not files:
            raise UserError(f"{folder}: no file {_ONE} and no file of rows (.arrow)")
        return files
    state = _json(folder / _ONE)
    found = state.get("_data_files")
    named = [str(one.get("filename")) for one in found or [] if isinstance(one, dict)]
    if not named or any(Path(name).name != name for name in named):
        raise UserError(f"{folder / _ONE}: names no files: not what `datasets` writes there")
    if state.get("_indices_files"):
        raise UserError(
            f"{folder}: its rows stand in another order than in its files, as old versions of "
            "`datasets` saved them: load and save it again with a new one"
        )
    for name in named:
        if not is_file(folder / name):
            raise UserError(f"{folder / _ONE}: names a file {name}, which is not there")
    return [folder / name for name in named]


def _arrow_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.arrow") if file.is_file())


def _json(path: Path) -> dict[str, Any]:
    with whole(path, "JSON file"):
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path}: too large to be what `datasets` writes there")
        found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise UserError(f"{path}: not what `datasets` writes under this name")
    return found
