"""What should be said of how a table was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from nearfar.data.read.header import unit_in
from nearfar.data.read.kinds import column_kind, column_kinds
from nearfar.data.read.table import Table

_SHOWN = 5
_CATEGORY = "category"


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
                f"column '{name}': {word!r} ({count} cell{'s' * (count > 1)}) is taken as a text "
                f"like the others; if it means a missing value, set data: missing: ['', {word}]"
            )
    for kind in column_kinds(table, but=()):
        if kind.note:
            facts.append(f"column '{kind.name}': {kind.note}")
    return facts


def alike_facts(table: Table, used: Collection[str], classes: Collection[str]) -> list[str]:
    """Return a warning for every column with values that differ in capitals or spaces alone.

    Spaces around a value, and the capitals of truth values among features, make no difference.

    Args:
        table: as it was read.
        used: columns that are warned of where they hold categories.
        classes: columns that are warned of in any case.
    """
    facts = []
    for name, cells in table.columns.items():
        if name not in classes and (name not in used or column_kind(name, cells).kind != _CATEGORY):
            continue
        counts = Counter(cell.strip() for cell in cells if isinstance(cell, str))
        alike: dict[str, list[str]] = {}
        for text in counts:
            alike.setdefault(" ".join(text.casefold().split()), []).append(text)
        told = [
            " and ".join(f"{text!r} ({counts[text]})" for text in texts)
            for key, texts in alike.items()
            if key and len(texts) > 1
        ]
        if told:
            more = f", and {len(told) - _SHOWN} more such" if len(told) > _SHOWN else ""
            facts.append(
                f"careful: column '{name}' has values that differ in capitals or spaces alone: "
                f"{'; '.join(told[:_SHOWN])}{more}: write them alike if they mean the same"
            )
    return facts


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"{len(names)} column{'s' * (len(names) > 1)} ({shown})"
