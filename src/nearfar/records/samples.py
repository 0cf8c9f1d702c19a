"""``samples.parquet``: what a page shows of every row of the data set."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearfar.records.files import write_atomically

FILE = "samples.parquet"


@dataclass(frozen=True)
class Samples:
    """Every row of the data set, in its order; an empty list for what the run does not hold.

    ``shown`` are the numbers of the rows that the page shows, ascending: of these stages keep
    features. ``classes`` are the numbers of the classes, ``thumbnails`` image files or None.
    """

    ids: list[str]
    names: list[str]
    smiles: list[str]
    shown: list[int]
    classes: list[int]
    thumbnails: list[bytes | None]


def write_samples(folder: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of all rows, in the data set's order, to a run's folder."""
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), file)
    write_atomically(folder / FILE, file.getvalue())


def read_rows(folder: Path) -> tuple[list[str], list[int]]:
    """Read the id and the group of every row; no groups where every row stands for itself."""
    path = folder / FILE
    if not path.is_file():
        return [], []
    columns = _columns(path, ["id", "group"])
    return [str(name) for name in columns.get("id", [])], columns.get("group", [])


def read_names(folder: Path) -> dict[str, str]:
    """Read the name of every row by its id, empty where it has none."""
    path = folder / FILE
    if not path.is_file():
        return {}
    columns = _columns(path, ["id", "name"])
    ids = [str(name) for name in columns.get("id", [])]
    return dict(zip(ids, (columns.get("name") or [""] * len(ids)), strict=True))


def read_samples(folder: Path) -> Samples:
    """Read a run's samples; empty where it keeps none."""
    path = folder / FILE
    if not path.is_file():
        return Samples([], [], [], [], [], [])
    columns = _columns(path)

    def column(name: str) -> list[Any]:
        return columns.get(name, [])

    ids, names, smiles = ([str(v or "") for v in column(key)] for key in ("id", "name", "smiles"))
    marks = column("shown") or [True] * len(ids)
    return Samples(
        ids,
        names or [""] * len(ids),
        smiles,
        [row for row, mark in enumerate(marks) if mark],
        column("class"),
        column("thumbnail"),
    )


def _columns(path: Path, names: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Return columns of a file, all or those of ``names`` that it has."""
    from pyarrow import parquet

    # Not `read_table`, which imports pandas where it is installed.
    with parquet.ParquetFile(path) as file:
        there = file.schema_arrow.names
        table = file.read([name for name in there if names is None or name in names])
        return {name: table.column(name).to_pylist() for name in table.column_names}
