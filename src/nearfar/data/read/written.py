"""Cells that are written otherwise in text than what they are: lists, spans of time, brackets."""

from __future__ import annotations

import ast
import datetime as dt
import re
import warnings
from collections.abc import Collection
from typing import Any

from nearfar.data.read.cells import is_missing, number
from nearfar.data.read.decimals import plain_number

_LONGEST = 10_000
"""Characters of a list in one cell."""
_SPAN = re.compile(r"(-?\d{1,9}) days?,? [+]?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,9})?)", re.ASCII)
_SPANS = "spans of time, in seconds"
_BRACKETS = re.compile(r"\(\s*([0-9][0-9.,'’ \u00a0\u202f]*)\s*\)", re.ASCII)


def as_lists(cells: list[Any]) -> None:
    """Make lists of the texts of a column that all are lists, as Python or JSON writes them.

    ``['a', 'b']``, ``["a", "b"]``, ``[0, 1, 0]``; nothing is evaluated. Others are left.
    """
    if not _all_texts(cells, "[", "]"):
        return
    found = [None if is_missing(cell) else _list_in(cell) for cell in cells]
    if all(is_missing(cell) or some is not None for cell, some in zip(cells, found, strict=True)):
        cells[:] = found


def _list_in(text: str) -> list[Any] | None:
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    plain = isinstance(found, list) and all(isinstance(item, str | int | float) for item in found)
    return found if plain else None


def as_seconds(cells: list[Any], *, each: bool = False) -> str:
    """Make seconds of a column's spans of time; return what to say, nothing if it has none.

    Spans are what columnar files have as such, and texts such as ``1 days 02:03:04``: where all
    cells are, or ``each`` that is.
    """
    if each:
        some = {k: value for k, cell in enumerate(cells) if (value := _seconds(cell)) is not None}
        for k, value in some.items():
            cells[k] = value
        return _SPANS if some else ""
    spans = any(isinstance(cell, dt.timedelta) for cell in cells)
    if not spans and not _all_texts(cells, "", ":"):
        return ""
    found = [None if is_missing(cell) else _seconds(cell) for cell in cells]
    if any(some is None and not is_missing(c) for c, some in zip(cells, found, strict=True)):
        return ""
    cells[:] = found
    return _SPANS


def _seconds(cell: Any) -> float | None:
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds()
    match = _SPAN.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds = match.groups()
    return 86400.0 * int(days) + 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)


def as_negatives(cells: list[Any], missing: Collection[str] = (), *, each: bool = False) -> str:
    """Write numbers in brackets with a minus, as accounts mean them; return what to say.

    Only in a column whose other cells are numbers, and that has some of these, or in ``each`` cell
    whatever the others are. ``missing`` are words, in small letters, that say nothing against it.
    """
    found: dict[int, str] = {}
    others = 0
    for position, cell in enumerate(cells):
        if is_missing(cell) or (isinstance(cell, str) and cell.strip().lower() in missing):
            continue
        if isinstance(cell, str) and (inner := _BRACKETS.fullmatch(cell.strip())):
            found[position] = "-" + inner[1].strip()
        elif _is_number(cell):
            others += 1
        elif not each:
            return ""
    if each:
        found = {position: text for position, text in found.items() if _is_number(text)}
    elif not others or not all(map(_is_number, found.values())):
        return ""
    if not found:
        return ""
    first = str(cells[next(iter(found))]).strip()
    for position, text in found.items():
        cells[position] = text
    many = "1 number" if len(found) == 1 else f"{len(found)} numbers"
    are = "is" if len(found) == 1 else "are"
    return f"{many} in brackets, such as {first!r}, {are} negative, as in accounts"


def _is_number(cell: Any) -> bool:
    if number(cell) is not None:
        return not isinstance(cell, bool)
    return isinstance(cell, str) and any(plain_number(cell, sign) is not None for sign in ".,")


def _all_texts(cells: list[Any], begin: str, end: str) -> bool:
    """Tell whether some cells are texts, and all of them begin so and, or for a colon hold, so."""
    some = False
    for cell in cells:
        if is_missing(cell):
            continue
        if not isinstance(cell, str):
            return False
        text = cell.strip()
        if not text.startswith(begin) or end not in (text[-1:] if begin else text):
            return False
        some = True
    return some
