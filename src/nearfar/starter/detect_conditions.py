"""Which columns beside molecules say under what conditions something was measured."""

from __future__ import annotations

import re
from collections.abc import Collection

from nearfar.data.read.header import unit_in
from nearfar.data.read.kinds import column_kinds
from nearfar.data.read.table import Table
from nearfar.data.sources.feature_columns import USED
from nearfar.starter.detect_groups import words_of

_CONDITIONS = frozenset(
    {
        *("temperature", "temp", "pressure", "ph", "solvent", "cosolvent", "concentration"),
        *("conc", "dose", "dosage", "time", "duration", "wavelength", "humidity", "salinity"),
        *("ionicstrength", "buffer", "medium", "phase", "salt", "additive", "catalyst", "base"),
        *("ligand", "voltage", "frequency", "incubationtime", "reactiontime", "exposuretime"),
        *("assaytemperature", "reactiontemperature", "measurementtemperature", "cellline"),
    }
)
_UNITS = frozenset(
    {
        *("k", "c", "f", "degc", "degk", "degf", "celsius", "kelvin", "deg", "bar", "mbar", "pa"),
        *("kpa", "mpa", "atm", "torr", "mmhg", "m", "mm", "um", "nm", "mol", "l", "mg", "kg", "g"),
        *("ml", "ul", "ug", "s", "sec", "min", "h", "hr", "hours", "days", "percent", "v", "hz"),
    }
)
_SYMBOLS = {"t": {"k", "c", "f", "°c", "°f", "degc", "celsius", "kelvin"}, "p": {"bar", "pa"}}
"""Signs that mean a condition with such a unit alone."""


def conditions_of(table: Table, but: Collection[str]) -> tuple[list[str], list[str]]:
    """Return columns such as ``Temp (K)``, ``pH`` or ``solvent`` that vary, and a line on them."""
    kinds = [kind for kind in column_kinds(table, but=[*but]) if kind.kind in USED]
    found = [kind.name for kind in kinds if is_condition(kind.name)]
    if not found:
        return [], []
    shown = ", ".join(f"'{name}'" for name in found)
    what = "a condition of the measurement" if len(found) == 1 else "conditions of the measurement"
    units = ", ".join(f"{name.split(' (')[0]} in {u}" for name in found if (u := unit_in(name)))
    return found, [
        f"column{'s' * (len(found) > 1)} {shown}: {what}{f' ({units})' * bool(units)}, joined to "
        "what the encoder makes of the molecule (data: features; --features none leaves "
        f"{'it' if len(found) == 1 else 'them'} out)"
    ]


def is_condition(column: str) -> bool:
    """Tell whether a column is called after a condition, with or without its unit.

    A property such as ``melting temperature`` is none.
    """
    words = [word for word in words_of(re.sub(r"[(\[].*", "", column)) if word]
    if re.fullmatch(r"\W*p_?h\W*", column, re.IGNORECASE):
        return True
    unit = (unit_in(column) or column.rpartition("/")[2]).strip().lower()
    if len(words) > 1 and words[0] in _SYMBOLS:
        unit, words = words[-1], words[:1]
    while len(words) > 1 and words[-1] in _UNITS | {"name", "value"}:
        words.pop()
    if len(words) == 1 and unit in _SYMBOLS.get(words[0], ()):
        return True
    return "".join(words) in _CONDITIONS
