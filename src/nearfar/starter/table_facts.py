"""What should be said of how a table was read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nearfar.data.read.header import unit_in
from nearfar.data.read.kinds import column_kinds
from nearfar.data.read.table import Table

_SHOWN = 5


def common_unit(targets: Sequence[str]) -> str | None:
    """Return the unit that the names of all targets have in brackets, if it is one."""
    units = {unit_in(target) for target in targets}
    return units.pop() if len(units) == 1 else None


def reading_facts(table: Table, used: Collection[str]) -> list[str]:
    """Return what was done to read a table: its form, and of the columns in use what is missing.

    Args:
        table: as it was read.
        used: columns of which it matters.
    """
    facts = list(table.notes)
    kinds = [kind for kind in column_kinds(table, but=()) if kind.name in used]
    gaps = [kind for kind in kinds if kind.missing]
    if gaps:
        words = sorted({word for kind in gaps for word in table.missing.get(kind.name, {})})
        what = ", ".join(["empty cells", *map(repr, words)])
        cells = sum(kind.missing for kind in gaps)
        facts.append(
            f"missing values: {cells} in {_columns([kind.name for kind in gaps])} ({what}; data: "
            "missing says what counts as missing)"
        )
    for name in table.kept.keys() & set(used):
        for word, count in table.kept[name].items():
            facts.append(
                f"column '{name}': {word!r} ({count} cells) is taken as a text like the others; if "
                f"it means a missing value, set data: missing: ['', {word}]"
            )
    for kind in column_kinds(table, but=()):
        if kind.note:
            facts.append(f"column '{kind.name}': {kind.note}")
    return facts


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"{len(names)} column{'s' * (len(names) > 1)} ({shown})"
