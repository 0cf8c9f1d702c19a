"""Which column of a user's file says the part of every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nearfar.data.read.names import part_column, parts_of
from nearfar.data.read.table import Table
from nearfar.data.read.times import times_of
from nearfar.starter.asked import Asked, named_or_off


def chosen_part(
    table: Table, targets: Sequence[str], asked: Asked
) -> tuple[dict[str, Any], list[str]]:
    """Return the column of parts, as said or as found, as an option, and a line on it.

    What a column of times says is told with the rows that it gives each part.
    """
    if asked.part is not None:
        part = named_or_off(table, asked.part)
    else:
        part = part_column(table, targets)
    if part is None:
        return {}, []
    cells = table.column(part, "part")
    if times_of(cells) is not None:
        return {"part": part}, []
    off = "; --part none turns it off" if asked.part is None else ""
    found = set(parts_of(sorted({str(cell) for cell in cells})))
    known: list[str] = [name for name in ("train", "validation", "test") if name in found]
    *first, last = known or ["the parts"]
    said = " and ".join(filter(None, [", ".join(first), last]))
    return {"part": part}, [f"column '{part}' says {said}: the split is predefined{off}"]
