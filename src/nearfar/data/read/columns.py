"""Cells turned into numbers, and the list of rows that cannot be used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import GivenRows
from nearfar.data.read.cells import all_numbers, is_missing, limit, measure
from nearfar.data.read.cells import number as number
from nearfar.data.read.decimals import OtherSign, plain_number
from nearfar.data.read.table import Table
from nearfar.data.spelling import composed
from nearfar.errors import UserError

_SHOWN = 20
_LARGEST = float(np.finfo(np.float32).max)
DECIMAL_COMMA = ': with decimal commas, set data: decimal: ","'
THOUSANDS = ': with signs between thousands, set data: decimal: "."'
"""What a study can say of cells that are nearly numbers."""


class BadRows:
    """Rows that cannot be used, each with its first reason."""

    def __init__(self, table: Table, action: str) -> None:
        self._table = table
        self._action = action
        self._found: dict[int, tuple[str, str]] = {}
        for position, reason in table.ragged.items():
            self.add(position, "wrong number of fields", reason)
        for position, reason in table.unreadable.items():
            self.add(position, "record not readable", reason)

    def __contains__(self, position: int) -> bool:
        return position in self._found

    def add(self, position: int, reason: str, message: str) -> None:
        """Note a row: ``reason`` is counted, ``message`` is shown."""
        self._found.setdefault(position, (reason, message))

    def told(self, position: int) -> str:
        """Return why a row cannot be used, with its place in the source."""
        return f"{self._table.where(position)}: {self._found[position][1]}"

    def numbers(self, column: str, purpose: str, *, gaps: bool = False) -> npt.NDArray[np.float64]:
        """Return a column as numbers, NaN where a row was noted as bad.

        With ``gaps`` a missing cell is NaN and the row is as good as before.
        """
        cells = self._table.column(column, purpose)
        values = all_numbers(cells)
        if values is None:
            values = self._one_by_one(cells, column, purpose, gaps)
        for position in np.flatnonzero(np.abs(values) > _LARGEST):
            shown = f"{values[position]:g}, beyond float32 (at most {_LARGEST:.1e})"
            self.add(int(position), f"{purpose} too large", f"{purpose} '{column}' is {shown}")
        return values

    def _one_by_one(
        self, cells: Sequence[Any], column: str, purpose: str, gaps: bool
    ) -> npt.NDArray[np.float64]:
        values = np.full(len(cells), np.nan)
        for position, cell in enumerate(cells):
            if position in self._found:
                continue
            value = number(cell)
            if is_missing(cell):
                if not gaps:
                    self.add(position, f"{purpose} missing", f"{purpose} '{column}' is missing")
            elif limit(cell):
                message = (
                    f"{purpose} '{column}' is {_short(cell)}, a limit and no number: write "
                    "a number in its place, or leave the row out"
                )
                self.add(position, f"{purpose} censored", message)
            elif value is None:
                message = f"{purpose} '{column}' is {_short(cell)}, not a number{_hint(cell)}"
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
            texts.append("" if missing else composed(str(cell)).strip())
        return texts

    def kept(self) -> list[int]:
        """Return the positions of the good rows.

        Raises:
            UserError: if a row is bad and bad rows are errors, or if no row is good.
        """
        if len(self._found) == self._table.length:
            raise UserError(self._none())
        if self._found and self._action == "error":
            first = min(self._found)
            message = self.told(first)
            if more := len(self._found) - 1:
                message += f"; {more} more bad row{'s' if more > 1 else ''}"
            raise UserError(f"{message} (data: on_bad_rows: drop leaves out bad rows)")
        return [row for row in range(self._table.length) if row not in self._found]

    def _none(self) -> str:
        """Return why no row is good: the commonest reason, and how many rows have it."""
        counts = Counter(reason for reason, _ in self._found.values())
        common, count = counts.most_common(1)[0]
        first = min(row for row, (reason, _) in self._found.items() if reason == common)
        others = ", ".join(f"{n} × {why}" for why, n in counts.most_common() if why != common)
        share = f" ({count} of {self._table.length} are so; {others})" if others else ""
        return (
            f"{self._table.where(first)}: {self._found[first][1]}; no row of the data can be used"
            f"{share}"
        )

    def given(self) -> GivenRows:
        """Return all rows as they were given, with the reasons of the bad ones."""
        reasons = {row: message for row, (_, message) in sorted(self._found.items())}
        return GivenRows(self._table.as_written(), self._table.length, reasons, self._table.where)

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


def _hint(cell: Any) -> str:
    """Return what can be done with a cell that is nearly a number."""
    if isinstance(cell, OtherSign):
        return ": numbers here have a decimal comma"
    if measure(cell) is not None:
        return ": leave the bare number, in one unit"
    if isinstance(cell, str) and plain_number(cell, ","):
        return DECIMAL_COMMA
    if isinstance(cell, str) and plain_number(cell, "."):
        return THOUSANDS
    return ""


def _short(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."
