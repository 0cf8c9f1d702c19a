"""What should be said of how a table was read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from nearfar.data.read.header import unit_in
from nearfar.data.read.kinds import column_kind, column_kinds
from nearfar.data.read.table import Table
from nearfar.data.targets import SCALED

_SHOWN = 5
_CATEGORY = "category"


def common_unit(targets: Sequence[str]) -> str | None:
    """Return the unit that the names of all targets have in brackets, if it is one.

    That of ``growth (z)``, which was scaled before, is none.
    """
    units = {unit_in(target) for target in targets}
    return units.pop() if len(units) == 1 and SCALED not in units else None


def reading_facts(table: Table, used: Collection[str]) -> list[str]:
    """Return what was done to read a table: its form, and of the columns in use what is missing.

    Args:
        table: as it was read.
        used: columns of which it matters.
    """
    facts = list(table.notes)
    kinds = [kind for kind in column_kinds(table, but=()) if kind.name in used]
    lost = len(table.ragged)  # rows without cells, told by themselves
    gaps = [kind for kind in kinds if kind.missing > lost]
    if gaps:
        words = sorted({word for kind in gaps for word in table.missing.get(kind.name, {})})
        what = ", ".join(["empty cells", *map(repr, words)])
        cells = sum(kind.missing - lost for kind in gaps)
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
    return [*facts, *_beside_values(table)]


_EQUAL = frozenset({"=", "=="})
_SIGNS = _EQUAL | frozenset({"<", ">", "<=", ">=", "<<", ">>", "~", "≤", "≥", "≈"})
_UNITS = frozenset({"unit", "units", "uom", "einheit", "unité", "unidad"})


def _beside_values(table: Table) -> list[str]:
    """Return warnings of columns that say how the number beside them is meant: limits, units."""
    facts = []
    for name, cells in table.columns.items():
        found = Counter(
            cell.strip().strip("'") for cell in cells if isinstance(cell, str) and cell.strip()
        )
        if not 0 < len(found) <= len(_SIGNS):
            continue
        last = re.split(r"[\W_]+", name.lower().strip("_ "))[-1]
        odd = {sign: n for sign, n in found.items() if sign not in _EQUAL}
        if found.keys() <= _SIGNS and odd:
            shown = ", ".join(f"{n} × {sign!r}" for sign, n in odd.items())
            facts.append(
                f"careful: column '{name}' says of {sum(odd.values())} rows that a value is a "
                f"limit ({shown}): it is read as the value itself; leave these rows out of the file"
            )
        elif last in _UNITS and len(found) > 1:
            shown = ", ".join(f"{n} × {unit!r}" for unit, n in found.most_common(_SHOWN))
            facts.append(
                f"careful: column '{name}' names {len(found)} units ({shown}): the numbers are "
                "read as they stand; bring them to one unit"
            )
    return facts


def alike_facts(table: Table, used: Collection[str]) -> list[str]:
    """Return a warning for every column of categories of which two differ in capitals or spaces.

    Spaces around a value, and the capitals of truth values, make no difference. Of classes that is
    told where they are read.

    Args:
        table: as it was read.
        used: columns that are warned of.
    """
    facts = []
    for name, cells in table.columns.items():
        if name not in used or column_kind(name, cells).kind != _CATEGORY:
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
