"""Cells of a table brought to one form: missing ones None, decimal commas points, truth values.

Each column by itself, and the same whatever kind of file it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import is_not
from typing import Any

from nearfar.data.read.cells import all_numbers, date, is_missing, is_written_truth, number, truth
from nearfar.data.read.decimals import plain_number
from nearfar.data.read.table import Table
from nearfar.data.read.written import as_lists, as_negatives, as_seconds
from nearfar.data.table_form import TableForm

MISSING = frozenset(
    {
        *("na", "n/a", "nan", "null", "none", "?", "#n/a", "<na>", "nat"),
        *("#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
    }
)
"""Texts (in lower case) that stand for a missing value in a column of numbers, dates or truths."""

MISSING_TEXTS = frozenset({"NA", "N/A", "NaN", "nan", "?", "#N/A", "<NA>", "NaT"})
"""Texts, as they are written, that stand for a missing value in a column of text too."""


def settled(table: Table, form: TableForm) -> Table:
    """Bring a table's cells to one form, in place, and return it; ``written`` keeps what changes.

    * Missing cells become None: the texts and numbers of ``form.missing``; without it, in a column
      of numbers, dates or truth values any word of ``MISSING``, in a column of text those of
      ``MISSING_TEXTS`` alone. Blank cells are missing in any case.
    * With ``form.decimal``, numbers are written with a point and without thousands separators in
      columns that hold numbers for the most part.
    * A column of true and false, in any case of letters, holds truth values.
    * Lists that are written as texts are lists, spans of time are seconds, and in a column of
      numbers those in brackets are negative: see ``written``.

    Columns of class numbers that the source names are left as they are. Of another file than the
    study's, missing cells alone are looked for in columns that are not ``form.needed``.
    """
    for name, cells in table.columns.items():
        if name in table.class_names:
            continue
        before = [*cells]
        _settle(table, name, cells, form)
        if any(map(is_not, before, cells)):
            table.written.setdefault(name, before)
    return table


def _settle(table: Table, name: str, cells: list[Any], form: TableForm) -> None:
    if form.missing is not None:
        _take_out(table, name, cells, form.missing)
    if not form.interprets(name):
        if form.missing is None:
            _take_out_words(table, name, cells)
        return
    _note(table, name, as_seconds(cells))
    texts = any(isinstance(cell, str) for cell in cells)
    if not texts or all_numbers(cells) is not None:
        return
    _note(table, name, as_negatives(cells, MISSING))
    if form.decimal is not None:
        _write_points(cells, form.decimal)
    if form.missing is None:
        _take_out_words(table, name, cells)
    as_lists(cells)
    _note(table, name, as_seconds(cells))
    _make_truths(cells)


def _note(table: Table, name: str, said: str) -> None:
    if said:
        table.notes.append(f"column '{name}': {said}")


def _write_points(cells: list[Any], decimal: str) -> None:
    plain = {
        position: found
        for position, cell in enumerate(cells)
        if isinstance(cell, str) and (found := plain_number(cell, decimal)) is not None
    }
    present = sum(not is_missing(cell) and str(cell).lower() not in MISSING for cell in cells)
    if 2 * len(plain) > present:
        for position, text in plain.items():
            cells[position] = text


def _take_out(table: Table, name: str, cells: list[Any], given: Sequence[str | float]) -> None:
    texts = {str(word).strip() for word in given}
    values = {value for word in given if (value := number(word)) is not None}
    taken: Counter[str] = Counter()
    for position, cell in enumerate(cells):
        if isinstance(cell, str):
            found = cell.strip() in texts or (bool(values) and number(cell) in values)
        else:
            found = not isinstance(cell, bool) and number(cell) in values
        if found and not is_missing(cell):
            taken[str(cell).strip()] += 1
            cells[position] = None
    if taken:
        table.missing[name] = dict(taken)


def _take_out_words(table: Table, name: str, cells: list[Any]) -> None:
    words = [
        (position, cell.strip())
        for position, cell in enumerate(cells)
        if isinstance(cell, str) and cell.strip().lower() in MISSING
    ]
    if not words:
        return
    places = {position for position, _ in words}
    others = [c for p, c in enumerate(cells) if p not in places and not is_missing(c)]
    of_text = _is_text(others)
    taken: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for position, word in words:
        if of_text and word not in MISSING_TEXTS:
            kept[word] += 1
        else:
            taken[word] += 1
            cells[position] = None
    if taken:
        table.missing[name] = dict(taken)
    if kept:
        table.kept[name] = dict(kept)


def _is_text(others: Sequence[Any]) -> bool:
    """Tell whether most of a column's other cells are neither numbers nor dates nor booleans."""
    if not others:
        return False
    known = sum(
        number(cell) is not None or date(cell) is not None or is_written_truth(cell)
        for cell in others
    )
    return 2 * known <= len(others)


def _make_truths(cells: list[Any]) -> None:
    present = [cell for cell in cells if not is_missing(cell)]
    if present and all(map(is_written_truth, present)):
        cells[:] = [None if is_missing(cell) else truth(cell) for cell in cells]
