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
        *("somme", "suma", "totale", "somma", "total général", "total general", "total result"),
        *(
            "gesamtergebnis",
            "totale complessivo",
            "totaal",
            "eindtotaal",
            "σ",
            "итого",
            "合计",
            "合計",
        ),
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
_MOST_ROUNDED = 0.02
"""Share of a sum by which the rounding of what was added up may move it."""


def without_totals(table: Table) -> Table:
    """Take the rows of totals off the end of a table, in place, with a note; return it.

    A row is one if it is called so, and half of its numbers at least are the sum of those above (of
    ``Total`` and the like), or their mean, median, deviation, count or an extreme (``Mean``, …), as
    exactly as cells that show rounded numbers tell. Remarks below it go with it. A
    last row that nothing names is one if every number in it is the sum, or every one the mean, of
    those above: of two columns at least, or of one where its other cells are empty. A last row that
    is called a sum and is none stays, with a note.
    """
    end = table.length - _remarks(table)
    first = _first_of_named(_above(table, end))
    if first == end:
        first = table.length - _is_unnamed(table)
    count = table.length - first
    if not count:
        if end > _FEWEST and (name := _name_in(table, end - 1)) in _SUMS:
            table.notes.append(
                f"row {end} is called {name!r} and does not add up the rows above"
                f" ({_shown(table, end - 1)}): take it out if it is no row of the data"
            )
        return table
    word = "the last row holds" if count == 1 else f"the last {count} rows hold"
    table.notes.append(f"left out: {word} totals of the rows above ({_shown(table, first)})")
    for cells in (*table.columns.values(), *table.written.values()):
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
    for cells in (*table.columns.values(), *table.written.values()):
        cells[:] = [cells[row] for row in kept]
    if table.parts is not None:
        table.parts = [table.parts[row] for row in kept]
    table.length = len(kept)
    return table


def _above(table: Table, end: int) -> Table:
    """Return the first rows of a table."""
    if end == table.length:
        return table
    columns = {name: cells[:end] for name, cells in table.columns.items()}
    ragged = {row: cells for row, cells in table.ragged.items() if row < end}
    return Table(table.name, columns, end, ragged=ragged)


def _remarks(table: Table) -> int:
    """Return how many rows at the end are a text in one cell, as sources below a table are."""
    row = table.length
    while row > max(_FEWEST, table.length - _MOST):
        filled = [cells[row - 1] for cells in table.columns.values()]
        filled = [cell for cell in filled if not is_missing(cell)]
        alone = len(filled) == 1 and isinstance(filled[0], str) and number(filled[0]) is None
        if len(table.columns) < 2 or not alone or _word(filled[0]) in _WORDS:
            break
        row -= 1
    return table.length - row


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
    found = _matches(table, row, above, named=True)
    return ["sum" in some if sums else bool(some) for _, some in found]


def _word(cell: Any) -> str:
    return cell.strip().rstrip(":").casefold() if isinstance(cell, str) else ""


def _is_unnamed(table: Table) -> bool:
    row = table.length - 1
    if row < _FEWEST_UNNAMED or row in table.ragged:
        return False
    filled = sum(not is_missing(cells[row]) for cells in table.columns.values())
    every: set[str] | None = None
    columns = 0
    for values, found in _matches(table, row, row, named=False):
        every = found if every is None else every & found
        if not every & {"sum", "mean"}:
            return False
        columns += len(np.unique(values)) > 1
    return columns > 1 or (columns == 1 and filled == 1)


def _matches(
    table: Table, row: int, above: int, *, named: bool
) -> Iterator[tuple[npt.NDArray[np.float64], set[str]]]:
    """Yield of every number in a row those ``above`` in its column, and what it is of them.

    Cells may show fewer digits than were there when it was computed; in a row that is not
    ``named`` this holds of sums alone, as data are near a mean.
    """
    for cells in table.columns.values():
        value = None if isinstance(cells[row], list | dict | bool) else number(cells[row])
        if value is None or not np.isfinite(value):
            continue
        given = [number(cell) for cell in cells[:above] if not isinstance(cell, list | dict | bool)]
        values = np.array([some for some in given if some is not None], dtype=np.float64)
        if 2 * len(values) <= above or not np.isfinite(values).all():
            continue
        shown = max(map(_decimals, cells[:above]))
        same = set()
        for name, computed in _statistics(values):
            digits = shown if named or name == "sum" else 0
            if abs(value - computed) <= _slack(name, computed, cells[row], digits, above):
                same.add(name)
        yield values, same


def _statistics(values: npt.NDArray[np.float64]) -> list[tuple[str, float]]:
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = [("deviation", float(values.std(ddof=k))) for k in (0, 1) if len(values) > k]
        return [
            *(("sum", float(values.sum())), ("mean", float(values.mean()))),
            *(("median", float(np.median(values))), ("count", float(len(values)))),
            *(("smallest", float(values.min())), ("largest", float(values.max())), *deviations),
        ]


def _slack(name: str, computed: float, cell: Any, shown: int, rows: int) -> float:
    """Return how far a cell may be from a computed number that it shows.

    It may be rounded to its own digits: to two at least, or, where the cells above have ``shown``
    digits behind the point, to fewer than these. They may be rounded as well, a sum's every one.
    """
    digits = _decimals(cell)
    own = 0.5 * 10.0**-digits * 1.001 if digits >= 2 or digits < shown else 0.0
    each = 0.5 * 10.0**-shown if shown else 0.0
    moved = min(rows * each, _MOST_ROUNDED * abs(computed)) if name == "sum" else each
    return max(own + moved, _ROUNDING * abs(computed))


def _decimals(cell: Any) -> int:
    """Return how many digits a cell has behind its point."""
    if isinstance(cell, list | dict | bool):
        return 0
    _, _, digits = str(cell).partition(".")
    return len(digits) if digits.isdigit() else 0


def _shown(table: Table, row: int) -> str:
    cells = [str(cells[row]) for cells in table.columns.values() if not is_missing(cells[row])]
    return ", ".join(cells[:4]) + ", …" * (len(cells) > 4)
