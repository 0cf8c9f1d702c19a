"""What one cell of a table holds: a number, a truth value, a date, a limit, nothing.

Numbers are read as a spreadsheet reads them, not as Python does: Western digits, a point, an
exponent. ``1_000``, ``0x10`` and digits of other scripts are text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from math import isinf
from typing import Any

import numpy as np
import numpy.typing as npt

_NUMBER = re.compile(r"[+\-−]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+\-−]?[0-9]+)?")
_INFINITE = re.compile(r"[+\-−]?inf(?:inity)?", re.IGNORECASE)
_PLAIN = frozenset("0123456789+-.eE")
_CODE = re.compile(r"0[0-9]+")
_LIMIT = re.compile(r"(?:[<>≤≥]=?|~)\s*(.+)")
_MEASURE = re.compile(
    r"([$€£¥]\s*)?([+\-−]?[0-9][0-9.,]*)\s*([^\W\d_][^\s,;]{0,11}|[%‰°µ$€£¥][^\s,;]{0,11})?"
)
_PERIOD = re.compile(r"[0-9]{4}\s*-?\s*(?:[QHWT][0-9]{1,2})", re.IGNORECASE)
_ORDINAL = re.compile(r"[0-9]+(?:st|nd|rd|th)", re.IGNORECASE)
_HEX = re.compile(r"\s*0[xX]")
_PART = r"[+\-−]?[0-9][0-9.,]*(?:[eE][+\-−]?[0-9]+)?"
_WITH_ERROR = re.compile(rf"{_PART}\s*(±|\+/[-−]|\+[-−])\s*{_PART}\s*\S{{0,12}}")
_BRACKETED = re.compile(rf"(?:{_PART})?\({_PART}\)\s*\S{{0,12}}")
_PAIR = re.compile(rf"({_PART})\s*(/|:|-|–|—|\.\.|to|bis)\s*({_PART})")
_EXACT = 2**53
"""Up to here every whole number is a float64 of its own."""

TRUTHS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"))
"""Pairs of words, in any case, that a column of truth values may hold; elsewhere they are asked for
by ``truth`` and ``is_written_truth``."""
_TRUE = frozenset(yes for yes, _ in TRUTHS)
_FALSE = frozenset(no for _, no in TRUTHS)

ISO = "iso"
"""Layout of dates such as ``2020-01-31`` and ``2020-01-31T12:30:00Z``."""
LAYOUTS = (
    *("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y"),
    *("%d/%m/%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y"),
    *("%B %d, %Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"),
    *("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d %H:%M:%S"),
    *("%Y/%m/%d %H:%M", "%m/%d/%Y %I:%M %p", "%d-%b-%y", "%Y-%m", "%b %Y", "%B %Y"),
)
"""Other layouts of dates, as ``datetime.strptime`` has them."""
_UP_TO = ", years up to "
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}.*)?", re.DOTALL)


_HOLDERS = (list, tuple, dict, set, bytes)


def is_single(cell: Any) -> bool:
    """Tell whether a cell is one value: no list, structure or bytes."""
    return not isinstance(cell, _HOLDERS)


def is_missing(cell: Any) -> bool:
    """Tell whether a cell holds no value: None, a NaN, or blank text.

    Words such as ``NA`` are made None when a table is read (``read/missing.py``).
    """
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float | Decimal) and cell != cell)


def number(cell: Any) -> float | None:
    """Return the number in a cell, or None if it holds something else (or nothing).

    True is 1 and False 0, where a reader gives truth values as such.
    """
    if isinstance(cell, str):
        text = cell.strip()
        if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text):
            return float(text.replace("−", "-"))
        return None
    if isinstance(cell, int | float | Decimal) and not is_missing(cell):
        try:
            return float(cell)
        except (ValueError, OverflowError):
            return None
    return None


def infinite_among_numbers(cells: Sequence[Any]) -> set[int]:
    """Return where cells are too large for a number, if all others that are there are numbers."""
    found = set()
    for position, cell in enumerate(cells):
        value = number(cell)
        if value is None and not is_missing(cell):
            return set()
        if value is not None and isinf(value):
            found.add(position)
    return found


def all_numbers(cells: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """Return the numbers if every cell is a finite one: much faster than looking at each."""
    try:
        texts = [cell for cell in cells if isinstance(cell, str)]
        if texts and not set("".join(texts)) <= _PLAIN:
            return None
        values = np.array(cells, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return values if values.ndim == 1 and bool(np.isfinite(values).all()) else None


def is_code(cell: Any) -> bool:
    """Tell whether digits are a code: a leading zero (``007``), or more than a float64 can hold."""
    if isinstance(cell, str):
        text = cell.strip()
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit():
            return bool(_CODE.fullmatch(text)) or int(digits[:40]) > _EXACT
        return False
    return isinstance(cell, int) and abs(cell) > _EXACT


def limit(cell: Any) -> bool:
    """Tell whether a cell is a limit of a measurement and no value: ``<5``, ``> 100``, ``≥3``."""
    found = _LIMIT.fullmatch(cell.strip()) if isinstance(cell, str) else None
    return found is not None and number(found[1].replace(",", ".")) is not None


def measure(cell: Any) -> str | None:
    """Return what stands at a number in one cell: ``%`` of ``12%``, ``$`` of ``$5``, ``mg``.

    An error (``1.5 ± 0.2``, ``1.5(2)``) and an accountant's minus (``(1.5)``) stand there too.
    None if the cell is anything else, a bare number too.
    """
    if not isinstance(cell, str):
        return None
    if with_error := _WITH_ERROR.fullmatch(cell.strip()):
        return with_error[1]
    if _BRACKETED.fullmatch(cell.strip()):
        return "(…)"
    no_amount = _PERIOD.fullmatch(cell.strip()) or _ORDINAL.fullmatch(cell.strip())
    found = None if no_amount else _MEASURE.fullmatch(cell.strip())
    if found is None or not (found[1] or found[3]) or number(cell) is not None or _HEX.match(cell):
        return None
    return (found[1] or found[3]).strip()


def is_pair(cell: Any) -> bool:
    """Tell whether a cell is two numbers: ``3/8``, ``18-25``, ``1:4``, ``1 to 4``."""
    return isinstance(cell, str) and _PAIR.fullmatch(cell.strip()) is not None


def truth(cell: Any) -> bool | None:
    """Return the truth value in a cell: a boolean, or a word such as ``yes`` or ``FALSE``."""
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    if isinstance(cell, str):
        word = cell.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def is_written_truth(cell: Any) -> bool:
    """Tell whether a cell is a boolean, or what programs write for one: ``True``, ``FALSE``.

    A column of these holds truth values whatever kind of file it comes from; ``yes`` and ``no``
    stay the names that somebody chose.
    """
    if isinstance(cell, bool | np.bool_):
        return True
    return isinstance(cell, str) and cell.strip().lower() in TRUTHS[0]


def up_to(layout: str, year: int | str) -> str:
    """Return a layout whose years of two digits are the hundred up to ``year``.

    >>> date("12.03.65", up_to("%d.%m.%y", 2019))
    datetime.datetime(1965, 3, 12, 0, 0)
    """
    return f"{layout}{_UP_TO}{year}" if "%y" in layout and year else layout


def without_last_year(layout: str) -> tuple[str, str]:
    """Return a layout as ``strptime`` has it, and the last year of two digits, if it says one."""
    plain, _, last = layout.partition(_UP_TO)
    return plain, last


def date(cell: Any, layout: str = ISO) -> dt.datetime | None:
    """Return the date and time in a cell as clocks there show them, whatever the time zone.

    Midnight in Berlin is midnight of that day, not an hour or two before it, as in UTC.

    Args:
        cell: a date, or text.
        layout: of text: ``ISO`` or one of ``LAYOUTS``, with the last year that two digits
            mean where that is not 2068 (see ``up_to``).
    """
    if isinstance(cell, dt.datetime):
        return cell.replace(tzinfo=None)
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)
    if not isinstance(cell, str) or not 6 <= len(text := cell.strip()) <= 40:
        return None
    try:
        if layout != ISO:
            plain, last = without_last_year(layout)
            found = dt.datetime.strptime(text, plain)
            if not last or found.year <= int(last):
                return found
            return found.replace(year=found.year - 100)
        utc = text.removesuffix(" UTC") + "Z" * text.endswith(" UTC")
        return date(dt.datetime.fromisoformat(utc)) if _ISO.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
