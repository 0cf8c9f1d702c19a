"""What kind of values every column of a table holds: one rule for ``nearfar init`` and readers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nearfar.data.read.cells import (
    TRUTHS,
    all_numbers,
    is_code,
    is_missing,
    is_single,
    limit,
    measure,
    number,
    truth,
)
from nearfar.data.read.dates import date_layout, nearly_dates
from nearfar.data.read.decimals import OtherSign, ambiguous
from nearfar.data.read.names import is_division
from nearfar.data.read.table import Table

Kind = Literal[
    "number",
    "boolean",
    "date",
    "category",
    "text",
    "id",
    "counter",
    "division",
    "constant",
    "empty",
    "other",
]

_SAVED_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name in a parquet file."""
_COUNTERS = re.compile(
    r"|unnamed(: ?\d+)?|\.{3}\d+|#|row|row[ _.]?(id|number|num|nr|no|names?|index|idx)|level_\d+"
    r"|_?(index|idx)_?|(df|old|orig|original)[ _.]?(index|idx)",
    re.IGNORECASE,
)
_FIRST = re.compile(r"X|([XV]|Column ?)1")
"""What R and spreadsheets call a first column without a name, as features may be called too."""
_IDS = re.compile(
    r"(?i:(.*[ _.#-])?(id|nr|no|nummer|identifier|key)\.?|uuid|guid)|.*[a-z](I[Dd]|Nr|No|Key)"
)
"""Names of columns that name things: ``Kunden-Nr``, ``PatientID``; ``Acid`` does not."""
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_SELFIES = re.compile(r"(\[[^\[\]\s]+\]\.?){2,}")
_SERIES = re.compile(r"[\d.eE+-]+(?:(?:\s*[,;]\s*|\s+)[\d.eE+-]+){7,}", re.ASCII)
"""Eight numbers or more: pixels of an image, a spectrum, an embedding."""
_NUMBERED = re.compile(r"[0-9]{1,3}[A-Za-z]")
"""Steps of a scale: 3A and 3B; of one letter alone it may be a unit."""
_MOST_NAMES, _EACH_NAME = 20, 5
"""Different values that may be names where some are numbers, and cells for each."""
_LOOKED_AT = 1000
_NINES = frozenset({99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0})
"""What often stands, with either sign, for a value that is missing."""
_FEWEST = 5
"""Rows below which numbers that go up by one say nothing."""


@dataclass(frozen=True)
class ColumnKind:
    """One column of a table, seen from outside.

    Kinds: ``number``; ``boolean`` (true/false, yes/no, …; see ``cells.truth``); ``date`` (see
    ``cells.date``, with ``layout``); ``category`` (texts or codes that repeat); ``text`` (texts
    that mostly differ); ``id`` (different in every row that has it); ``counter`` (a row count saved
    along); ``division`` (says how the rows were divided before, see ``names.is_division``);
    ``constant``; ``empty``; ``other`` (lists, structs, bytes).
    """

    name: str
    kind: Kind
    missing: int
    """Cells without a value."""
    distinct: int
    """Different values."""
    example: str
    """The first value, empty if there is none."""
    layout: str = ""
    """Of dates: ``cells.ISO`` or a layout of ``strptime``."""
    odd: int = 0
    """Cells with a value of another kind: words among numbers."""
    note: str = ""
    """What should be said of it: limits among numbers, units within cells, an ambiguous date."""


def column_kinds(table: Table, *, but: Sequence[str]) -> list[ColumnKind]:
    """Return the kind of every column in the table's order, except those in ``but``."""
    kinds = []
    for name, cells in table.columns.items():
        if name not in but:
            series = name[-1:] == "1" and f"{name[:-1]}2" in table.columns
            kinds.append(column_kind(name, cells, alone=not series))
    return kinds


def column_kind(name: str, cells: Sequence[Any], *, alone: bool = True) -> ColumnKind:
    """Return the kind of one column.

    A column is of numbers if more than half of its cells with a value are numbers: the others are
    then odd cells. Few values that repeat, some of them no numbers, are categories. Digits with
    leading zeros, or beyond 2^53, are codes and no numbers. ``alone`` is false of the first of
    several columns that are numbered, X1 beside X2.
    """
    stripped = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
    present = [c for c in stripped if (c if isinstance(c, str) else not is_missing(c))]
    missing = len(cells) - len(present)
    if not present:
        return ColumnKind(name, "empty", missing, 0, "")
    example = str(present[0])
    if not all(map(is_single, present[:_LOOKED_AT])):
        return ColumnKind(name, "other", missing, len(present), example[:40])
    distinct = set(map(str, present))

    def found(kind: Kind, layout: str = "", odd: int = 0, note: str = "") -> ColumnKind:
        return ColumnKind(name, kind, missing, len(distinct), example, layout, odd, note)

    if len(distinct) == 1 and len(cells) > 1:
        return found("constant")
    if is_division(name, distinct):
        return found("division")
    if is_truth(distinct):
        return found("boolean")
    if are_names(present):
        return found("category")
    numbers = _numbers(present)
    if 2 * len(numbers) > len(present):
        if len(numbers) == len(present) and _counts(name, numbers, cells, alone):
            return found("counter")
        if _whole(numbers) and any(map(is_code, distinct)):
            unique = len(distinct) == len(present)
            return found("id" if unique else "category", note="codes: digits that count nothing")
        if len(set(numbers)) == 1 and len(numbers) == len(present):
            return found("constant")
        if _IDS.fullmatch(name) and _whole(numbers) and len(distinct) == len(present):
            return found("id")
        odd = len(present) - len(numbers)
        notes = [odd_cells(present)] if odd else []
        return found("number", odd=odd, note="; ".join(filter(None, [*notes, _far_off(numbers)])))
    layout, note = date_layout(present)
    if layout:
        return found("date", layout, note=note)
    if count := _numbers_in_each(present):
        note = f"{count} numbers in a cell: give each a column of its own, or make images of them"
        return found("other", note=note)
    if note := odd_cells(present, least=len(present) // 2):
        return found("text", note=note)
    words: Kind = "category" if 2 * len(distinct) <= len(present) else "text"
    if note := nearly_dates(present):
        return found(words, note=note)
    if len(distinct) == len(present) and _is_id(name, distinct):
        return found("id")
    if all(isinstance(cell, str) and _SELFIES.fullmatch(cell) for cell in present[:_LOOKED_AT]):
        return found("text", note="SELFIES: write them as SMILES to learn from molecules")
    return found(words)


def called_as_counter(name: str) -> bool:
    """Tell whether a column has the name of an index saved along: none, ``index``, ``X1``, …."""
    return any(one.fullmatch(name.strip()) for one in (_SAVED_INDEX, _COUNTERS, _FIRST))


def are_names(present: Sequence[Any]) -> bool:
    """Tell whether cells are few names, some of them whole numbers: grades 1, 2, 3A and 3B.

    Limits, measurements with a unit, and texts in less than a tenth of the cells, such as typos,
    are none; nor is a text beside 0 and 1 alone.
    """
    if all_numbers(present) is not None:
        return False
    counts = Counter(str(cell).strip() for cell in present)
    if not 2 < len(counts) <= min(_MOST_NAMES, len(present) // _EACH_NAME):
        return False
    numbers = {text: value for text in counts if (value := number(text)) is not None}
    texts = counts.keys() - numbers.keys()
    numbered = {text[-1] for text in texts if _NUMBERED.fullmatch(text)}
    if not _whole([*numbers.values()]) or any(map(is_code, texts)) or any(map(limit, texts)):
        return False
    if any(measure(text) is not None and not _NUMBERED.fullmatch(text) for text in texts):
        return False
    if len(numbered) == 1 or not (numbered or set(numbers.values()) - {0, 1}):
        return False
    return 10 * sum(counts[text] for text in texts) >= len(present)


def _numbers_in_each(present: Sequence[Any]) -> int:
    """Return how many numbers the first cell holds where all hold a row of them, else 0."""
    looked_at = present[:_LOOKED_AT]
    if not all(isinstance(cell, str) and _SERIES.fullmatch(cell) for cell in looked_at):
        return 0
    first = re.split(r"[\s,;]+", looked_at[0])
    return len(first) if all(number(part) is not None for part in first) else 0


def is_truth(present: Collection[Any]) -> bool:
    """Tell whether all cells are booleans, or words of one pair such as yes and no."""
    if any(truth(cell) is None for cell in present):
        return False
    words = {str(cell).strip().lower() for cell in present}
    return any(words <= set(pair) for pair in TRUTHS)


def _counts(name: str, numbers: Sequence[float], cells: Sequence[Any], alone: bool) -> bool:
    """Tell whether numbers count the rows: 0, 1, 2, … or 1, 2, 3, …, or are an index saved along.

    Those of a column without a name, or called ``index``, ``Unnamed: 0`` and the like, do if they
    are whole numbers that all differ: the rows may have been shuffled or chosen. Of those called
    ``X1`` and the like, which may be features, each number of a count must be there. Where cells
    are missing, the others count on or leave out the missing ones' numbers.

    Args:
        name: of the column.
        numbers: of all cells that are there.
        cells: all, missing ones among them.
        alone: see ``column_kind``.
    """
    if len(numbers) < 2 or not _whole(numbers):
        return False
    places = [place for place, cell in enumerate(cells) if not is_missing(cell)]
    if len(numbers) >= _FEWEST:
        if numbers[0] in (0, 1) and all(n == numbers[0] + k for k, n in enumerate(numbers)):
            return True
        first = numbers[0] - places[0]
        if first in (0, 1) and all(n == first + k for n, k in zip(numbers, places, strict=True)):
            return True
    name, low = name.strip(), min(numbers)
    if _SAVED_INDEX.fullmatch(name):
        return True
    if low < 0 or len(set(numbers)) < len(numbers):
        return False
    if _FIRST.fullmatch(name) and alone:
        return len(numbers) >= _FEWEST and low in (0, 1) and max(numbers) - low < len(numbers)
    return _COUNTERS.fullmatch(name) is not None


def _numbers(present: Sequence[Any]) -> list[float]:
    fast = all_numbers(present)
    if fast is not None:
        return [float(value) for value in fast]
    return [value for cell in present if (value := number(cell)) is not None]


def _far_off(numbers: Sequence[float]) -> str:
    """Return a word on a number of nines that lies far off all others, if there is one."""
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    for value, near in ((low, min), (high, max)):
        others = [some for some in numbers if some != value]
        if abs(value) not in _NINES or len(others) > len(numbers) - 2 or not others:
            continue
        if abs(value - near(others)) > max(others) - min(others):
            return (
                f"{len(numbers) - len(others)} cells are {value:g}, far off the others: if that "
                f"means a missing value, set data: missing: ['', {value:g}]"
            )
    return ""


def _whole(numbers: Sequence[float]) -> bool:
    return all(map(float.is_integer, numbers))


def odd_cells(present: Sequence[Any], least: int = 0) -> str:
    """Return what the cells that are no numbers are, if there are more than ``least`` of a kind."""
    limits = [str(cell) for cell in present if limit(cell)]
    signs = [(sign, str(cell)) for cell in present if (sign := measure(cell)) is not None]
    notes = []
    if len(limits) > least:
        are = "1 cell is a limit and no value" if len(limits) == 1 else ""
        are = are or f"{len(limits)} cells are limits and no values"
        notes.append(f"{are}, such as {limits[0]!r}")
    if (unclear := ambiguous(present)) is not None:
        notes.append(
            f"the comma of {unclear!r} may be decimal or between thousands (data: decimal)"
        )
    points = [cell.text for cell in present if isinstance(cell, OtherSign)]
    if len(points) > least:
        has = "1 number has" if len(points) == 1 else f"{len(points)} numbers have"
        notes.append(
            f"{has} a decimal point, such as {points[0]!r}, where others have a comma: write all "
            "numbers alike"
        )
    if len(signs) > least:
        marks = sorted({sign for sign, _ in signs})
        shown = ", ".join(repr(mark) for mark in marks[:3]) + (", …" if len(marks) > 3 else "")
        notes.append(
            f"{len(signs)} cell{'s hold' if len(signs) > 1 else ' holds'} a number with {shown}, "
            f"such as {signs[0][1]!r}: leave the bare numbers, in one unit"
        )
    return "; ".join(notes)


def _is_id(name: str, distinct: set[str]) -> bool:
    if any(" " in text for text in distinct):
        return False
    if _IDS.fullmatch(name) or all(map(_UUID.fullmatch, distinct)):
        return True
    patterns = {re.sub(r"[0-9]+", "9", text) for text in distinct}
    return len(patterns) == 1 and "9" in next(iter(patterns))
