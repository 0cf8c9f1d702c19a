"""Tables read from files of many kinds, with the source's row numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

from nearfar.data.read.arrow_files import read_arrow, read_parquet
from nearfar.data.read.cells import is_missing as is_missing
from nearfar.data.read.decimals import decimal_sign, has_thousands, plain_number
from nearfar.data.read.json_records import read_json
from nearfar.data.read.packed import TEXT, content_of, refuse_other_kind, table_ending
from nearfar.data.read.pieces import put_together
from nearfar.data.read.settle import settled
from nearfar.data.read.structures import read_sdf, read_smiles_list
from nearfar.data.read.table import Table as Table
from nearfar.data.read.table import from_arrow as from_arrow
from nearfar.data.read.text import decode, likely_separator, own_encoding, read_text, separator_with
from nearfar.data.read.totals import without_totals
from nearfar.data.read.workbook import read_workbook
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

_PARQUET = frozenset({".parquet", ".pq"})
_ARROW = frozenset({".arrow", ".feather"})
_WORKBOOKS = frozenset({".xlsx", ".xlsm"})
_RECORDS = {".json": False, ".jsonl": True, ".ndjson": True}
_SDF = frozenset({".sdf", ".sd"})
_LISTS = frozenset({".smi", ".smiles"})
_TEXTS = frozenset({*TEXT, *_RECORDS, *_SDF, *_LISTS})
READABLE = (
    ".csv, .tsv, .txt, .xlsx, .parquet, .feather, .json, .jsonl, .sdf or .smi (also with .gz)"
)
"""Endings of the files that ``read_file`` reads, for messages."""


_Key = tuple[str, int, int, TableForm]
_KEPT: ContextVar[dict[_Key, Table] | None] = ContextVar("tables", default=None)


@contextmanager
def each_file_once() -> Iterator[None]:
    """Keep tables while this lasts, so that a file is read once in each form that it is asked in.

    Who reads them must leave them as they are.
    """
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def read_file(path: Path, form: TableForm | None = None) -> Table:
    """Read the table in a file: text, a workbook, parquet, JSON records, SDF or SMILES.

    Any of them may be packed (``.gz``, ``.bz2``, ``.xz``, a ``.zip`` of one file). Cells are
    brought to one form (``settled``).

    Args:
        path: its ending says the kind.
        form: what the user says of it.

    Raises:
        UserError: if the file cannot be read as what its ending says; with its name.
    """
    form = TableForm() if form is None else form
    tables = _KEPT.get()
    if tables is None:
        return _read(path, form)
    try:
        seen = path.stat()
    except OSError:
        return _read(path, form)
    key = (str(path.resolve()), seen.st_mtime_ns, seen.st_size, form)
    if key not in tables:
        tables[key] = _read(path, form)
    return tables[key]


def _read(path: Path, form: TableForm) -> Table:
    table, fitting = read_cells(path, form)
    table = _settled(table, fitting, form.decimal)
    return without_totals(table) if form.strict else table


def read_cells(path: Path, form: TableForm) -> tuple[Table, TableForm]:
    """Read the table in a file as ``read_file`` does, its cells left as they stand there.

    Returns:
        The table, and the form in which its cells are to be read.

    Raises:
        UserError: as ``read_file``.
    """
    ending = table_ending(path)
    kinds = (*TEXT, *_PARQUET, *_ARROW, *_WORKBOOKS, *_RECORDS, *_SDF, *_LISTS)
    if ending not in kinds:
        refuse_other_kind(path)
        raise UserError(f"cannot tell the format of {path.name}: end it in {READABLE}")
    if form.strict:
        _check_form(path, ending, form)
    raw = content_of(path)
    if not form.strict and ending in _TEXTS:
        form = replace(form, encoding=own_encoding(path.name, raw, form.encoding))
    if ending in _PARQUET:
        table = _read_parquet(path, raw)
    elif ending in _ARROW:
        table = from_arrow(path.name, read_arrow(path, raw))
    elif ending in _WORKBOOKS:
        table = read_workbook(path, raw, form)
    elif ending in _RECORDS:
        table = read_json(path, raw, form, _RECORDS[ending])
    elif ending in _SDF:
        table = read_sdf(path, raw, form)
    elif ending in _LISTS:
        table = read_smiles_list(path, raw, form)
    else:
        separator = _separator(path, ending, raw, form)
        table = read_text(path, raw, form, separator)
        if separator == "," and form.separator not in (None, ",") and not form.strict:
            form = _beside_commas(table, form)
    return table, form


def one_table(name: str, pieces: Sequence[tuple[Table, TableForm]], said: TableForm) -> Table:
    """Return what ``read_cells`` read of several files as one table, whose cells have one form.

    Rows of totals at the end of a file are left out, as of one file.

    Args:
        name: of the whole, for messages.
        pieces: of each file.
        said: what the user says of all.
    """
    tables = [table for table, _ in pieces]
    forms = [form for _, form in pieces]
    if said.strict:
        for table, form in pieces:
            _drop_totals(table, form)
    form = forms[0] if len({one.decimal for one in forms}) == 1 else said
    return _settled(put_together(name, tables), form, said.decimal)


def _drop_totals(table: Table, form: TableForm) -> None:
    """Take rows of totals off a table whose cells are as they stand in the file, with a note."""
    copied = {name: [*cells] for name, cells in table.columns.items()}
    trial = settled(Table(table.name, copied, table.length, ragged={**table.ragged}), form)
    trial.notes = []
    left = without_totals(trial).length
    table.notes += trial.notes
    for cells in (*table.columns.values(), *table.written.values()):
        del cells[left:]
    table.length = left
    for bad in (table.ragged, table.unreadable):
        for row in [row for row in bad if row >= left]:
            del bad[row]


def _settled(table: Table, form: TableForm, said: str | None) -> Table:
    """Return a table with its cells in one form; ``said`` is the decimal sign of the study."""
    if not form.strict:
        table.call_as(form.needed)
        fitting = _fitting(table, form)
        note = _sign_note(table, fitting) if fitting.decimal != said else ""
        if note := note or _thousands_note(table, fitting):
            table.notes.append(note)
        return settled(table, fitting)
    return settled(table, form)


def _check_form(path: Path, ending: str, form: TableForm) -> None:
    if form.separator is not None and ending not in TEXT | _LISTS:
        raise UserError(f"{path.name}: data option 'separator' is for CSV files")
    if form.encoding is not None and ending in _PARQUET | _ARROW | _WORKBOOKS:
        raise UserError(f"{path.name}: data option 'encoding' is for text files")
    if form.sheet is not None and ending not in _WORKBOOKS:
        raise UserError(f"{path.name}: data option 'sheet' is for workbooks (.xlsx)")


def _fitting(table: Table, form: TableForm) -> TableForm:
    """Return the form with the decimal sign that the numbers of another file have.

    Without one they have points and no signs between thousands.
    """
    columns = [table.columns[name] for name in _known(table, form)]
    signs = set(map(decimal_sign, columns)) - {None}
    if form.decimal is None and signs <= {"."}:
        return replace(form, decimal=".") if any(map(has_thousands, columns)) else form
    if len(signs) != 1 or (form.decimal is None and "." in signs):
        return form
    return replace(form, decimal=signs.pop())


def _thousands_note(table: Table, form: TableForm) -> str:
    """Return how numbers are read whose points no other cell of the file explains."""
    columns = [table.columns[name] for name in _known(table, form)]
    if form.decimal != "," or any(map(decimal_sign, columns)):
        return ""
    points = (cell for cells in columns for cell in cells if isinstance(cell, str) and "." in cell)
    example = next((cell.strip() for cell in points if plain_number(cell, ",") is not None), None)
    if example is None:
        return ""
    return (
        f"numbers such as {example!r} are read with a point between thousands, as "
        f"{plain_number(example, ',')}: the study says that decimals have a comma"
    )


def _sign_note(table: Table, form: TableForm) -> str:
    """Return how numbers are read, other than the study said; nothing where none has a sign."""
    assert form.decimal is not None
    example = next(
        (
            cell.strip()
            for name in _known(table, form)
            for cell in table.columns[name]
            if isinstance(cell, str)
            and ("." in cell or "," in cell)
            and plain_number(cell, form.decimal) is not None
        ),
        None,
    )
    if example is None:
        return ""
    sign = "comma" if form.decimal == "," else "point"
    return (
        f"numbers such as {example!r} are read with a decimal {sign}, by the cells of this file, "
        "not by the study"
    )


def _known(table: Table, form: TableForm) -> Collection[str]:
    """Return the columns whose numbers tell the decimal sign of another file."""
    if form.known:
        numbers = (column for column in form.known if column.kind == "number")
        return [c.name for c in numbers if c.name in table.columns and not c.points]
    return form.needed & table.columns.keys() or table.columns.keys()


def _beside_commas(table: Table, form: TableForm) -> TableForm:
    """Return the form of a file with commas between fields: without any in numbers, points are."""
    commas = any(
        isinstance(cell, str) and "," in cell and plain_number(cell, ",") is not None
        for name in _known(table, form)
        for cell in table.columns[name]
    )
    return form if commas else replace(form, decimal=".")


def usual_separator(ending: str) -> str:
    """Return what separates fields in files that end so."""
    return "\t" if ending in {".tsv", ".tab"} else ","


def _separator(path: Path, ending: str, raw: bytes, form: TableForm) -> str:
    usual = form.separator or usual_separator(ending)
    if form.strict:
        return usual
    text = decode(path.name, raw, form.encoding)
    likely = likely_separator(path.name, text, usual)
    return separator_with(path.name, text, [likely, usual], form.needed) or likely


def _read_parquet(path: Path, raw: bytes) -> Table:
    return from_arrow(path.name, read_parquet(path, raw))
