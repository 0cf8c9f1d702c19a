"""Several targets a row: numbers of which a row may lack some, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.cells import truth
from nearfar.data.read.classes import _ordered
from nearfar.data.read.columns import BadRows, number
from nearfar.data.read.tables import Table, is_missing
from nearfar.data.spelling import composed
from nearfar.errors import UserError

Floats = npt.NDArray[np.float64]


def several_numbers(columns: Sequence[str], bad: BadRows) -> Floats:
    """Return the columns as numbers, (n, k).

    A row that lacks some of several numbers has NaN there; one that lacks all of them is bad.
    """
    several = len(columns) > 1
    values = np.stack([bad.numbers(c, "target", gaps=several) for c in columns], axis=1)
    if several:
        _without_any(values, columns, bad)
    return values


def labels_of(
    table: Table,
    columns: Sequence[str],
    separator: str | None,
    bad: BadRows,
    known: Sequence[str] = (),
    *,
    blank: bool = False,
) -> tuple[Floats, list[str]]:
    """Return which labels each row has, (n, labels), and the names of the labels.

    Several columns hold 0 or 1 (or false, true; no, yes; …) each; a missing cell is NaN: it is not
    known whether the row has that label. One column holds the names of a row's labels, with
    ``separator`` between them, or a list of them; a missing cell is a row of which no label is
    known, an empty list one without labels, and with ``blank`` a blank text too. Rows of which no
    label is known are bad. With ``known`` the source gives the names itself, and a label may be its
    number from 0.

    Raises:
        UserError: if there are fewer than two labels, or a column cannot be taken apart.
    """
    if len(columns) > 1:
        values = np.stack([_indicators(table, column, bad) for column in columns], axis=1)
        _without_any(values, columns, bad)
        return values, list(columns)
    (column,) = columns
    cells, numbered = _without_indicators(table.column(column, "target"))
    sets = [
        None
        if _unknown(cell) and not (blank and isinstance(cell, str))
        else label_set(cell, separator)
        for cell in cells
    ]
    for position, found in enumerate(sets):
        if found is None:
            bad.add(position, "target missing", f"target '{column}' is missing")
    names = tuple(map(composed, known or numbered))
    if names:
        sets = [_named(position, found, names, bad) for position, found in enumerate(sets)]
    else:
        names = _ordered({name for found in sets if found is not None for name in found})
    if len(names) < 2:
        what = f"the one label {names[0]!r}" if names else "no label"
        raise UserError(
            f"{table.name}: target '{column}' holds {what}: several labels a row (task: multilabel)"
            " need two at least"
        )
    if separator is None and not any(isinstance(cell, list | tuple) for cell in cells):
        raise UserError(
            f"{table.name}: target '{column}' holds texts such as {str(cells[0])!r}: set data: "
            "label_separator to what stands between the labels of a row"
        )
    place = {name: k for k, name in enumerate(names)}
    values = np.zeros((len(cells), len(names)))
    for position, found in enumerate(sets):
        if found is None:
            values[position] = np.nan
        else:
            values[position, [place[name] for name in found]] = 1.0
    return values, list(names)


def label_lists(array: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Return the numbers of the labels of each row, lists (n,), of an array (n, k) of 0 and 1.

    Where every row has exactly one, they are classes: the number of each, (n,). None of an array
    that holds other than 0 and 1.
    """
    if not np.isin(array, (0, 1)).all():
        return None
    if (array.sum(axis=1) == 1).all():
        return np.asarray(array.argmax(axis=1))
    found = np.empty(len(array), dtype=object)
    for position, row in enumerate(array):
        found[position] = np.flatnonzero(row).tolist()
    return found


def _without_indicators(cells: list[Any]) -> tuple[list[Any], list[str]]:
    """Return lists of 0 and 1, one for each label, as lists of the labels' numbers, and all these.

    They are such where all have one length and some value stands twice in one; others are left.
    """
    lists = [cell for cell in cells if isinstance(cell, list)]
    if (
        len({len(some) for some in lists}) != 1
        or any(indicator(item) is None for some in lists for item in some)
        or all(len(set(some)) == len(some) for some in lists)
    ):
        return cells, []
    sets = [
        [str(k) for k, item in enumerate(cell) if indicator(item)]
        if isinstance(cell, list)
        else cell
        for cell in cells
    ]
    return sets, [str(k) for k in range(len(lists[0]))]


def _named(
    position: int, found: list[str] | None, names: Sequence[str], bad: BadRows
) -> list[str] | None:
    if found is None:
        return None
    by_number = {str(k): name for k, name in enumerate(names)}
    called = [name if name in names else by_number.get(name, "") for name in found]
    if "" in called:
        odd = found[called.index("")]
        bad.add(position, "label unknown", f"label {odd!r} is none of {len(names)} that are named")
        return None
    return called


def label_set(cell: Any, separator: str | None) -> list[str]:
    """Return the labels in a cell: a list of them, or a text with something between them."""
    if isinstance(cell, list | tuple):
        return [composed(str(item)).strip() for item in cell]
    text = composed(str(cell))
    parts = text.split() if separator is not None and not separator.strip() else None
    return [p.strip() for p in parts or text.split(separator or "\0") if p.strip()]


def indicator(cell: Any) -> float | None:
    """Return 1 or 0 of a cell that says whether a row has a label, None of any other."""
    if (known := truth(cell)) is not None:
        return float(known)
    value = number(cell)
    return value if value in (0.0, 1.0) else None


def known_rows(targets: Floats, names: Sequence[str], *, labels: bool) -> dict[str, Any]:
    """Return by target how many rows have it; of labels, of how many it is known, and true."""
    known = (~np.isnan(targets)).sum(axis=0).tolist()
    if not labels:
        return dict(zip(names, known, strict=True))
    true = np.nansum(targets, axis=0).astype(int).tolist()
    return {n: {"known": k, "true": t} for n, k, t in zip(names, known, true, strict=True)}


def _indicators(table: Table, column: str, bad: BadRows) -> Floats:
    cells = table.column(column, "target")
    values = np.full(len(cells), np.nan)
    for position, cell in enumerate(cells):
        if _unknown(cell):
            continue
        value = indicator(cell)
        if value is None:
            message = f"target '{column}' is {cell!r}; a label is 0 or 1"
            bad.add(position, "label neither 0 nor 1", message)
        else:
            values[position] = value
    return values


def _unknown(cell: Any) -> bool:
    return not isinstance(cell, list | tuple) and is_missing(cell)


def _without_any(values: Floats, columns: Sequence[str], bad: BadRows) -> None:
    """Note the rows that have none of the targets."""
    shown = ", ".join(f"'{column}'" for column in columns[:3]) + ", …" * (len(columns) > 3)
    for position in np.flatnonzero(np.isnan(values).all(axis=1)):
        bad.add(int(position), "all targets missing", f"targets {shown} are all missing")
