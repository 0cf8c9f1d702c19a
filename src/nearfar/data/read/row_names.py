"""Names of rows that stand before the first column without a name of their own in the header."""

from __future__ import annotations

from collections.abc import Sequence

from nearfar.data.read.cells import is_missing, number

_FEWEST = 5
"""Rows below which numbers that go up by one may be anything."""
TOLD = (
    "every row has one field more than the header, and the first is another in each: read as "
    "names of the rows, as R writes them"
)


def hold_row_names(
    header: Sequence[str], rows: Sequence[Sequence[str]], begins: Sequence[str]
) -> bool:
    """Tell whether rows begin with a name that the header leaves out, as R's ``write.table`` does.

    All rows have one field more than the header, a value in some row's last one, and another first
    one each: words, texts in quotes, or 1, 2, 3, …. Other numbers may be those before a decimal
    comma.

    Args:
        header: its fields.
        rows: theirs.
        begins: the first character of each row.
    """
    if len(rows) < 2 or any(len(row) != len(header) + 1 for row in rows):
        return False
    names = [row[0].strip() for row in rows]
    if all(is_missing(row[-1]) for row in rows) or len({*names} - {""}) < len(rows):
        return False
    numbers = [number(name) for name in names]
    if all(mark == '"' for mark in begins) or not any(value is not None for value in numbers):
        return True
    counted = [float(k) for k in range(len(rows) + 1)]
    return len(rows) >= _FEWEST and numbers in (counted[:-1], counted[1:])
