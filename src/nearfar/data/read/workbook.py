"""Workbooks of spreadsheet programs (.xlsx)."""

from __future__ import annotations

import io
import re
import warnings
from itertools import zip_longest
from pathlib import Path
from shlex import quote
from typing import Any
from zipfile import ZipFile

from nearfar.data.read.damage import whole
from nearfar.data.read.header import plain_name
from nearfar.data.read.table import Table, blank, from_cells
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError, nearest


def read_workbook(path: Path, raw: bytes, form: TableForm) -> Table:
    """Return the table on a sheet: the named one, or the first that holds a header and a row.

    Formulas give the values that the spreadsheet program stored with them. Rows above the table
    that are empty are left out.

    Raises:
        UserError: if the workbook is damaged, or there is no such sheet, or nothing on it.
    """
    with whole(path, "Excel workbook"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions, which hold no values
        sheets = _sheets(raw, values=True)
    filled = {name: rows for name, rows in sheets.items() if rows}
    if form.strict and form.sheet is not None and form.sheet not in sheets:
        raise UserError(
            f"{path.name}: no sheet '{form.sheet}' (data: sheet); {nearest(form.sheet, sheets)}"
        )
    if not filled:
        raise UserError(f"{path.name}: no sheet of it holds a cell")
    chosen = _chosen(filled, form)
    rows = sheets[chosen]
    if not rows:
        raise UserError(f"{path.name}: sheet '{chosen}' is empty")
    notes = _told(chosen, filled, form)
    with whole(path, "Excel workbook"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notes += _formulas_without_values(raw, chosen, rows)
        notes += _fill_merged(raw, chosen, rows)
    header, *body = [cells for _, cells in rows]
    if not body:
        where = _on_sheets(chosen, filled, "", strict=form.strict) or f" on sheet '{chosen}'"
        raise UserError(f"{path.name}: a header and no rows{where}")
    numbers = [line for line, _ in rows[1:]]
    table = from_cells(path.name, header, body, lines=numbers, notes=notes)
    below = table.elsewhere

    def elsewhere(column: str) -> str:
        words = below(column) if below is not None else ""
        return words or _on_sheets(chosen, filled, column, strict=form.strict)

    table.elsewhere = elsewhere
    return table


Sheets = dict[str, list[tuple[int, list[Any]]]]
"""By the sheets' names, line and cells of the rows, without empty ones at both ends."""


def _chosen(filled: Sheets, form: TableForm) -> str:
    """Return the sheet that is meant: as said; of another file's the first that has the columns."""
    said, first = form.sheet, next(iter(filled))
    if form.strict:
        return said or next((name for name, rows in filled.items() if len(rows) > 1), first)
    order = [name for name in (said, *filled) if name in filled]
    needed = set(map(plain_name, form.needed))
    fitting = [name for name in order if needed <= set(_header(filled[name]))]
    return str((fitting or order)[0])


def _header(rows: list[tuple[int, list[Any]]]) -> list[str]:
    return [plain_name(cell) for cell in rows[0][1]]


def _told(chosen: str, filled: Sheets, form: TableForm) -> list[str]:
    others = ", ".join(repr(name) for name in filled if name != chosen)
    if form.sheet is not None and (form.strict or form.sheet == chosen):
        return [f"sheet '{chosen}' is read"]
    if others:
        return [f"sheet '{chosen}' is read, not {others}{' (data: sheet)' * form.strict}"]
    return []


def _on_sheets(chosen: str, filled: Sheets, column: str, *, strict: bool) -> str:
    """Return words on the sheet that was read for a column it lacks, and on where that is."""
    others = [name for name in filled if name != chosen]
    if not others:
        return ""
    if not strict:
        return f" on sheet '{chosen}', which was read"
    has = next((name for name in others if column in _header(filled[name])), None)
    if has is not None:
        return f" on sheet '{chosen}', which was read; set data: sheet: {quote(has)}"
    shown = ", ".join(f"'{name}'" for name in others[:5]) + ", …" * (len(others) > 5)
    return f" on sheet '{chosen}', which was read; data: sheet takes another: {shown}"


def _sheets(raw: bytes, values: bool) -> Sheets:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(raw), read_only=True, data_only=values)
    found = {}
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        rows = [(line, list(row)) for line, row in enumerate(sheet.iter_rows(values_only=True), 1)]
        rows = [(line, row) for line, row in rows if not all(map(blank, row))]
        width = max((_filled(row) for _, row in rows), default=0)
        found[sheet.title] = [(line, _fitted(row, width)) for line, row in rows]
    return found


def _filled(row: list[Any]) -> int:
    return max((place + 1 for place, cell in enumerate(row) if not blank(cell)), default=0)


def _fitted(row: list[Any], width: int) -> list[Any]:
    return [*row[:width], *[None] * (width - len(row))]


def _fill_merged(raw: bytes, sheet: str, rows: list[tuple[int, list[Any]]]) -> list[str]:
    """Give every row below the header the value of a cell that is merged over several rows."""
    from openpyxl import load_workbook
    from openpyxl.utils.cell import range_boundaries

    with ZipFile(io.BytesIO(raw)) as packed:
        book = load_workbook(io.BytesIO(raw), read_only=True)
        text = packed.read(book[sheet]._worksheet_path)
    found = re.findall(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z]+[0-9]+:[A-Z]+[0-9]+)"', text)
    by_line = dict(rows[1:])
    count = 0
    for ref in found:
        left, top, right, bottom = range_boundaries(ref.decode())
        value = by_line[top][left - 1] if top in by_line and left <= len(by_line[top]) else None
        if left != right or top == bottom or blank(value):
            continue
        count += 1
        for line in range(top + 1, bottom + 1):
            if line in by_line:
                by_line[line][left - 1] = value
    merged = "1 merged cell is" if count == 1 else f"{count} merged cells are"
    return [f"{merged} read as the value of each row that they span"] if count else []


def _formulas_without_values(
    raw: bytes, sheet: str, rows: list[tuple[int, list[Any]]]
) -> list[str]:
    """Tell of formulas whose values were never stored, as in workbooks that programs write."""
    formulas = dict(_sheets(raw, values=False)[sheet])
    stored = dict(rows)
    lost = sum(
        isinstance(formula, str) and formula.startswith("=") and value is None
        for line, cells in formulas.items()
        for formula, value in zip_longest(cells, stored.get(line, []))
    )
    if not lost:
        return []
    return [
        f"{lost} formula{'s have' if lost > 1 else ' has'} no stored value, read as missing: open "
        "the workbook in a spreadsheet program and save it"
    ]
