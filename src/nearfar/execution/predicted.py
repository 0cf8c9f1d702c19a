"""The table of predictions: all rows as they were given, with what was predicted beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data import InputRows
from nearfar.errors import UserError

REASON = "reason"
"""Column that says why a row has no prediction."""


@dataclass(frozen=True)
class Said:
    """What predictions are of: one of several classes, or several labels, or numbers if neither."""

    classes: Sequence[str]
    labels: Sequence[str]


def check_rows(rows: InputRows) -> None:
    """Refuse rows that cannot be predicted for (``--strict``).

    Raises:
        UserError: names the first.
    """
    given = rows.given
    if given is None or not given.reasons:
        return
    first, more = min(given.reasons), len(given.reasons) - 1
    also = f"; {more} more bad row{'s' if more > 1 else ''}" if more else ""
    raise UserError(
        f"{given.where(first)}: {given.reasons[first]}{also} (without --strict such rows have an "
        "empty prediction and a reason)"
    )


def predicted_columns(
    rows: InputRows,
    values: NDArray[np.float64],
    targets: Sequence[str],
    said: Said,
) -> dict[str, list[Any]]:
    """Return the columns of the table, a cell for every row that was given.

    Columns of the input stand first, unchanged. A new column whose name the input has already gets
    a number behind its own.

    Args:
        rows: what was predicted for.
        values: (models, n, k) predictions of these, in the targets' own units, or probabilities.
        targets: k names; one, where there are classes.
        said: k names of classes or labels, none where numbers are predicted.
    """
    columns = _given(rows)
    positions = _positions(rows)
    length = len(rows) if rows.given is None else rows.given.length
    for name, cells in _new(values, targets, said).items():
        spread: list[Any] = [None] * length
        for position, cell in zip(positions, cells, strict=True):
            spread[position] = cell
        columns[_free(name, columns)] = spread
    reasons: Mapping[int, str] = {} if rows.given is None else rows.given.reasons
    columns[_free(REASON, columns)] = [reasons.get(position) for position in range(length)]
    return columns


def _positions(rows: InputRows) -> list[int]:
    if rows.given is None:
        return list(range(len(rows)))
    return [int(number) - 1 for number in rows.ids]


def _given(rows: InputRows) -> dict[str, list[Any]]:
    """Return row numbers, unless the input has ids, and the input's columns but for pictures."""
    if rows.given is None:
        columns: dict[str, list[Any]] = {"id": [*rows.ids]}
        named = {"name": rows.names, "smiles": rows.smiles}
        return columns | {name: [*cells] for name, cells in named.items() if any(cells)}
    there = {
        name: [*cells]
        for name, cells in rows.given.columns.items()
        if not any(isinstance(cell, bytes | dict) for cell in cells)
    }
    columns = {} if "id" in there else {"id": [str(k + 1) for k in range(rows.given.length)]}
    columns |= there
    if not there and any(rows.names):
        names: list[Any] = [None] * rows.given.length
        for position, name in zip(_positions(rows), rows.names, strict=True):
            names[position] = name
        columns["name"] = names
    return columns


def _new(values: NDArray[np.float64], targets: Sequence[str], said: Said) -> dict[str, list[Any]]:
    mean = values.mean(axis=0)
    chances = {
        f"p:{name}": _numbers(mean[:, k]) for k, name in enumerate(said.classes or said.labels)
    }
    if said.classes:
        return {f"{targets[0]}_pred": [said.classes[k] for k in mean.argmax(axis=1)], **chances}
    if said.labels:
        decided = (mean > 0.5).astype(int)
        return {
            f"{name}_pred": decided[:, k].tolist() for k, name in enumerate(said.labels)
        } | chances
    found: dict[str, list[Any]] = {}
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else None
    for k, target in enumerate(targets):
        found[f"{target}_pred"] = _numbers(mean[:, k])
        found[f"{target}_std"] = [None] * len(mean) if spread is None else _numbers(spread[:, k])
    return found


def _numbers(values: NDArray[np.float64]) -> list[Any]:
    """Return numbers with nine significant digits."""
    return [float(f"{value:.9g}") for value in values]


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name, with a number behind it where it is taken."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}_{number}"
    return free
