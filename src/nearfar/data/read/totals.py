"""Rows of totals, means and the like that somebody put below a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.cells import is_missing, number
from nearfar.data.read.table import Table

_SUMS = frozenset(
    {
        *("total", "totals", "grand total", "sum", "subtotal", "summe", "gesamt", "gesamtsumme"),
        *("somme", "suma", "totale", "somma", "total général"),
    }
)
"""What rows of sums are called, in small letters."""
_WORDS = _SUMS | {
    *("mean", "average", "avg", "median", "count", "n", "min", "max", "sd", "std", "stdev"),
    *("std dev", "standard deviation", "mittelwert", "durchschnitt", "anzahl", "moyenne"),
    *("media", "promedio"),
}
"""What rows of totals are called."""
_MOST = 6
"""Rows of them that are looked for at the end of a table."""
_MOST_OF_FILES = 200
"""Rows of them in a folder of files."""
_FEWEST, _FEWEST_UNNAMED = 3, 10
"""Rows above them below which numbers that add up say nothing: called totals, and not."""
_ROUNDING = 1e-6


def without_totals(table: Table) -> Table:
    """Take the rows of totals off the end of a table, in place, with a note; return it.

    A row is one if it is called so, and half of its numbers at least are the sum of those above (of
    ``Total`` and the like), or their mean, median, deviation, count or an extreme (``Mean``, …). A
    last row that nothing names is one if every number in it is the sum, or every one the mean, of
    those above: of two columns at least, or of one where its other cells are empty.
    """
    first = _first_of_named(table)
    if first == table.length and _is_unnamed(table):
        first -= 1
    count = table.length - first
    if not count:
        return table
    word = "the last row holds" if count == 1 else f"the last {count} rows hold"
    table.notes.append(f"left out: {word} totals of the rows above ({_shown(table, first)})")
    for cells in table.columns.values():
        del cells[first:]
    table.length = first
    if table.lines is not None:
        del table.lines[first:]
    for bad in (table.ragged, table.unreadable):
        for row in [row for row in bad if row >= first]:
            del bad[row]
    return table


def without_totals_of_files(table: Table) -> Table:
    """Take the rows of totals out of a table of several files, each of which may end in some.

    Which file a row is from is not known: a row is one if it is called so and holds what it is
    called of the rows since the last such row. In place, with a note.
    """
    named = _called_so(table)
    out: list[int] = []
    start = 0
    for row in named:
        if row + 1 in named:
            continue
        columns = {name: cells[start : row + 1] for name, cells in table.columns.items()}
        piece = Table(table.name, columns, row + 1 - start)
        if (first := _first_of_named(piece)) < piece.length:
            out += range(start + first, row + 1)
            start = row + 1
    if not out:
        return table
    rows = "1 row holds" if len(out) == 1 else f"{len(out)} rows hold"
    table.notes.append(f"left out: {rows} totals of the rows above ({_shown(table, out[0])})")
    gone = set(out)
    kept = [row for row in range(table.length) if row not in gone]
    for cells in table.columns.values():
        cells[:] = [cells[row] for row in kept]
    if table.parts is not None:
        table.parts = [table.parts[row] for row in kept]
    table.length = len(kept)
    return table


def _called_so(table: Table) -> list[int]:
    """Return the rows with a cell that is a word for totals; none where these are very many."""
    found: set[int] = set()
    for cells in table.columns.values():
        words = {cell for cell in {c for c in cells if isinstance(c, str)} if _word(cell) in _WORDS}
        if words:
            found |= {row for row, cell in enumerate(cells) if cell in words}
    return sorted(found) if len(found) <= _MOST_OF_FILES else []


def _first_of_named(table: Table) -> int:
    """Return the first of the rows at the end that hold totals and are called so, or the length."""
    first = table.length
    while first > max(_FEWEST, table.length - _MOST) and _name_in(table, first - 1):
        first -= 1
    while first < table.length:
        found = [_as_named(table, row, first) for row in range(first, table.length)]
        if all(2 * sum(some) >= max(len(some), 1) for some in found):
            break
        first += 1
    return first


def _name_in(table: Table, row: int) -> str | None:
    """Return what a row is called, if that is a word for totals, and stands in its column alone."""
    if row in table.ragged:
        return None
    for cells in table.columns.values():
        word = _word(cells[row])
        if word in _WORDS and word not in map(_word, cells[:row]):
            return word
    return None


def _as_named(table: Table, row: int, above: int) -> list[bool]:
    """Tell of every number in a row whether it is what the row is called, of those above."""
    sums = _name_in(table, row) in _SUMS
    return ["sum" in found if sums else bool(found) for _, found in _matches(table, row, above)]


def _word(cell: Any) -> str:
    return cell.strip().rstrip(":").casefold() if isinstance(cell, str) else ""


def _is_unnamed(table: Table) -> bool:
    row = table.length - 1
    if row < _FEWEST_UNNAMED or row in table.ragged:
        return False
    filled = sum(not is_missing(cells[row]) for cells in table.columns.values())
    every: set[str] | None = None
    columns = 0
    for values, found in _matches(table, row, row):
        every = found if every is None else every & found
        if not every & {"sum", "mean"}:
            return False
        columns += len(np.unique(values)) > 1
    return columns > 1 or (columns == 1 and filled == 1)


def _matches(
    table: Table, row: int, above: int
) -> Iterator[tuple[npt.NDArray[np.float64], set[str]]]:
    """Yield of every number in a row those ``above`` in its column, and what it is of them."""
    for cells in table.columns.values():
        value = None if isinstance(cells[row], list | dict | bool) else number(cells[row])
        if value is None or not np.isfinite(value):
            continue
        given = [number(cell) for cell in cells[:above] if not isinstance(cell, list | dict | bool)]
        values = np.array([some for some in given if some is not None], dtype=np.float64)
        if 2 * len(values) <= above or not np.isfinite(values).all():
            continue
        yield (
            values,
            {name for name, some in _statistics(values) if _equal(value, some, cells[row])},
        )


def _statistics(values: npt.NDArray[np.float64]) -> list[tuple[str, float]]:
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = [("deviation", float(values.std(ddof=k))) for k in (0, 1) if len(values) > k]
        return [
            *(("sum", float(values.sum())), ("mean", float(values.mean()))),
            *(("median", float(np.median(values))), ("count", float(len(values)))),
            *(("smallest", float(values.min())), ("largest", float(values.max())), *deviations),
        ]


def _equal(value: float, computed: float, cell: Any) -> bool:
    """Tell whether a cell is a computed number, which may be rounded to the digits in the cell."""
    _, _, digits = str(cell).partition(".")
    rounded = 0.5 * 10.0 ** -len(digits) if digits.isdigit() and len(digits) >= 2 else 0.0
    return abs(value - computed) <= max(rounded * 1.001, _ROUNDING * abs(computed))


def _shown(table: Table, row: int) -> str:
    cells = [str(cells[row]) for cells in table.columns.values() if not is_missing(cells[row])]
    return ", ".join(cells[:4]) + ", …" * (len(cells) > 4)
