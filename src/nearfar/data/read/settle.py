"""Cells of a table brought to one form: missing ones None, decimal commas points, truth values.

Each column by itself, and the same whatever kind of file it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import is_not
from typing import Any

from nearfar.data.read.cells import all_numbers, date, is_missing, is_written_truth, number, truth
from nearfar.data.read.decimals import decimal_sign, number_with, with_points
from nearfar.data.read.table import Table
from nearfar.data.read.written import as_lists, as_negatives, as_seconds
from nearfar.data.table_form import KnownColumn, TableForm

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
      columns that hold numbers for the most part; not where a comma is said to be the sign and
      those of a column must have a point.
    * A column of true and false, in any case of letters, holds truth values.
    * Lists that are written as texts are lists, spans of time are seconds, and in a column of
      numbers those in brackets are negative: see ``written``.

    Columns of class numbers that the source names are left as they are. Of another file than the
    study's, missing cells alone are looked for in columns that are not ``form.needed``; in columns
    that are ``form.known`` each cell is read by what the column was, never by the other cells.
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
        _take_out(table, name, cells, form.missing, form.decimal)
    if (known := form.known_by_name.get(name)) is not None:
        _settle_as(table, cells, form, known)
        return
    if not form.interprets(name):
        if form.missing is None:
            _take_out_words(table, name, cells)
        return
    _note(table, name, as_seconds(cells))
    if _are_numbers(cells, form.decimal):
        return
    _note(table, name, as_negatives(cells, MISSING))
    if form.decimal == "," and decimal_sign(_others(cells)) == ".":
        _note(table, name, "numbers have a decimal point here, and no comma")
        table.points.add(name)
    elif form.decimal is not None:
        _write_points(cells, form.decimal)
    if form.missing is None:
        _take_out_words(table, name, cells)
    as_lists(cells)
    _note(table, name, as_seconds(cells))
    _make_truths(cells)


def _settle_as(table: Table, cells: list[Any], form: TableForm, known: KnownColumn) -> None:
    """Bring each cell to the form that a known column has, whatever the others are."""
    name, texts = known.name, known.kind in {"category", "text"}
    if known.kind == "number":
        _note(table, name, as_seconds(cells, each=True))
        decimal = None if known.points else form.decimal
        if _are_numbers(cells, decimal):
            return
        _note(table, name, as_negatives(cells, each=True))
        if decimal is not None:
            _write_points(cells, decimal, each=True)
    if form.missing is None:
        _take_out_words(table, name, cells, of_text=texts and not known.codes)
    if texts:
        _spell_truths(cells, known.truths)


def _are_numbers(cells: Sequence[Any], decimal: str | None) -> bool:
    """Tell whether no cell has to be written otherwise to be a number."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    if not texts:
        return True
    points = decimal == "," and any("." in text for text in texts)
    return not points and all_numbers(cells) is not None


def _note(table: Table, name: str, said: str) -> None:
    if said:
        table.notes.append(f"column '{name}': {said}")


def _write_points(cells: list[Any], decimal: str, *, each: bool = False) -> None:
    found = {
        position: plain
        for position, cell in enumerate(cells)
        if isinstance(cell, str) and (plain := with_points(cell, decimal)) is not None
    }
    present = _others(cells)
    values = sum(number(cell) is not None for cell in present if not isinstance(cell, str | bool))
    if each or 2 * (len(found) + values) > len(present):
        for position, plain in found.items():
            cells[position] = plain


def _take_out(
    table: Table,
    name: str,
    cells: list[Any],
    given: Sequence[str | float],
    decimal: str | None,
) -> None:
    texts = {str(word).strip() for word in given}
    values = {value for word in given if (value := number_with(word, decimal)) is not None}
    taken: Counter[str] = Counter()
    for position, cell in enumerate(cells):
        if isinstance(cell, str):
            found = cell.strip() in texts or (bool(values) and number_with(cell, decimal) in values)
        else:
            found = not isinstance(cell, bool) and number(cell) in values
        if found and not is_missing(cell):
            taken[str(cell).strip()] += 1
            cells[position] = None
    if taken:
        table.missing[name] = dict(taken)


def _take_out_words(
    table: Table, name: str, cells: list[Any], *, of_text: bool | None = None
) -> None:
    """Take out words for a missing value; the column tells which, if ``of_text`` does not."""
    words = [
        (position, cell.strip())
        for position, cell in enumerate(cells)
        if isinstance(cell, str) and cell.strip().lower() in MISSING
    ]
    if not words:
        return
    if of_text is None:
        of_text = _is_text(_others(cells))
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


def words_of(cells: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return what a ``KnownColumn`` says of texts that a model learns from: truths, codes."""
    kinds = sorted(set(map(str, cells)))
    truths = tuple(text for text in kinds if is_written_truth(text))
    words = any(text.lower() in MISSING for text in kinds)
    return truths, not words and not _is_text(_others(cells))


def _others(cells: Sequence[Any]) -> list[Any]:
    """Return the cells with a value that are no words for a missing one."""
    return [
        cell
        for cell in cells
        if not is_missing(cell) and not (isinstance(cell, str) and cell.strip().lower() in MISSING)
    ]


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


def _spell_truths(cells: list[Any], truths: Sequence[str]) -> None:
    """Write true and false among texts as they were written in training."""
    spelled: dict[str, list[str]] = {}
    for text in truths:
        spelled.setdefault(text.lower(), []).append(text)
    for position, cell in enumerate(cells):
        if not is_written_truth(cell):
            continue
        text = str(cell).strip()
        usual = spelled.get(text.lower(), [])
        if text in usual:
            cells[position] = text
        elif len(usual) == 1:
            cells[position] = usual[0]
