"""What is to be predicted: columns of the rows, or values beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nearfar.data.in_memory import is_gap, plain_cell
from nearfar.data.read.arrow_cells import python_cells
from nearfar.data.spelling import composed
from nearfar.errors import UserError, nearest
from nearfar.library.beside import array_of, check_length, free_name, same_column
from nearfar.library.frames import as_table


def targets_of(y: Any, columns: dict[str, Any], rows: int, notes: list[str]) -> list[str]:
    """Return the names of the columns to predict, added to ``columns`` where they are not there.

    Values that a column of ``X`` holds as well are that column: as a feature it would say what is
    to be predicted. ``notes`` are told of it.
    """
    if y is None:
        raise UserError("y: needs what to predict: values, or the name of a column of X")
    named = _named(y, columns, rows)
    if named is not None:
        return named
    names, cells = target_columns(y)
    found: list[str] = []
    for name, column in zip(names, cells, strict=True):
        check_length("y", len(column), rows)
        own = same_column(column, columns, but=found)
        if own is not None:
            notes.append(f"y is column {own!r} of X, which is therefore no feature")
        elif name in columns and hasattr(y, "name"):
            notes.append(
                f"careful: X has a column {name!r} as well, whose values are others than those of "
                "y: it stays a feature"
            )
        found.append(free_name(name, columns) if own is None else own)
        if own is None:
            columns[found[-1]] = array_of("y", column)
    return found


def _named(y: Any, columns: Mapping[str, Any], rows: int) -> list[str] | None:
    """Return the columns of ``X`` that ``y`` names, None where it is what is to be predicted.

    A list of texts as long as ``X`` has rows is labels, though columns may be called like classes.

    Raises:
        UserError: it is a name of no column, names one twice, or may be either.
    """
    if isinstance(y, str):
        y = composed(y)
        if y not in columns:
            raise UserError(f"y: X has no column {y!r}; {nearest(y, columns)}")
        return [y]
    listed = isinstance(y, list | tuple) and all(isinstance(one, str) for one in y)
    y = [*map(composed, y)] if listed else y
    if not listed or not set(y) & set(columns):
        return None
    strange = [name for name in y if name not in columns]
    if strange and len(y) != rows:
        raise UserError(f"y: X has no column {strange[0]!r}; {nearest(strange[0], columns)}")
    if strange:
        return None
    distinct = len(set(y)) == len(y)
    if distinct and len(y) == rows:
        raise UserError(
            f"y: its {rows} texts may be labels of the {rows} rows of X or names of its columns: "
            "give labels as an array (numpy.array(y)), and columns by themselves (y=X[y], with "
            "X.drop(columns=y) as X)"
        )
    if len(y) == rows:
        return None
    check_once(y)
    return list(y)


def check_once(names: Sequence[str]) -> None:
    """Refuse names of columns to predict one of which stands there twice."""
    for name, count in Counter(names).items():
        if count > 1:
            raise UserError(f"y: names column {name!r} {count} times: name each once")


def target_columns(y: Any) -> tuple[list[str], list[Any]]:
    """Return the names and the cells of what to predict."""
    table = as_table("y", y) if hasattr(y, "columns") else None
    if table is not None:
        return list(table.column_names), [
            python_cells(name, table.column(name)) for name in table.column_names
        ]
    name = composed(str(getattr(y, "name", None) or "y"))
    cells = _listed(y)
    if cells is not None and not any(map(_is_nested, cells)):
        return [name], [plain_cells(cells)]
    if cells is not None and are_label_lists(cells):
        return [name], [[list(cell) if _is_nested(cell) else None for cell in cells]]
    try:
        array = np.asarray(y)
    except ValueError:
        raise UserError(
            "y: its rows have different lengths: give as many numbers in each, or lists of the "
            "names of a row's labels"
        ) from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or not array.size:
        given = array.shape if array.ndim else type(y).__name__
        raise UserError(f"y: needs values (rows,) or (rows, targets), not {given}")
    if array.ndim == 1:
        return [name], [plain_cells(array.tolist())]
    return [f"y{k + 1}" for k in range(array.shape[1])], [plain_cells(c) for c in array.T.tolist()]


def are_label_lists(y: Any) -> bool:
    """Tell whether what is to be predicted are lists of names of labels, one for every row.

    Lists of one text each are a column of classes.
    """
    nested = [cell for cell in _listed(y) or [] if _is_nested(cell)]
    plain = [cell.ravel().tolist() if isinstance(cell, np.ndarray) else cell for cell in nested]
    items = [item for cell in plain for item in cell]
    several = any(len(cell) != 1 for cell in plain)
    return several and bool(items) and all(isinstance(item, str) for item in items)


def _listed(y: Any) -> list[Any] | None:
    """Return the cells of a column or a list, None of anything else."""
    if hasattr(y, "to_list"):
        return list(y.to_list())
    return list(y) if isinstance(y, list | tuple) else None


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, list | tuple | np.ndarray)


def plain_cells(cells: Sequence[Any]) -> list[Any]:
    """Return cells with None for what is missing."""
    return [None if is_gap(cell) else cell for cell in map(plain_cell, cells)]
