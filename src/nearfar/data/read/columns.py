"""Cells turned into numbers, and the list of rows that cannot be used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.tables import Table, is_missing
from nearfar.errors import UserError

_SHOWN = 20


def number(cell: Any) -> float | None:
    """Return the number in a cell, or None if it holds something else (or nothing)."""
    if isinstance(cell, str | int | float | Decimal) and not is_missing(cell):
        try:
            return float(cell)
        except (ValueError, OverflowError):
            return None
    return None


def _all_numbers(cells: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """Return the numbers if every cell is a finite one: much faster than looking at each."""
    try:
        values = np.array(cells, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return values if values.ndim == 1 and bool(np.isfinite(values).all()) else None


class BadRows:
    """Rows that cannot be used, each with its first reason."""

    def __init__(self, table: Table, action: str) -> None:
        self._table = table
        self._action = action
        self._found: dict[int, tuple[str, str]] = {}
        for position, reason in table.ragged.items():
            self.add(position, "wrong number of fields", reason)

    def __contains__(self, position: int) -> bool:
        return position in self._found

    def add(self, position: int, reason: str, message: str) -> None:
        """Note a row: ``reason`` is counted, ``message`` is shown."""
        self._found.setdefault(position, (reason, message))

    def numbers(self, column: str, purpose: str, *, gaps: bool = False) -> npt.NDArray[np.float64]:
        """Return a column as numbers, NaN where a row was noted as bad.

        With ``gaps`` a missing cell is NaN and the row is as good as before.
        """
        cells = self._table.column(column, purpose)
        if (fast := _all_numbers(cells)) is not None:
            return fast
        values = np.full(len(cells), np.nan)
        for position, cell in enumerate(cells):
            if position in self._found:
                continue
            value = number(cell)
            if is_missing(cell):
                if not gaps:
                    self.add(position, f"{purpose} missing", f"{purpose} '{column}' is missing")
            elif value is None:
                message = f"{purpose} '{column}' is {_short(cell)}, not a number"
                self.add(position, f"{purpose} not a number", message)
            elif not math.isfinite(value):
                message = f"{purpose} '{column}' is {_short(cell)}, not a finite number"
                self.add(position, f"{purpose} not finite", message)
            else:
                values[position] = value
        return values

    def texts(self, column: str, purpose: str) -> list[str]:
        """Return a column as text, "" where a row was noted as bad because its cell is missing."""
        cells = self._table.column(column, purpose)
        texts = []
        for position, cell in enumerate(cells):
            missing = is_missing(cell)
            if missing:
                self.add(position, f"{purpose} missing", f"{purpose} '{column}' is missing")
            texts.append("" if missing else str(cell).strip())
        return texts

    def kept(self) -> list[int]:
        """Return the positions of the good rows.

        Raises:
            UserError: if a row is bad and bad rows are errors, or if no row is good.
        """
        if len(self._found) == self._table.length:
            raise UserError(
                f"{self._table.where(0)}: {self._found[0][1]}; no row of the data can be used"
            )
        if self._found and self._action == "error":
            first = min(self._found)
            message = f"{self._table.where(first)}: {self._found[first][1]}"
            if more := len(self._found) - 1:
                message += f"; {more} more bad row{'s' if more > 1 else ''}"
            raise UserError(f"{message} (data: on_bad_rows: drop leaves out bad rows)")
        return [row for row in range(self._table.length) if row not in self._found]

    def account(self) -> dict[str, Any]:
        """Return rows read and dropped, reasons with counts, and the first dropped rows."""
        return {
            "read": self._table.length,
            "dropped": len(self._found),
            "reasons": dict(sorted(Counter(reason for reason, _ in self._found.values()).items())),
            "dropped_rows": {
                str(row + 1): self._shown(row) for row in sorted(self._found)[:_SHOWN]
            },
        }

    def _shown(self, position: int) -> str:
        message = self._found[position][1]
        place = self._table.place
        return message if place is None else f"{place(position)}: {message}"


def numeric_columns(table: Table, but: Sequence[str]) -> list[str]:
    """Return the columns that hold numbers, in the table's order, except those in ``but``.

    A column counts as numeric if more than half of its non-missing cells are numbers: the others
    are then bad cells, not a reason to overlook the column. A column without a name (an index that
    was saved along) does not count.
    """
    return [
        column
        for column, cells in table.columns.items()
        if column and column not in but and _mostly_numbers(cells)
    ]


def _mostly_numbers(cells: Sequence[Any]) -> bool:
    if _all_numbers(cells) is not None:
        return True
    present = [cell for cell in cells if not is_missing(cell)]
    return 2 * sum(number(cell) is not None for cell in present) > len(present)


def _short(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."
