"""Cells turned into class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.columns import BadRows, number
from nearfar.data.read.tables import Table, is_missing
from nearfar.errors import UserError, nearest


def class_numbers(
    table: Table, column: str, names: Sequence[str], bad: BadRows
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Return the class of every row and the names of the classes.

    With ``names`` (which the source itself gives) a cell is a number from 0 or one of the names; a
    negative number is a missing label. Without them every different cell is a class: numbers in
    ascending order, or else texts in alphabetical order.

    Returns:
        float64 (n,), NaN where the row was noted as bad, and the names in the order of the numbers.

    Raises:
        UserError: if there are fewer than two classes, or hardly two rows of each.
    """
    cells = table.column(column, "target")
    texts = [None if is_missing(cell) else _text(cell) for cell in cells]
    for position, text in enumerate(texts):
        if text is None:
            bad.add(position, "target missing", f"target '{column}' is missing")
    if names:
        return _numbered(texts, column, tuple(names), bad), tuple(names)
    usable = {t for p, t in enumerate(texts) if t is not None and p not in bad}
    classes = _ordered(usable)
    rows = sum(t is not None and p not in bad for p, t in enumerate(texts))
    _check_classes(table, column, classes, rows)
    order = {name: float(k) for k, name in enumerate(classes)}
    return np.array([order.get(t, np.nan) if t is not None else np.nan for t in texts]), classes


def with_positive(
    numbers: npt.NDArray[np.float64], classes: tuple[str, ...], positive: str
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Return numbers (n,) and names of two classes, ``positive`` as the second.

    Raises:
        UserError: there are other than two classes, or none is called so.
    """
    if positive not in classes:
        raise UserError(
            f"data: positive: no class is called {positive!r}; {nearest(positive, classes)}"
        )
    if len(classes) != 2:
        raise UserError(f"data: positive: goes with two classes, and here are {len(classes)}")
    if classes[1] == positive:
        return numbers, classes
    return 1 - numbers, (classes[1], classes[0])


def _check_classes(table: Table, column: str, classes: Sequence[str], rows: int) -> None:
    if len(classes) == 1:
        raise UserError(
            f"{table.name}: target '{column}' is {classes[0]!r} in every row: one class"
        )
    if classes and 2 * len(classes) > rows:
        raise UserError(
            f"{table.name}: target '{column}' has {len(classes)} different values in {rows} rows: "
            "these are no classes; if it is a number, set data: task: regression"
        )
    fractions = [name for name in classes if (value := number(name)) and value != int(value)]
    if fractions and all(number(name) is not None for name in classes):
        raise UserError(
            f"{table.name}: target '{column}' holds numbers such as {fractions[0]}, not classes: "
            "set data: task: regression"
        )


def _numbered(
    texts: Sequence[str | None], column: str, names: tuple[str, ...], bad: BadRows
) -> npt.NDArray[np.float64]:
    order = {name: float(k) for k, name in enumerate(names)}
    order |= {str(k): float(k) for k in range(len(names)) if str(k) not in order}
    values = np.full(len(texts), np.nan)
    for position, text in enumerate(texts):
        if text is None:
            continue
        if text in order:
            values[position] = order[text]
        elif text == "-1":
            bad.add(position, "target missing", f"target '{column}' is -1, which means unlabelled")
        else:
            bad.add(
                position,
                "label out of range",
                f"target '{column}' is {text}; there are {len(names)} classes, 0 to "
                f"{len(names) - 1}",
            )
    return values


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell == int(cell):
        return str(int(cell))
    return str(cell).strip()


def _ordered(texts: set[str]) -> tuple[str, ...]:
    values = {text: number(text) for text in texts}
    if all(value is not None for value in values.values()):
        return tuple(sorted(texts, key=lambda text: (values[text], text)))
    return tuple(sorted(texts))
