"""Tables of several files put together, before anything is made of their cells."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from nearfar.data.read.table import Table


def put_together(name: str, tables: Sequence[Table]) -> Table:
    """Return the rows of several tables as one, in their order; a row keeps its place.

    A column that a table lacks is missing in its rows. What a column holds is then told by all of
    its cells: 007 in one file makes codes of 12 in another.

    Args:
        name: of the whole.
        tables: as they were read, one or more.
    """
    starts = [0, *accumulate(table.length for table in tables)]
    columns = _columns([table.columns for table in tables], tables)
    written = _columns([{**table.columns, **table.written} for table in tables], tables)
    whole = Table(name, columns, starts[-1])
    kept = {key for table in tables for key in table.written}
    whole.written = {key: cells for key, cells in written.items() if key in kept}
    for table, start in zip(tables, starts, strict=False):
        whole.ragged |= {start + row: why for row, why in table.ragged.items()}
        whole.unreadable |= {start + row: why for row, why in table.unreadable.items()}
        whole.called |= table.called
        whole.notes += [f"{table.name}: {note}" for note in table.notes]
        whole.elsewhere = whole.elsewhere or table.elsewhere

    def place(position: int) -> str:
        k = bisect_right(starts, position) - 1
        return tables[k].where(position - starts[k])

    whole.place = place
    return whole


def _columns(
    pieces: Sequence[dict[str, list[Any]]], tables: Sequence[Table]
) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return {
        name: [
            cell
            for piece, table in zip(pieces, tables, strict=True)
            for cell in piece.get(name, [None] * table.length)
        ]
        for name in names
    }
