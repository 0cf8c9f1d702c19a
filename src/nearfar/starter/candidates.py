"""Which columns of a table may be meant where its user named none, or a folder that holds one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nearfar.data.read.guess import guessed_form
from nearfar.data.read.images.lookup import PictureNames, column_of_images
from nearfar.data.read.kinds import ColumnKind, column_kinds
from nearfar.data.read.names import are_image_paths
from nearfar.data.read.packed import is_table
from nearfar.data.read.structures import NAME
from nearfar.data.read.table import Table
from nearfar.data.read.tables import read_file
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

_SHOWN = 10
_NEVER = frozenset({"id", "counter", "division", "constant", "empty", "other"})
"""Kinds of columns that hold nothing to predict."""
_WORDS = (
    *("target", "label", "labels", "class", "y", "outcome", "response", "result", "output"),
    *("value", "score", "activity", "category", "measured", "price", "rating", "diagnosis"),
)
"""What columns to predict are usually called, the likeliest first."""


def columns_to_predict(table: Table) -> str:
    """Return the columns of a table as words, at most ten: first those called as targets are.

    Columns of paths of images stand last.
    """
    names = sorted(
        (name for name in table.columns if name),
        key=lambda name: (are_image_paths(table.columns[name]), _rank(name)),
    )
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _rank(name: str) -> int:
    words = set(re.split(r"[\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    return next((place for place, word in enumerate(_WORDS) if word in words), len(_WORDS))


def target_left(table: Table, name: str, inputs: str | None) -> str:
    """Return the one column beside ``inputs`` (SMILES, images) that can be predicted.

    Args:
        table: all columns.
        name: what the file is called, for the message.
        inputs: the column of what is predicted from; None if that is a column like any other.

    Raises:
        UserError: there is more than one, or none, or the file is a list of molecules alone.
    """
    kinds = [kind for kind in column_kinds(table, but=[inputs or ""]) if kind.kind not in _NEVER]
    if table.structures is not None and all(_are_names(kind, table.length) for kind in kinds):
        raise UserError(
            f"{name}: it lists molecules, and names at most, and has no target: write a table of "
            "them (CSV) with a column of what is to be predicted"
        )
    if inputs is None or len(kinds) != 1:
        raise UserError(
            f"{name}: name the column to predict with --target: {columns_to_predict(table)}"
        )
    return kinds[0].name


def _are_names(kind: ColumnKind, rows: int) -> bool:
    """Tell whether a column of a list of molecules names them: texts that mostly differ, numbers.

    Numbers name molecules where they are whole and all differ, as those of a database do.
    """
    numbers = kind.kind == "number" and kind.example.isdecimal()
    return kind.name == NAME and (
        kind.kind == "text" or (numbers and kind.distinct == rows - kind.missing)
    )


def tables_of_pictures(folder: Path, form: TableForm) -> list[tuple[Path, Table, str]]:
    """Return the tables in a folder that list pictures in it, each with its column of these."""
    found = []
    for path in _tables(folder):
        try:
            table = read_file(path, guessed_form(path, form)[0])
        except UserError:  # what is no table is none of images
            continue
        if (column := column_of_images(table, folder)) is not None:
            found.append((path, table, column))
    return found


def _tables(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file() and is_table(path))


def table_instead(folder: Path, form: TableForm) -> str:
    """Return a remedy for a folder that is no data set: the tables in it that list its pictures."""
    listed = tables_of_pictures(folder, form)
    found = [(path, table, column) for path, table, column in listed if len(table.columns) > 1]
    if len(found) > 1:
        return f"; {_one_of(found, columns_to_predict(found[0][1]))}"
    if not found:
        return ""
    ((path, table, column),) = found
    return (
        f"; {path.name} in it lists images, in column '{column}': name that file, and the column "
        f"to predict with --target: {columns_to_predict(table)}"
    )


def refuse_several_tables(folder: Path, targets: Sequence[str], form: TableForm) -> None:
    """Refuse a folder of pictures in which several tables list them, with the columns to predict.

    Read as one table, their rows would be those of a table without pictures.

    Raises:
        UserError: there are several, of which one must be named.
    """
    names = PictureNames(folder)
    found = [
        (path, table, column)
        for path, table, column in tables_of_pictures(folder, form)
        if len(table.columns) > 1 and set(targets) <= table.columns.keys()
        if any(names.found(table.columns[column]))
    ]
    if len(found) > 1:
        columns = " and ".join(targets) or columns_to_predict(found[0][1])
        raise UserError(f"{folder.name}: {_one_of(found, columns)}")


def _one_of(found: Sequence[tuple[Path, Table, str]], columns: str) -> str:
    """Return the words that one of several tables must be named; the longest is the example."""
    names = [path.name for path, _, _ in found]
    longest = max(found, key=lambda listed: listed[1].length)[0]
    return (
        f"{', '.join(names[:-1])} and {names[-1]} in it list images: name one of these files, such "
        f"as {longest.name}, and the column to predict with --target: {columns}"
    )
