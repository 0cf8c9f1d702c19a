"""The table of predictions: all rows as they were given, with what was predicted beside them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data import InputRows
from nearfar.errors import UserError
from nearfar.models import FinishedModel, Predictions
from nearfar.models.calibration import Calibration
from nearfar.models.told import reading_notes, unknown_categories

UNLIKE = "unlike"
"""Column that says which rows are unlike the training rows."""
NEAREST = "nearest"
"""Column of the ids of the training rows that are nearest to a row."""
BETWEEN = " | "
"""Between the names of a set of classes."""
REASON = "reason"
"""Column that says why a row has no prediction."""


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


def predicted_columns(rows: InputRows, found: Predictions) -> dict[str, list[Any]]:
    """Return the columns of the table, a cell for every row that was given.

    Columns of the input stand first, unchanged. A new column whose name the input has already gets
    a number behind its own.
    """
    columns = _given(rows)
    positions = _positions(rows)
    length = len(rows) if rows.given is None else rows.given.length
    for name, cells in {**_new(found), **_compared(found)}.items():
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
    there = {name: [*cells] for name, cells in rows.given.columns.items() if not _is_nested(cells)}
    columns = {} if "id" in there else {"id": [str(k + 1) for k in range(rows.given.length)]}
    columns |= there
    if not there and any(rows.names):
        names: list[Any] = [None] * rows.given.length
        for position, name in zip(_positions(rows), rows.names, strict=True):
            names[position] = name
        columns["name"] = names
    return columns


def _is_nested(cells: Sequence[Any]) -> bool:
    return bool({bytes, dict} & set(map(type, cells)))


def _left_out(rows: InputRows) -> list[str]:
    """Tell of columns that the table lacks and that are not the pictures."""
    given = {} if rows.given is None else rows.given.columns
    image = rows.source.get("image")
    names = [n for n, cells in given.items() if n != image and _is_nested(cells)]
    if not names:
        return []
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" * (len(names) > 5))
    holds = "column {} holds" if len(names) == 1 else "columns {} hold"
    return [f"{holds.format(shown)} bytes or structures, which the table leaves out"]


def _new(found: Predictions) -> dict[str, list[Any]]:
    mean = found.mean
    chances = {
        f"p:{name}": _numbers(mean[:, k]) for k, name in enumerate(found.classes or found.labels)
    }
    if found.classes:
        (target,) = found.targets
        said: dict[str, list[Any]] = {
            f"{target}_pred": [found.classes[k] for k in mean.argmax(axis=1)]
        }
        return said | _sets(found, target, found.classes) | chances
    if found.labels:
        said, decided = {}, (mean > 0.5).astype(int)
        for k, name in enumerate(found.labels):
            said[f"{name}_pred"] = decided[:, k].tolist()
            said |= _sets(found, name, ("0", "1"))
        return said | chances
    said, spread = {}, found.deviation
    for k, target in enumerate(found.targets):
        said[f"{target}_pred"] = _numbers(mean[:, k])
        said[f"{target}_std"] = [None] * len(mean) if spread is None else _numbers(spread[:, k])
        if target in found.intervals:
            low, high = found.intervals[target]
            said |= {f"{target}_low": _numbers(low), f"{target}_high": _numbers(high)}
    return said


def _sets(found: Predictions, target: str, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return a column of the classes that may be true, the names parted by a bar.

    Where a name holds a bar, or begins as a list does, all cells are JSON lists.
    """
    if target not in found.sets:
        return {}
    unclear = any("|" in name or name.startswith("[") for name in names)
    sets = [
        [name for name, there in zip(names, row, strict=True) if there]
        for row in found.sets[target]
    ]
    cells = [json.dumps(one, ensure_ascii=False) if unclear else BETWEEN.join(one) for one in sets]
    return {f"{target}_set": cells}


def _compared(found: Predictions) -> dict[str, list[Any]]:
    """Return which rows are unlike the training rows, and which of these are nearest to each."""
    if found.unlike is None or found.nearest is None:
        return {}
    return {
        UNLIKE: found.unlike.astype(int).tolist(),
        NEAREST: [" ".join(names) for names in found.nearest],
    }


def _numbers(values: NDArray[np.float64]) -> list[Any]:
    """Return numbers with twelve significant digits."""
    return [float(f"{value:.12g}") for value in values]


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name, with a number behind it where it is taken."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}_{number}"
    return free


def notes_of(model: FinishedModel, rows: InputRows, found: Predictions) -> list[str]:
    """Return how rows were read, what intervals stand on, and what is unlike training, lines."""
    categories = unknown_categories(model, rows.inputs)
    read = reading_notes(rows, rows.source["path"])
    return [
        *read,
        *_left_out(rows),
        *_level_notes(model.calibration, found),
        *_unlike_note(found),
        *categories,
    ]


def _level_notes(calibration: Calibration | None, found: Predictions) -> list[str]:
    if calibration is None:
        return ["no intervals: the run has no predictions of held-out rows"]
    level, notes = f"{100 * found.level:.4g}%", []
    there = {**found.intervals, **found.sets}
    lacking = [target for target in found.targets if target not in there]
    if lacking:
        which = "" if len(lacking) == len(found.targets) else f" for {', '.join(lacking)}"
        notes.append(
            f"no intervals at {level}{which}: "
            f"{calibration.too_few(found.level, found.targets.index(lacking[0]))}; a lower --level "
            "needs fewer"
        )
    if found.sets:
        size = float(np.mean([rows.sum(axis=1).mean() for rows in found.sets.values()]))
        notes.append(
            f"sets that hold the truth in {level} of rows, of {size:.3g} class{'es' * (size != 1)} "
            f"on average, by the errors on {calibration.source}"
        )
    if found.intervals:
        notes.append(
            f"intervals that hold the truth in {level} of rows, by the errors on "
            f"{calibration.source}"
        )
    return notes


def _unlike_note(found: Predictions) -> list[str]:
    if found.unlike is None or not found.unlike.any():
        return []
    count, rows = int(found.unlike.sum()), len(found.unlike)
    which = f"{count} of {rows} row{'s' * (rows > 1)} {'are' if count > 1 else 'is'}"
    return [
        f"{which} unlike the training rows (column '{UNLIKE}'): what is said of such rows is not "
        "to be relied on, intervals included"
    ]
