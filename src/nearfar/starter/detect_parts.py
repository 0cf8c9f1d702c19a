"""Which column of a user's file says the part of every row."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Any

from nearfar.data.read.cells import is_missing, number
from nearfar.data.read.dates import date_layout
from nearfar.data.read.kinds import column_kind
from nearfar.data.read.names import part_column, parts_of
from nearfar.data.read.table import Table
from nearfar.data.read.times import times_of
from nearfar.starter.asked import Asked, named_or_off

_FEWEST_DATES = 20
"""Rows with fewer different dates are hardly a course of time."""


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
        told = asked.part is None and table.parts is None
        return {}, _time_fact(table, targets) if told else []
    cells = table.column(part, "part")
    if times_of(cells) is not None:
        return {"part": part}, []
    off = "; --part none turns it off" if asked.part is None else ""
    found = set(parts_of(sorted({str(cell) for cell in cells})))
    known: list[str] = [name for name in ("train", "validation", "test") if name in found]
    *first, last = known or ["the parts"]
    said = " and ".join(filter(None, [", ".join(first), last]))
    return {"part": part}, [f"column '{part}' says {said}: the split is predefined{off}"]


def _time_fact(table: Table, but: Sequence[str]) -> list[str]:
    """Return a line on how the latest rows are tested, where a column holds many dates."""
    for name, cells in table.columns.items():
        if name in but or not name or not _begins_with_a_date(cells):
            continue
        kind = column_kind(name, cells)
        if kind.kind == "date" and kind.distinct >= _FEWEST_DATES:
            return [
                f"if the rows to predict come later than these (column '{name}'), parts drawn at "
                f"random are easier than they: --part {quote(name)} learns from the earliest and "
                "tests on the latest"
            ]
    return []


def _begins_with_a_date(cells: Sequence[Any]) -> bool:
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return first is not None and number(first) is None and bool(date_layout([first])[0])
