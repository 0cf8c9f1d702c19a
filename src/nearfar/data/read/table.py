"""A table in memory: columns of cells, with the places in the source that rows came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nearfar.data.read.array_columns import array_width
from nearfar.data.read.arrow_cells import python_cells
from nearfar.data.read.features import class_names
from nearfar.data.read.header import column_names, plain_name
from nearfar.data.spelling import composed
from nearfar.errors import UserError, nearest


@dataclass
class Table:
    """Columns of cells: text from text files, Python values from others; None where missing."""

    name: str
    """For messages: the file's name."""
    columns: dict[str, list[Any]]
    length: int
    lines: list[int] | None = None
    """Text files: the line of the file where each row begins."""
    ragged: dict[int, str] = field(default_factory=dict)
    """CSV: what is wrong with rows that have too few or too many fields, by position."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """What is wrong with rows whose record is damaged, by position."""
    parts: list[str] | None = None
    """The part that each row was distributed in, where the source has named parts."""
    place: Callable[[int], str] | None = None
    """Where a row comes from, if not from a row of the file ``name``."""
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → names of the class numbers 0, 1, 2, … in it, where the source gives them."""
    structures: str | None = None
    """The column of SMILES that the kind of file gives, whatever the study calls it."""
    notes: list[str] = field(default_factory=list)
    """What was done to the file to read it, a line each."""
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column → word taken as missing → cells; blank cells are not listed."""
    elsewhere: Callable[[str], str] | None = None
    """What to say of a column that is not there: where it stands; empty if it is nowhere."""
    kept: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column of text → word such as ``none`` that is a text like others → cells."""
    points: set[str] = field(default_factory=set)
    """Columns whose numbers have a decimal point where a comma was said to be the sign."""
    written: dict[str, list[Any]] = field(default_factory=dict)
    """Column → its cells as the source has them, where ``columns`` has them otherwise."""
    array: int = 0
    """How many columns an array had that was laid into the file: the first ones."""
    called: dict[str, str] = field(default_factory=dict)
    """Column → its name in the source, where it is another (see ``call_as``)."""

    def as_written(self) -> dict[str, list[Any]]:
        """Return all cells as the source has them."""
        cells = {**self.columns, **self.written}
        return {self.called.get(name, name): column for name, column in cells.items()}

    def column(self, name: str, purpose: str) -> list[Any]:
        """Return a column.

        Raises:
            UserError: if there is none of that name.
        """
        if name not in self.columns:
            if purpose == "smiles" and self.structures is not None:
                return self.columns[self.structures]
            hint = nearest(name, self.columns).replace("allowed:", "columns:")
            place = "" if self.elsewhere is None else self.elsewhere(name)
            raise UserError(f"{self.name}: no column '{name}' (data: {purpose}){place}; {hint}")
        return self.columns[name]

    def call_as(self, needed: Collection[str]) -> None:
        """Call columns as they are needed where spaces, line breaks and Unicode's forms differ.

        Text files and workbooks have names without spaces around them, data frames may have any.
        A name that two columns could have is given to neither.
        """
        for name in set(needed) - self.columns.keys():
            others = self.columns.keys() - set(needed)
            same = [other for other in others if plain_name(other) == plain_name(name)]
            if len(same) == 1:
                self.called[name] = self.called.pop(same[0], same[0])
                renamed = {same[0]: name}
                self.columns = {renamed.get(key, key): self.columns[key] for key in self.columns}
                self.written = {renamed.get(key, key): self.written[key] for key in self.written}

    def where(self, position: int) -> str:
        """Return the file and the row number (from 1), with the line where it is known."""
        if self.place is not None:
            return self.place(position)
        line = f" (line {self.lines[position]})" if self.lines else ""
        return f"{self.name}, row {position + 1}{line}"

    def account(self) -> dict[str, Any]:
        """Return what a data set's provenance says of how the table was read."""
        said = {"reading": self.notes, "taken_as_missing": self.missing, "words_kept": self.kept}
        return {key: value for key, value in said.items() if value}


def check_names(name: str, header: Sequence[str]) -> None:
    """Refuse a header that has one name twice.

    Raises:
        UserError: as said.
    """
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise UserError(
            f"{name}: column '{twice[0]}' stands {list(header).count(twice[0])} times in the "
            "header: give each a name of its own"
        )


def from_arrow(name: str, table: Any) -> Table:
    """Return an arrow table's columns as Python values.

    Raises:
        UserError: if it has no rows, two columns of one name, or dates that cannot be read.
    """
    names = [composed(column) for column in table.column_names]
    check_names(name, names)
    if not table.num_rows:
        raise UserError(f"{name} has no rows")
    pairs = zip(names, table.columns, strict=True)
    try:
        columns = {column: python_cells(column, cells) for column, cells in pairs}
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    found = Table(name, columns, table.num_rows, class_names=class_names(table.schema))
    found.array = array_width(table.schema)
    written = zip(names, table.column_names, strict=True)
    found.called = {column: other for column, other in written if column != other}
    return found


def from_cells(
    name: str,
    header: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    *,
    lines: list[int] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the table of a header and its rows of cells.

    Columns at the end without a name and without a value are left out, and rows at the end without
    a value; of several columns without a name each gets one, from its place (``Unnamed: 3``). Names
    are without spaces around them and line breaks.

    Args:
        name: for messages.
        header: names of the columns.
        rows: cells; rows of another length than the header are noted as ragged and have no cells
            but in ``written``, where those at the end are empty or left out.
        lines: where each row begins.
        notes: what was done to read them.

    Raises:
        UserError: if there is no row, a name is there twice, or the header holds numbers.
    """
    rows = [list(row) for row in rows]
    while rows and all(map(blank, rows[-1])):
        rows.pop()
    width = max([_filled(header), *map(_filled, rows)])
    widest = max([len(header), *map(len, rows)])
    told = list(notes)
    if width <= len(header) and width < widest:
        count = widest - width
        told.append(f"left out: {count} empty column{'s' * (count > 1)} at the end")
        rows = [row[:width] for row in rows]
        header = header[:width]
    names = column_names(name, header)
    check_names(name, names)
    if not rows:
        raise UserError(f"{name} has a header and no rows")
    ragged = {
        position: _wrong_length(row, len(names))
        for position, row in enumerate(rows)
        if len(row) != len(names)
    }
    even = [[None] * len(names) if position in ragged else row for position, row in enumerate(rows)]
    columns = _columns(names, even)
    kept = None if lines is None else lines[: len(even)]
    table = Table(name, columns, len(even), kept, ragged, notes=told)
    if ragged:
        filled = [[*row, *[None] * (len(names) - len(row))][: len(names)] for row in rows]
        table.written = _columns(names, filled)
    numbers = range(2, len(rows) + 2) if lines is None else lines
    top = [(numbers[k], [*map(plain_name, row)]) for k, row in enumerate(rows[:_TITLES])]
    table.elsewhere = partial(_below, header=names, rows=top)
    return table


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {key: list(cells) for key, cells in zip(names, zip(*rows, strict=True), strict=True)}


def _wrong_length(row: Sequence[Any], width: int) -> str:
    """Return what is wrong with a row, and which of its cells have no column."""
    words = f"{len(row)} field{'s' * (len(row) != 1)} where the header has {width}"
    beyond = ", ".join(repr(str(cell)) for cell in row[width:] if not blank(cell))
    return f"{words}; without a column: {beyond:.100}" if beyond else words


_TITLES = 10
"""Rows in which the header is looked for where a title stands above it."""


def _below(column: str, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> str:
    """Return words on a row below the first that looks like the header, if there is one."""
    place = next((number for number, cells in rows if column in cells), None)
    title = [name for name in header if name and not name.startswith("Unnamed: ")]
    if place is None or not title:
        return ""
    return (
        f": the names of the columns stand in row {place}, below {title[0][:40]!r}; the header "
        "must stand in the first row: delete what is above it"
    )


def _filled(row: Sequence[Any]) -> int:
    """Return up to which place there are cells with a value."""
    place = len(row)
    while place and blank(row[place - 1]):
        place -= 1
    return place


def blank(cell: Any) -> bool:
    """Tell whether a cell is empty, or nothing but spaces."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
