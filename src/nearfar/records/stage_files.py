"""What a stage keeps in files of its own: predictions, curves, samples."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Every row of the data set, in its order; an empty list for what the run does not hold.

    ``shown`` are the numbers of the rows that the page shows, ascending: of these stages keep
    features. ``classes`` are the numbers of the classes, ``thumbnails`` image files or None.
    """

    ids: list[str]
    names: list[str]
    smiles: list[str]
    shown: list[int]
    classes: list[int]
    thumbnails: list[bytes | None]


@dataclass(frozen=True)
class Predictions:
    """One stage's predictions of one target, in the target's unit, by row id."""

    parts: dict[str, str]
    truth: dict[str, float]
    prediction: dict[str, float]


@dataclass(frozen=True)
class Curve:
    """One metric of one stage over its epochs: two arrays of equal length."""

    epochs: Floats
    values: Floats


def _read_samples(path: Path) -> Samples:
    if not path.is_file():
        return Samples([], [], [], [], [], [])

    # Not `read_table`, which imports pandas where it is installed.
    with pq.ParquetFile(path) as file:
        table = file.read()

    def column(name: str) -> list[Any]:
        return list(table.column(name).to_pylist()) if name in table.column_names else []

    ids, names, smiles = ([str(v or "") for v in column(key)] for key in ("id", "name", "smiles"))
    marks = column("shown") or [True] * len(ids)
    return Samples(
        ids,
        names or [""] * len(ids),
        smiles,
        [row for row, mark in enumerate(marks) if mark],
        column("class"),
        column("thumbnail"),
    )


def read_predictions(folder: Path, target: str, classes: Sequence[str] = ()) -> Predictions | None:
    """Read ``predictions.csv`` of a stage for one target; None if there are none.

    Classes are read as their numbers.
    """
    number = {name: float(place) for place, name in enumerate(classes)}
    path = folder / "predictions.csv"
    if not path.is_file():
        return None
    found = Predictions({}, {}, {})
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if "prediction" not in (rows.fieldnames or ()):
            return None
        for row in rows:
            if target and row["target"] != target:
                continue
            found.parts[row["id"]] = row["split"]
            truth, prediction = row["truth"], row["prediction"]
            found.truth[row["id"]] = number[truth] if number else _float(truth)
            found.prediction[row["id"]] = number[prediction] if number else _float(prediction)
    return found


def read_curves(folder: Path) -> dict[tuple[str, str], Curve]:
    """Read ``curves.csv`` of a stage, by (split, metric); empty if there is no such file."""
    path = folder / "curves.csv"
    if not path.is_file():
        return {}
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = (_float(row["epoch"]), _float(row["value"]))
            series.setdefault((row["split"], row["metric"]), []).append(point)
    columns = {key: np.array(points, dtype=np.float64) for key, points in series.items()}
    return {key: Curve(points[:, 0], points[:, 1]) for key, points in columns.items()}


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
