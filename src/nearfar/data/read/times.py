"""Rows divided by time: the latest are tested, and those right before them choose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.cells import all_numbers, date, is_missing, number
from nearfar.data.read.dates import date_layout
from nearfar.data.read.table import Table
from nearfar.errors import UserError

TESTED, CHOOSING = 0.2, 0.1
"""Fractions of the rows: the latest, and those before them."""
_YEARS = (1000, 2999)
_FEWEST_YEARS, _FEWEST_NUMBERS = 2, 20
_EPOCH = dt.datetime(1970, 1, 1)


def times_of(cells: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """Return when each row was (rows,), NaN where that is missing or odd; None if few are times.

    Times are dates, in seconds since 1970; years, whole numbers from 1000 to 2999; and any numbers
    of which 20 differ at least, as fewer may be the numbers of folds. More than half of the cells
    with a value must be such.
    """
    there = [k for k, cell in enumerate(cells) if not is_missing(cell)]
    found = _numbers([cells[k] for k in there]) or _dates([cells[k] for k in there])
    times = np.full(len(cells), np.nan)
    times[there] = [np.nan if value is None else value for value in found]
    return times if 2 * np.isfinite(times).sum() > len(there) else None


def _numbers(present: Sequence[Any]) -> list[float | None]:
    """Return the number in each cell; nothing if most hold none, or if they count no time."""
    if any(isinstance(cell, bool) for cell in present):
        return []
    plain = all_numbers(present)
    found = [number(cell) for cell in present] if plain is None else plain.tolist()
    values = np.array([value for value in found if value is not None and isfinite(value)])
    if 2 * len(values) <= len(present) or not _count_time(values):
        return []
    return found


def _dates(present: Sequence[Any]) -> list[float | None]:
    """Return the date in each cell as most are written, in seconds since 1970."""
    layout, _ = date_layout(present)
    if not layout:
        written = {cell: date_layout([cell])[0] for cell in set(map(str, present))}
        layout, _ = date_layout([cell for cell in map(str, present) if written[cell]])
    dates = [date(cell, layout) if layout else None for cell in present]
    return [None if when is None else (when - _EPOCH).total_seconds() for when in dates]


def _count_time(values: npt.NDArray[np.float64]) -> bool:
    distinct = np.unique(values)
    low, high = _YEARS
    years = bool((distinct % 1 == 0).all() and low <= distinct[0] and distinct[-1] <= high)
    return len(distinct) >= (_FEWEST_YEARS if years else _FEWEST_NUMBERS)


@dataclass(frozen=True)
class TimeParts:
    """The rows of a table by time."""

    parts: list[str]
    """train, validation or test of every row; "" where its time is missing."""
    firsts: dict[str, int]
    """A row at which validation (if there is such a part) and test begin."""


def parts_by_time(column: str, times: npt.NDArray[np.float64]) -> TimeParts:
    """Return the parts of rows: about the latest fifth is tested, the tenth before it chooses.

    Rows of one time stay together. Where that leaves no rows to choose (of four years, say), there
    is no validation part.

    Args:
        column: the name of the times.
        times: (rows,), NaN where missing.

    Raises:
        UserError: no time divides the rows so that a tenth to two fifths are tested.
    """
    known = np.sort(times[~np.isnan(times)])
    starts = np.unique(known, return_index=True)[1]
    later = len(known) - starts
    tested = _nearest(later[1:], TESTED * len(known))
    if tested is None:
        most = np.unique(known, return_counts=True)[1].max(initial=0)
        raise UserError(
            f"part '{column}': no time in it leaves about the latest fifth of {len(known)} rows to "
            f"test (up to {most} rows have one): write train, validation and test into a column"
        )
    test = tested + 1
    chosen = _nearest(later[1:test] - later[test], CHOOSING * len(known))
    begin = {"test": known[starts[test]]}
    if chosen is not None:
        begin = {"validation": known[starts[chosen + 1]], **begin}
    parts = np.where(np.isnan(times), "", "train").astype("<U10")
    for part, start in begin.items():
        parts[times >= start] = part
    firsts = {part: int(np.flatnonzero(times == start)[0]) for part, start in begin.items()}
    return TimeParts(parts.tolist(), firsts)


def _nearest(sizes: npt.NDArray[np.int64], wished: float) -> int | None:
    """Return which size is nearest to the wished one; None if none is half to double of it."""
    if not len(sizes):
        return None
    nearest = int(np.argmin(np.abs(sizes - wished)))
    return nearest if wished / 2 <= sizes[nearest] <= wished * 2 else None


def nothing_but_parts(table: Table, column: str | None) -> str | None:
    """Return the column of parts if there is nothing to learn from it; None of a time."""
    if column is None or times_of(table.column(column, "part")) is not None:
        return None
    return column
