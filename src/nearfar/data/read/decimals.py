"""Decimal signs other than the point, and signs between thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nearfar.data.read.cells import all_numbers, number

_SPACES = "'’ \u00a0\u202f"


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    whole = rf"[1-9]\d{{0,2}}(?:[{thousands}]\d{{3}})+|\d+"
    return re.compile(rf"[+\-−]?(?:{whole})?(?:{decimal}\d*)?(?:[eE][+\-]?\d+)?", re.ASCII)


_NUMBERS = {",": _pattern(",", f".{_SPACES}"), ".": _pattern(r"\.", f",{_SPACES}")}
_THOUSANDS = {",": re.compile(f"[.{_SPACES}]"), ".": re.compile(f"[,{_SPACES}]")}
_GROUPED = re.compile(r"[+\-−]?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)


@dataclass(frozen=True, repr=False)
class OtherSign:
    """A cell such as ``3.75`` where numbers have a decimal comma: no number, as it is unclear."""

    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return repr(self.text)


def with_points(text: str, decimal: str) -> str | OtherSign | None:
    """Return a number as ``plain_number`` does, and one whose point is none between thousands."""
    plain = plain_number(text, decimal)
    if plain is None and decimal == "," and "." in text and number(text) is not None:
        return OtherSign(text.strip())
    return plain


def number_with(cell: Any, decimal: str | None) -> float | None:
    """Return the number in a cell where ``decimal`` is the decimal sign, None if it is none."""
    if decimal is not None and isinstance(cell, str):
        plain = plain_number(cell, decimal)
        return number(cell if plain is None else plain)
    return number(cell)


def plain_number(text: str, decimal: str) -> str | None:
    """Return a number as it is written with a point and no thousands separators.

    None if the text is no number with this decimal sign.
    """
    text = text.strip()
    if not _NUMBERS[decimal].fullmatch(text) or not re.match(r"[+\-−]?[.,]?\d", text):
        return None
    plain = _THOUSANDS[decimal].sub("", text)
    return plain.replace(",", ".") if decimal == "," else plain


def decimal_sign(cells: Iterable[Any]) -> str | None:
    """Return the decimal sign that the texts of a column of numbers must have, None if either may.

    ``3,14`` and ``1.234,5`` have a comma, ``3.14`` and ``1,234.5`` a point; ``1,234`` may have
    either.
    """
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    if all_numbers(texts) is not None:
        # All have a point or none: the comma is out where one of them cannot have it.
        split = "." in "".join(texts)
        return "." if split and any(plain_number(text, ",") is None for text in texts) else None
    comma = [plain_number(text, ",") is not None for text in texts]
    point = [plain_number(text, ".") is not None for text in texts]
    if sum(comma) > sum(point) and 2 * sum(comma) > len(texts):
        return ","
    if sum(point) > sum(comma) and 2 * sum(point) > len(texts):
        return "."
    return None


def has_thousands(cells: Iterable[Any]) -> bool:
    """Tell whether a column's numbers have signs between thousands that can be nothing else."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    if all_numbers(texts) is not None:
        return False
    plain = [text for text in texts if plain_number(text, ".") is not None]
    grouped = any(number(text) is None for text in plain)
    return grouped and 2 * len(plain) > len(texts) and ambiguous(texts) is None


def ambiguous(cells: Iterable[Any]) -> str | None:
    """Return a cell such as ``1,234`` where a column's commas may be decimal or between thousands.

    None if the column's cells decide it, or it is not of numbers.
    """
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    grouped = [t for t in texts if (m := _GROUPED.fullmatch(t)) is not None and m[1] == ","]
    if not grouped or decimal_sign(texts) is not None:
        return None
    numbers = sum(plain_number(text, ",") is not None for text in texts)
    return grouped[0] if 2 * numbers > len(texts) else None


def grouped_points(cells: Iterable[Any]) -> str | None:
    """Return a cell such as ``1.234`` where every point of a column may stand between thousands."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and "." in cell]
    if len(texts) > 1 and all(_GROUPED.fullmatch(text) for text in texts):
        return texts[0]
    return None
