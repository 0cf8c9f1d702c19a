"""Tables read from CSV and parquet files, with the source's row numbers."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data.read.features import class_names
from nearfar.errors import UserError, nearest

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""Texts (in lower case) that stand for a missing value."""


def is_missing(cell: Any) -> bool:
    """Tell whether a cell holds no value: None, a float NaN, or a text such as ``NA``."""
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING
    return cell is None or (isinstance(cell, float) and cell != cell)


@dataclass
class Table:
    """Columns of cells: text from a CSV, Python values from parquet."""

    name: str
    """For messages: the file's name."""
    columns: dict[str, list[Any]]
    length: int
    lines: list[int] | None = None
    """CSV: the line of the file where each row begins."""
    ragged: dict[int, str] = field(default_factory=dict)
    """CSV: what is wrong with rows that have too few or too many fields, by position."""
    parts: list[str] | None = None
    """The part that each row was distributed in, where the source has named parts."""
    place: Callable[[int], str] | None = None
    """Where a row comes from, if not from a row of the file ``name``."""
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → names of the class numbers 0, 1, 2, … in it, where the source gives them."""

    def column(self, name: str, purpose: str) -> list[Any]:
        """Return a column.

        Raises:
            UserError: if there is none of that name.
        """
        if name not in self.columns:
            hint = nearest(name, self.columns).replace("allowed:", "columns:")
            raise UserError(f"{self.name}: no column '{name}' (data: {purpose}); {hint}")
        return self.columns[name]

    def where(self, position: int) -> str:
        """Return the file and the row number (from 1), with the line where it is known."""
        if self.place is not None:
            return self.place(position)
        line = f" (line {self.lines[position]})" if self.lines else ""
        return f"{self.name}, row {position + 1}{line}"


def read_file(path: Path, separator: str | None) -> Table:
    """Read a parquet file or a CSV file (UTF-8, a header, the row's fields in its order).

    Args:
        path: ends in ``.parquet``, ``.pq``, ``.csv``, ``.txt``, ``.smi`` or ``.tsv``.
        separator: between the fields; by default a comma, in ``.tsv`` a tab.

    Raises:
        UserError: if the file cannot be read as what its ending says.
    """
    ending = path.suffix.lower()
    try:
        if ending in {".parquet", ".pq"}:
            if separator is not None:
                raise UserError(f"{path.name}: data option 'separator' is for CSV files")
            return _read_parquet(path)
        if ending in {".csv", ".tsv", ".txt", ".smi"}:
            return _read_csv(path, separator or ("\t" if ending == ".tsv" else ","))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    raise UserError(f"cannot tell the format of {path.name}: end it in .csv, .tsv or .parquet")


def _read_csv(path: Path, separator: str) -> Table:
    text = _decode(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    previous = 0
    try:
        for cells in reader:
            if cells:
                rows.append(cells)
                lines.append(previous + 1)
            previous = reader.line_num
    except csv.Error as error:
        raise UserError(f"{path.name}, line {previous + 1}: not valid CSV: {error}") from error
    if not rows:
        raise UserError(f"{path.name} is empty")
    header = [cell.strip() for cell in rows[0]]
    _check_separator(path.name, header)
    _check_names(path.name, header)
    if len(rows) == 1:
        raise UserError(f"{path.name} has a header and no rows")
    ragged = {
        position: f"{len(cells)} fields where the header has {len(header)}"
        for position, cells in enumerate(rows[1:])
        if len(cells) != len(header)
    }
    even = [
        [None] * len(header) if position in ragged else cells
        for position, cells in enumerate(rows[1:])
    ]
    columns = {
        name: list(cells) for name, cells in zip(header, zip(*even, strict=True), strict=True)
    }
    return Table(path.name, columns, len(even), lines[1:], ragged)


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path.name}, line {line}: not UTF-8 text (byte 0x{raw[error.start]:02x}): "
            "save the file as UTF-8"
        ) from error


def _check_names(name: str, header: list[str]) -> None:
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise UserError(
            f"{name}: column '{twice[0]}' stands {header.count(twice[0])} times in the header"
        )


def _check_separator(name: str, header: list[str]) -> None:
    if len(header) == 1:
        for separator, shown in ((";", "';'"), ("\t", "tab"), ("|", "'|'")):
            if separator in header[0]:
                raise UserError(
                    f"{name}: the header is one column, {header[0]!r}: are its fields separated by "
                    f"{shown}? then set data: separator"
                )


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty")
    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowException as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{path.name} is not a parquet file: {first}") from error
    return from_arrow(path.name, table)


def from_arrow(name: str, table: Any) -> Table:
    """Return an arrow table's columns as Python values.

    Raises:
        UserError: if it has no rows, or two columns of one name.
    """
    _check_names(name, list(table.column_names))
    if not table.num_rows:
        raise UserError(f"{name} has no rows")
    columns = {column: table.column(column).to_pylist() for column in table.column_names}
    return Table(name, columns, table.num_rows, class_names=class_names(table.schema))
