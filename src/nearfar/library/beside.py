"""Columns that a caller hands over beside the rows: groups and names, targets of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data.in_memory import is_gap
from nearfar.data.read.arrow_cells import python_cells
from nearfar.data.read.times import times_of
from nearfar.data.spelling import composed
from nearfar.errors import UserError, nearest
from nearfar.starter.asked import OFF

if TYPE_CHECKING:
    import pyarrow as pa


def beside(
    key: str,
    given: Any,
    columns: dict[str, Any],
    rows: int,
    targets: Sequence[str],
    kind: str = "",
) -> tuple[str, list[str]]:
    """Return the name of the column of groups, names or parts, and what is to be told of it.

    It is added to ``columns`` where none of them has the same cells; one that has is it, unless it
    holds molecules, which stay what is learnt from.

    Args:
        key: ``group``, ``name`` or ``part``.
        given: a name of a column, ``none`` for none of those found, or a cell for every row.
        columns: those of ``X`` and ``y``.
        rows: how many there are.
        targets: the columns that are predicted.
        kind: the column of molecules or images, empty if there is none.

    Raises:
        UserError: no column has this name, or there are other than ``rows`` cells.
    """
    others = [*targets, kind]
    if isinstance(given, str):
        given = composed(given)
        if given not in columns and given != OFF:
            raise UserError(f"{key}s: X has no column {given!r}; {nearest(given, columns)}")
        return given, []
    texts = _texts(_one_each(f"{key}s", given))
    check_length(f"{key}s", len(texts), rows)
    times = times_of(texts) if key == "part" else None
    several = key == "name" or times is not None or len({*texts}) < rows
    for name, column in columns.items() if several else ():
        if name not in others and "smi" not in name.lower() and _equal(texts, column):
            told = f"{key}s are column {name!r} of X, which is therefore no feature"
            return name, [told] if times is None else []
    name = free_name(key, columns)
    columns[name] = array_of(f"{key}s", texts)
    return name, []


def _one_each(what: str, given: Any) -> Any:
    """Return cells in the order of the rows; a table of one column is that column.

    Raises:
        UserError: it is a single value, or has no order.
    """
    if isinstance(given, list | tuple) or hasattr(given, "to_list"):
        return given
    array = np.asarray(given)
    if array.ndim == 0:
        raise UserError(
            f"{what}: {type(given).__name__} is no list: give a value for every row, in the order "
            "of X, or the name of a column of X"
        )
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _texts(given: Any) -> list[str | None]:
    """Return cells as text, None for what is missing."""
    from nearfar.data.read.cells import is_missing

    if hasattr(given, "to_list"):
        cells = given.to_list()
    else:
        array = given if isinstance(given, list | tuple) else _of_microseconds(np.asarray(given))
        cells = list(array) if isinstance(array, list | tuple) else array.tolist()
    gaps = [is_gap(cell) or is_missing(cell) for cell in cells]
    return [None if gap else _text(cell) for gap, cell in zip(gaps, cells, strict=True)]


def _text(cell: Any) -> str:
    """Return a cell as text, of a span of time its seconds."""
    return str(cell.total_seconds() if hasattr(cell, "total_seconds") else cell)


def _of_microseconds(array: NDArray[Any]) -> NDArray[Any]:
    """Return dates and spans as precise as Python's are, and other cells as they are."""
    kind = array.dtype.kind
    return array.astype(f"{array.dtype.name.split('[')[0]}[us]") if kind in "mM" else array


def _equal(texts: Sequence[str | None], column: Any) -> bool:
    """Whether a column has these cells, numbers whether whole or with a point.

    Columns of other things than texts, numbers and dates are not compared.
    """
    if texts[0] is not None and _plain(texts[0]) != _plain(_texts(python_cells("", column[:1]))[0]):
        return False
    return [*map(_plain, texts)] == [*map(_plain, _texts(python_cells("", column)))]


def same_column(
    cells: Sequence[Any], columns: Mapping[str, Any], but: Sequence[str] = ()
) -> str | None:
    """Return the name of the first column with these cells, None where no column has them.

    Args:
        cells: of every row; lists are in no column.
        columns: name → column.
        but: names of columns that are not asked.
    """
    if not len(cells) or any(isinstance(cell, list) for cell in cells):
        return None
    texts = _texts(list(cells))
    same = (name for name, own in columns.items() if name not in but and _equal(texts, own))
    return next(same, None)


def _plain(text: str | None) -> str | None:
    """Return a text, of a whole number without a point behind it."""
    return text if text is None else text.removesuffix(".0")


def array_of(what: str, cells: Sequence[Any]) -> pa.Array:
    """Return cells as a column; ``what`` names them in a message.

    Raises:
        UserError: they are of mixed types.
    """
    import pyarrow as pa

    try:
        return pa.array(cells)
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        raise UserError(f"{what}: {str(error).splitlines()[0]}") from None


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name that is not taken, with underscores behind it where it is."""
    while name in taken:
        name += "_"
    return name


def check_length(what: str, found: int, rows: int) -> None:
    """Refuse other than as many cells as there are rows."""
    if found != rows:
        raise UserError(f"{what}: has {found} rows, X has {rows}")
