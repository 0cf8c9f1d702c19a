"""How a file is to be read, as far as it can be told from the file: for ``nearfar init``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nearfar.data.read.decimals import decimal_sign, grouped_points, has_thousands, plain_number
from nearfar.data.read.packed import TEXT, content_of, is_table, table_ending
from nearfar.data.read.table import Table
from nearfar.data.read.tables import read_file, usual_separator
from nearfar.data.read.text import SEPARATORS, decode, likely_separator
from nearfar.data.table_form import TableForm

_NAMED = 5


def guessed_form(path: Path, given: TableForm) -> tuple[TableForm, list[str]]:
    """Return how a file is to be read, and what should be said of it, a line each.

    What is given stays. A separator other than the usual one is found by counting fields, a decimal
    comma by numbers that can be read in no other way.

    Raises:
        UserError: if the file cannot be read.
    """
    ending = table_ending(path)
    facts: list[str] = []
    form = given
    if path.is_dir() or not is_table(path) or ending in {".parquet", ".pq", ".arrow", ".feather"}:
        return form, facts
    if ending in TEXT and given.separator is None:
        usual = usual_separator(ending)
        text = decode(path.name, content_of(path), given.encoding)
        found = likely_separator(path.name, text, usual)
        if found != usual:
            form = replace(form, separator=found)
            facts.append(f"fields are separated by {SEPARATORS[found]} (data: separator)")
    if given.decimal is None:
        table = read_file(path, form)
        signs = {s for cells in table.columns.values() if (s := decimal_sign(cells)) is not None}
        if signs == {","}:
            form = replace(form, decimal=",")
            facts.append("numbers have a decimal comma (data: decimal)")
        elif "," in signs:
            facts.append(
                "some columns have decimal commas and others decimal points: a study reads one of "
                "both (data: decimal): write all numbers alike"
            )
        elif any(map(has_thousands, table.columns.values())):
            form = replace(form, decimal=".")
            facts.append("numbers have signs between thousands (data: decimal)")
        elif form.separator in {";", "\t"} or usual_separator(ending) == "\t":
            facts += _doubtful_points(table)
    if form.decimal == ",":
        facts += _points_between_thousands(read_file(path, replace(form, decimal=None)))
    return form, facts


def _points_between_thousands(table: Table) -> list[str]:
    """Return a line on a column whose points, each before three digits, may all be decimal."""
    found = {name: grouped_points(cells) for name, cells in table.columns.items()}
    shown = [(name, example) for name, example in found.items() if example is not None]
    if not shown:
        return []
    names = ", ".join(f"'{name}'" for name, _ in shown[:_NAMED]) + ", …" * (len(shown) > _NAMED)
    columns = f"column {names} has" if len(shown) == 1 else f"columns {names} have"
    example = shown[0][1]
    return [
        f"careful: {columns} three digits behind every point, as {example!r}: read as "
        f"{plain_number(example, ',')}, as decimals have a comma; if it is a decimal point, write "
        "a comma for it"
    ]


def _doubtful_points(table: Table) -> list[str]:
    """Return a line on a column whose points may all stand between thousands."""
    for name, cells in table.columns.items():
        if (example := grouped_points(cells)) is not None:
            return [
                f"careful: column '{name}' has three digits behind every point, as {example!r}: "
                "read as a decimal point; if it stands between thousands, set data: decimal: ','"
            ]
    return []
