"""The names of a table's columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nearfar.data.read.cells import number
from nearfar.data.spelling import composed
from nearfar.errors import UserError

_UNIT = re.compile(r"(.*\S)\s*[(\[]\s*([^()\[\]]{1,20}?)\s*[)\]]")
_SHOWN = 3
_SCALE = 8
"""Numbers that, beside a word, name columns where they go up or down: few rows of as many do."""


def column_names(name: str, header: Sequence[Any]) -> list[str]:
    """Return the names in a header, without spaces around them and line breaks.

    Of several columns without a name each gets one from its place, from 0, as pandas does it.

    Raises:
        UserError: if the header is a row of numbers: the table has none.
    """
    names = [plain_name(cell) for cell in header]
    _check_numbers(name, names)
    if names.count("") > 1:
        names = [text or f"Unnamed: {place}" for place, text in enumerate(names)]
    return names


def plain_name(cell: Any) -> str:
    """Return the name in one cell of a header, without spaces around it and line breaks."""
    return "" if cell is None else composed(" ".join(str(cell).split()))


def unit_in(column: str) -> str | None:
    """Return the unit in a column's name, K of ``Temp (K)`` and ``Temp [K]``; None without one.

    The unit of a logarithm, such as ``log S (mol/L)``, is not that of its values.
    """
    found = _UNIT.fullmatch(column.strip())
    if found is None or re.match(r"p?(log|ln)", found[1], re.IGNORECASE) or found[2].isdigit():
        return None
    return found[2]


def _check_numbers(name: str, names: Sequence[str]) -> None:
    given = [text for text in names if text]
    values = [value for text in given if (value := number(text)) is not None]
    whole = all(value.is_integer() for value in values)
    if whole and values in (
        [float(k) for k in range(len(values))],
        [k + 1.0 for k in range(len(values))],
    ):
        return
    fractions = [value for value in values if not value.is_integer()]
    if _SCALE <= len(values) < len(given) and _in_order(values):
        return
    most = 2 * len(fractions) > len(given) or (len(given) == 2 and fractions)
    if values and (len(values) == len(given) or most):
        shown = ", ".join(given[:_SHOWN]) + (", …" if len(given) > _SHOWN else "")
        raise UserError(
            f"{name}: the first row holds numbers ({shown}): put a row with the names of the "
            "columns above it"
        )


def _in_order(values: Sequence[float]) -> bool:
    """Tell whether numbers go up, or go down: wavelengths, times or doses that columns are of."""
    steps = [other > one for one, other in pairwise(values) if other != one]
    return len(steps) == len(values) - 1 and len(set(steps)) == 1
