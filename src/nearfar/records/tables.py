"""``results.csv`` (numbers alone, byte-identical between equal runs) and ``stages.csv``."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nearfar.records.cells import quoted, unquoted
from nearfar.records.files import write_atomically


@dataclass(frozen=True, order=True)
class Record:
    """One number with its coordinates.

    ``condition`` is ``axis=value`` pairs joined by ``;``, sorted, empty if none. ``unit`` is
    ``z`` for targets scaled by the training mean and deviation, else the target's own unit.
    ``stage`` is the hash of the stage that the number was read from.
    """

    arm: str
    seed: int
    condition: str
    split: str
    target: str
    metric: str
    unit: str
    value: float
    stage: str


SEARCH = "search:"
"""What ``StageRow.stage`` begins with where the stage only served to choose a point."""


@dataclass(frozen=True, order=True)
class StageRow:
    """State and budget of one stage as an arm used it.

    ``stage`` is ``pretrain:<name>`` or ``fit``, with ``search:<point>/`` before it in a search;
    ``status`` is ``done``, ``diverged``, ``failed`` or ``pending`` with the ``reason`` beside it;
    ``parameters`` counts those that were trained.
    """

    arm: str
    seed: int
    condition: str
    stage: str
    hash: str
    status: str
    reason: str
    epochs: int
    steps: int
    seconds: float
    parameters: int
    device: str


def write_rows(
    path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]], *, exact: bool = False
) -> None:
    """Write a CSV of plain values, texts ``quoted``.

    Floats have nine significant digits, or all that tell them apart where they are ``exact``.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value, exact=exact) for value in row])
    write_atomically(path, text.getvalue())


def _cell(value: Any, *, exact: bool) -> Any:
    if isinstance(value, float):
        return repr(float(value)).removesuffix(".0") if exact else f"{value:.9g}"
    return quoted(value)


def _write(path: Path, kind: type, rows: Iterable[Any]) -> None:
    names = [field.name for field in fields(kind)]
    write_rows(path, names, ([getattr(row, name) for name in names] for row in rows))


def _read(path: Path, kind: type) -> list[Any]:
    converters: dict[str, Any] = {
        field.name: unquoted if field.type is str else field.type for field in fields(kind)
    }
    with path.open(newline="", encoding="utf-8") as file:
        return [
            kind(**{name: converters[name](value) for name, value in row.items()})
            for row in csv.DictReader(file)
        ]


def write_results(path: Path, records: Sequence[Record]) -> None:
    """Write ``results.csv`` in a fixed order with nine significant digits."""
    _write(path, Record, sorted(records))


def read_results(path: Path) -> list[Record]:
    """Read ``results.csv``."""
    return _read(path, Record)


def write_stages(path: Path, rows: Sequence[StageRow]) -> None:
    """Write ``stages.csv`` in a fixed order."""
    _write(path, StageRow, sorted(rows))


def read_stages(path: Path) -> list[StageRow]:
    """Read ``stages.csv``."""
    return _read(path, StageRow)
