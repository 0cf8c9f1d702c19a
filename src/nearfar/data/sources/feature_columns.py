"""Feature columns of a table: which there are, of which kind, and their cells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.inputs.columns import NUMERIC, Column, Columns, Kind, texts
from nearfar.data.inputs.joined import Joined
from nearfar.data.inputs.vectors import Vectors
from nearfar.data.options import DataOptions
from nearfar.data.read.cells import (
    ISO,
    date,
    is_missing,
    is_single,
    number,
    truth,
    without_last_year,
)
from nearfar.data.read.columns import BadRows
from nearfar.data.read.dates import read_again
from nearfar.data.read.kinds import ColumnKind, column_kind, column_kinds
from nearfar.data.read.table import Table
from nearfar.data.scales import Scales
from nearfar.data.spelling import composed
from nearfar.data.table_form import KnownColumn
from nearfar.errors import UserError, nearest

USED: frozenset[str] = frozenset({"number", "boolean", "date", "category", "text"})
"""Kinds of columns that are features where a study names none."""

_POINT = "."
"""Layout of numbers with a decimal point where a study's have a comma."""
_MOSTLY, _FEW_WORDS = 0.9, 5
_EPOCH = dt.datetime(1970, 1, 1)


def usable_columns(
    table: Table, but: Sequence[str | None]
) -> tuple[list[ColumnKind], list[ColumnKind]]:
    """Return the columns that are features where a study names none, and the others.

    Left out are those in ``but``, those that tell rows apart or do not vary, and those without a
    name.
    """
    kinds = column_kinds(table, but=[name for name in but if name])
    used = [
        kind
        for kind in kinds
        if kind.kind in USED and kind.name and not _names_rows(kind, table.columns[kind.name])
    ]
    names = {kind.name for kind in used}
    return used, [kind for kind in kinds if kind.name not in names]


def _names_rows(kind: ColumnKind, cells: Sequence[Any]) -> bool:
    """Tell whether texts are names of the rows: short, and hardly any occurs twice."""
    if kind.kind != "text":
        return False
    present = [str(cell) for cell in cells if not is_missing(cell)]
    words = sum(len(text.split()) for text in present)
    return kind.distinct >= _MOSTLY * len(present) and words < _FEW_WORDS * len(present)


def why_not(kind: ColumnKind) -> str:
    """Return why a column is no feature where a study names none, or what it holds."""
    return {
        "id": "names the rows",
        "text": "texts that mostly differ",
        "counter": "counts the rows",
        "division": "says how the rows were divided before",
        "constant": "is the same in every row",
        "empty": "is empty",
        "other": "holds lists or structures",
        "number": "numbers",
        "boolean": "truth values",
        "date": "dates",
        "category": "categories",
    }[kind.kind]


def not_used(kinds: Sequence[ColumnKind], table: Table) -> str:
    """Return columns that are no features, each with what it holds, as words."""
    return ", ".join(
        f"{kind.name or 'one without a name'} ({_holds(kind, table.columns[kind.name])})"
        for kind in kinds
    )


def _holds(kind: ColumnKind, cells: Sequence[Any]) -> str:
    if kind.kind in {"text", "id", "category"} and "smiles" in kind.name.lower():
        return "SMILES"
    if kind.kind == "text" and kind.note:
        return kind.note
    if _names_rows(kind, cells):
        return "names the rows: different texts of few words"
    return kind.note if kind.kind == "other" and kind.note else why_not(kind)


def named_columns(table: Table, names: Sequence[str]) -> list[ColumnKind]:
    """Return the kinds of the columns that a study names as features.

    Raises:
        UserError: one is not there, is empty, or has cells that are no single values.
    """
    kinds = [column_kind(name, table.column(name, "features")) for name in names]
    for kind in kinds:
        if kind.kind in {"empty", "other"}:
            what = (
                "is empty"
                if kind.kind == "empty"
                else "holds lists or structures: a feature is one "
            )
            what += (
                "" if kind.kind == "empty" else "value a row (give each value a column of its own)"
            )
            raise UserError(f"{table.name}: column '{kind.name}' (data: features) {what}")
    return kinds


def read_columns(table: Table, kinds: Sequence[ColumnKind], bad: BadRows) -> Columns:
    """Read the cells of feature columns; a missing cell is a gap, not a bad row."""
    columns = []
    for kind in kinds:
        layout = _POINT if kind.name in table.points else kind.layout
        read_as = _kind(kind, table.columns[kind.name])
        columns.append(_column(table, kind.name, read_as, layout, bad))
    return Columns(columns)


def read_like(table: Table, like: Columns | Vectors, bad: BadRows) -> Columns:
    """Read the columns of ``like`` from another table, as what they are there.

    A column that lacked no cell there has no rule for a gap: a missing cell makes a bad row. Dates
    that are all written in one other way than there, which can mean nothing else, are read in that;
    of dates written in several ways those that could be another day make bad rows.

    Raises:
        UserError: one is not there.
    """
    if isinstance(like, Columns):
        return Columns([_column_like(table, column, bad) for column in like.columns])
    return Columns([Column(name, "number", bad.numbers(name, "feature")) for name in like.columns])


def names_of(like: Columns | Vectors | None) -> list[str]:
    """Return the names of the columns that ``read_like`` reads."""
    if isinstance(like, Columns):
        return [column.name for column in like.columns]
    return [] if like is None else [*like.columns]


def known_of(like: Columns | Vectors | None) -> list[KnownColumn]:
    """Return what the columns that ``read_like`` reads were in training."""
    if isinstance(like, Columns):
        return [
            KnownColumn(
                c.name, c.kind, c.truths, c.codes, c.kind == "number" and c.layout == _POINT
            )
            for c in like.columns
        ]
    return [KnownColumn(name, "number") for name in names_of(like)]


def check_needed(table: Table, needed: Sequence[str]) -> None:
    """Refuse a table to predict for that lacks columns, with what can be done where it is read.

    Raises:
        UserError: names the first ones, and the columns that are there.
    """
    lacking = [name for name in needed if name not in table.columns]
    if not lacking:
        return
    place = "" if table.elsewhere is None else table.elsewhere(lacking[0])
    hint = nearest(lacking[0], table.columns).replace("allowed:", "columns:")
    more = ""
    if others := lacking[1:]:
        rest = f" and {len(others) - 5} more" if len(others) > 5 else ""
        more = f" (and it lacks {', '.join(map(repr, others[:5]))}{rest})"
    same = [n for n in table.columns if n.strip().casefold() == lacking[0].strip().casefold()]
    if len(same) == 1:
        hint = f"rename '{same[0]}' if it is meant"
    raise UserError(
        f"{table.name}: no column '{lacking[0]}', which the model takes{more}{place}; {hint}"
    )


def as_inputs(columns: Columns, rows: Sequence[int]) -> Columns | Vectors:
    """Return the inputs of the good rows: vectors where all cells are numbers, and all there.

    Others, numbers that float32 would blur, and those that are written otherwise than a study says
    are prepared for each split, in float64.
    """
    taken = columns.taken(np.array(rows, dtype=np.int64))
    if all(column.kind == "number" and not column.layout for column in taken.columns):
        values = np.stack([column.cells for column in taken.columns], axis=1)
        complete = not np.isnan(values).any()
        if complete and not (len(values) and Scales.of(values).blurred_in_float32()):
            return as_vectors(taken)
    return taken


def as_vectors(columns: Columns) -> Vectors:
    """Return columns of numbers, of which none is missing, as vectors."""
    values = np.stack([column.cells for column in columns.columns], axis=1)
    return Vectors(values, [column.name for column in columns.columns])


def columns_beside(table: Table, options: DataOptions, bad: BadRows) -> Columns | None:
    """Read the columns that stand beside molecules or images, None where a study names none."""
    if not options.features:
        return None
    return read_columns(table, named_columns(table, options.features), bad)


def joined(inputs: Any, columns: Columns | None, rows: Sequence[int]) -> Any:
    """Return the molecules or images of ``rows`` with the columns of these, if there are any.

    Columns are of all rows of the table.
    """
    if columns is None:
        return inputs
    return Joined(inputs, columns.taken(np.array(rows, dtype=np.int64)))


def _kind(kind: ColumnKind, cells: Sequence[Any]) -> Kind:
    """Return what a column is read as: one that tells rows apart as what its cells are."""
    if kind.kind in USED:
        return kind.kind  # type: ignore[return-value]
    present = [cell for cell in cells if not is_missing(cell)]
    if 2 * sum(number(cell) is not None for cell in present) > len(present):
        return "number"
    return "category" if kind.kind in {"constant", "division"} else "text"


def _column_like(table: Table, like: Column, bad: BadRows) -> Column:
    layout = like.layout
    if like.kind == "date":
        layout = _own_layout(table, like, bad)
    found = _column(table, like.name, like.kind, layout, bad, " as in training")
    for row in np.flatnonzero(found.gaps) if like.complete else ():
        message = f"feature '{like.name}' is missing, and no row of the model's training lacked it"
        bad.add(int(row), "feature missing", message)
    return replace(found, layout=like.layout)


def _own_layout(table: Table, like: Column, bad: BadRows) -> str:
    """Return how the dates of a table are written, told if otherwise than in training.

    Where they are written in several ways, each that could be another day makes a bad row.
    """
    cells = table.column(like.name, "features")
    usual = like.layout or ISO
    reading = read_again([cell for cell in cells if not is_missing(cell)], usual)
    in_training = f"in training as {_date_in(usual)}"
    if reading.layout != usual:
        said = f"dates are written as {_date_in(reading.layout)}, {in_training}"
        table.notes.append(f"column '{like.name}': {said}")
    for row, cell in enumerate(cells):
        text = isinstance(cell, str)
        proof = reading.doubtful.get(cell.strip()) if text else reading.swapped
        if proof and (text or isinstance(cell, dt.date)):
            message = (
                f"feature '{like.name}' is {str(cell)!r}, which may be another day: {in_training}, "
                f"and here {proof!r} is written otherwise: write all dates in one way"
            )
            bad.add(row, "feature not a clear date", message)
    return reading.layout


def _date_in(layout: str) -> str:
    example = dt.datetime(2024, 12, 31)
    return (
        f"{example:%Y-%m-%d}"
        if layout in ("", ISO)
        else example.strftime(without_last_year(layout)[0])
    )


def _column(
    table: Table,
    name: str,
    kind: Kind,
    layout: str,
    bad: BadRows,
    as_there: str = " as in the other rows",
) -> Column:
    cells = table.column(name, "features")
    if kind not in NUMERIC:
        return Column(name, kind, _texts(cells, name, bad))
    if kind == "number":
        values = bad.numbers(name, "feature", gaps=True)
    elif kind == "boolean":
        words = f"true or false{as_there}: write true or false, yes or no, or 1 or 0"
        values = _read(cells, name, _truth, ("true or false", words), bad)
    else:
        words = f"a date{as_there}: write dates such as {_date_in(layout)}"
        values = _read(cells, name, lambda cell: _seconds(cell, layout), ("a date", words), bad)
    return Column(name, kind, values, layout)


def _read(
    cells: Sequence[Any],
    name: str,
    read: Callable[[Any], float | None],
    what: tuple[str, str],
    bad: BadRows,
) -> npt.NDArray[np.float64]:
    """Return cells as numbers, NaN where there is none; what cannot be read makes a bad row.

    Args:
        cells: the column.
        name: what it is called.
        read: what makes a number of a cell.
        what: the cells should be, in a word, and how they are to be written.
        bad: where bad rows are noted.
    """
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell) or row in bad:
            continue
        value = read(cell)
        if value is None:
            message = f"feature '{name}' is {str(cell)[:40]!r}, not {what[1]}"
            bad.add(row, f"feature not {what[0]}", message)
        else:
            values[row] = value
    return values


def _truth(cell: Any) -> float | None:
    found = truth(cell)
    if found is None and number(cell) in (0, 1):
        return number(cell)
    return None if found is None else float(found)


def _seconds(cell: Any, layout: str) -> float | None:
    found = date(cell, layout or "iso")
    return None if found is None else (found - _EPOCH).total_seconds()


def _texts(cells: Sequence[Any], name: str, bad: BadRows) -> npt.NDArray[Any]:
    """Return cells as texts, "" where there is none; a list or bytes make a bad row."""
    for row, cell in enumerate(cells):
        if not is_single(cell):
            holds = "bytes" if isinstance(cell, bytes) else "a list or structure"
            message = f"feature '{name}' is {str(cell)[:40]}, {holds}: write one text or number"
            bad.add(row, "feature not one value", message)
    return texts(["" if is_missing(cell) else _text(cell) for cell in cells])


def _text(cell: Any) -> str:
    """Return the text of a cell, the same from any file: whole numbers have no point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return composed(str(cell)).strip()
