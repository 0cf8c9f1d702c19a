"""Records written as JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nearfar.data.read.damage import whole
from nearfar.data.read.table import Table, from_cells
from nearfar.data.read.text import decode
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

_HELP = "needed: a list of records [{…}, …], columns {name: [values]}, or a record on each line"


def read_json(path: Path, raw: bytes, form: TableForm, lines: bool) -> Table:
    """Return the table of a list of records, of columns, or of a record on each line.

    A key that a record lacks is a missing value there. Columns come in the order in which they
    first appear.

    Args:
        path: the file.
        raw: its content.
        form: of the text.
        lines: whether there is a record on each line.

    Raises:
        UserError: if it is not JSON, or no such records.
    """
    text = decode(path.name, raw, form.encoding)
    if lines:
        return _from_lines(path.name, text)
    try:
        found = _parsed(text)
    except RecursionError as error:
        raise UserError(f"{path.name}: not valid JSON: nested too deeply") from error
    except ValueError as error:
        if text.lstrip().startswith("{") and "}\n{" in text.replace("\r", ""):
            return _from_lines(path.name, text)
        raise UserError(f"{path.name}: not valid JSON: {error}") from error
    if isinstance(found, dict):
        with whole(path, "JSON table"):
            return _from_columns(path.name, found)
    if not isinstance(found, list):
        raise UserError(f"{path.name}: one value; {_HELP}")
    return _from_records(path.name, found, None)


def _parsed(text: str) -> Any:
    """Return what a text of JSON says.

    Raises:
        ValueError: if it is not JSON, or a key stands twice in one object, of which one would go.
    """
    return json.loads(text, object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, times), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"'{key}' stands {times} times in one record: give each a name of its own")
    return found


def _from_lines(name: str, text: str) -> Table:
    """Read a record from each line; within one, texts may hold what else parts lines (U+2028)."""
    records, numbers = [], []
    for line, record in enumerate(re.split("\r\n|\r|\n", text), 1):
        if not record.strip():
            continue
        try:
            records.append(_parsed(record))
        except RecursionError as error:
            raise UserError(f"{name}, line {line}: not valid JSON: nested too deeply") from error
        except ValueError as error:
            raise UserError(f"{name}, line {line}: not valid JSON: {error}") from error
        numbers.append(line)
    return _from_records(name, records, numbers)


def _from_records(name: str, records: list[Any], lines: list[int] | None) -> Table:
    for position, record in enumerate(records):
        if not isinstance(record, dict):
            where = f"line {lines[position]}" if lines else f"record {position + 1}"
            raise UserError(f'{name}, {where}: no record, such as {{"x": 1}}; {_HELP}')
    if not records:
        raise UserError(f"{name} is empty")
    records = [_flat(record) for record in records]
    keys = dict.fromkeys(key for record in records for key in record)
    if not keys:
        raise UserError(f"{name}: its records are empty")
    rows = [[record.get(key) for key in keys] for record in records]
    return from_cells(name, list(keys), rows, lines=lines)


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record in which what stands in a record within has a key such as ``outer.inner``."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        inner = _flat(value) if isinstance(value, dict) else {}
        named = {f"{key}.{name}": some for name, some in inner.items()}
        clash = bool(named.keys() & (record.keys() | flat.keys()))
        flat |= {key: value} if not named or clash else named
    return flat


def _from_columns(name: str, found: dict[str, Any]) -> Table:
    lists = [value for value in found.values() if isinstance(value, list)]
    records = [some for some in lists if some and all(isinstance(r, dict) for r in some)]
    if len(records) == 1 and len(lists) == 1:
        return _from_records(name, records[0], None)
    if {"columns", "data"} <= found.keys():
        return from_cells(name, found["columns"], found["data"])
    by_label = [value for value in found.values() if isinstance(value, dict)]
    labels = dict.fromkeys(label for column in by_label for label in column)
    if len(by_label) == len(found) and _count(found) and not _count(labels):
        return _from_records(name, by_label, None)
    columns: dict[str, list[Any]] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            columns[key] = [value.get(label) for label in labels]
        elif isinstance(value, list):
            columns[key] = value
        else:
            raise UserError(f"{name}: '{key}' holds one value; {_HELP}")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise UserError(f"{name}: its columns differ in length; {_HELP}")
    return from_cells(name, list(columns), list(zip(*columns.values(), strict=True)))


def _count(labels: Iterable[str]) -> bool:
    """Tell whether labels count from 0, as rows do that have no names."""
    return all(label == str(place) for place, label in enumerate(labels))
