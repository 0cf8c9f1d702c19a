"""The rows that members were not trained on, with what these said of them, from a run's records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearfar.records.run import RunFolder
from nearfar.records.samples import read_rows
from nearfar.records.stage_files import prediction_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Rows that some members left out.

    ``out`` is bool (n, members). ``truth`` is (n, k), NaN where a row has no such target;
    ``guess`` (members, n, k): predictions in the target's own unit, probabilities of labels, or of
    classes (k = 1) the probability of the true one. ``groups`` (n,) are numbers that rows of one
    group share.
    """

    ids: list[str]
    out: NDArray[np.bool_]
    truth: Floats
    guess: Floats
    groups: NDArray[np.int64]
    source: str


def held_out_rows(
    folder: RunFolder, stages: Sequence[str], targets: Sequence[str], task: str
) -> HeldOut | None:
    """Return the tested rows of the fits ``stages``; of few, validation rows too; None of none.

    Rows of the validation part chose the epoch that is kept, so they are taken only where tested
    ones are too few for any interval.
    """
    read = [_read(folder.store.folder(stage), targets, task) for stage in stages]
    found = _joined(folder, read, {"test"}, len(targets))
    if found is None or len(found.ids) < _FEW:
        return _joined(folder, read, {"test", "validation"}, len(targets)) or found
    return found


_FEW = 20


@dataclass(frozen=True)
class _Read:
    """Of one fit: part, truth and prediction by row; truth and prediction by target's number."""

    parts: dict[str, str]
    truth: dict[str, dict[int, float]]
    guess: dict[str, dict[int, float]]


def _read(folder: Path, targets: Sequence[str], task: str) -> _Read:
    found = _Read({}, {}, {})
    place = {name: k for k, name in enumerate(targets)}
    for row in prediction_rows(folder):
        k = place.get(row["target"])
        if k is None or "prediction" not in row:
            continue
        found.parts[row["id"]] = row["split"]
        if row["split"] == "train":
            continue
        truth, guess = _numbers(row, task)
        found.truth.setdefault(row["id"], {})[k] = truth
        found.guess.setdefault(row["id"], {})[k] = guess
    return found


def _numbers(row: Mapping[str, str], task: str) -> tuple[float, float]:
    if task == "classification":
        return 1.0, math.exp(float(row["log_probability"]))
    return float(row["truth"]), float(row["prediction"])


def _joined(
    folder: RunFolder, read: Sequence[_Read], parts: set[str], count: int
) -> HeldOut | None:
    ids = list(dict.fromkeys(i for one in read for i, part in one.parts.items() if part in parts))
    if not ids:
        return None
    out = np.array([[one.parts.get(i) in parts for one in read] for i in ids])
    truth = np.full((len(ids), count), np.nan)
    guess = np.full((len(read), len(ids), count), np.nan)
    for number, one in enumerate(read):
        for row, name in enumerate(ids):
            if not out[row, number]:
                continue
            for k, value in one.truth[name].items():
                truth[row, k], guess[number, row, k] = value, one.guess[name][k]
    every, groups = read_rows(folder.path)
    group_of = dict(zip(every, groups, strict=True)) if groups else {}
    own = np.array([group_of.get(name, -1 - row) for row, name in enumerate(ids)], np.int64)
    return HeldOut(ids, out, truth, guess, own, _source(out, parts, grouped=bool(groups)))


def _source(out: NDArray[np.bool_], parts: set[str], *, grouped: bool) -> str:
    rows = "tested rows" if len(parts) == 1 else "tested and validation rows"
    groups = ", whole groups" if grouped else ""
    return f"{len(out)} {rows}{groups}"
