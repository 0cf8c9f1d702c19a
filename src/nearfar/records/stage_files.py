"""What a stage keeps in files of its own: predictions, curves, reconstructions."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.records.cells import unquoted
from nearfar.records.tables import write_rows

Floats = npt.NDArray[np.float64]

PREDICTIONS = "predictions.csv"
CURVES = "curves.csv"
RECONSTRUCTIONS = "reconstructions.png"

NUMBERS_HEADER = ("id", "split", "target", "truth", "prediction")
CLASSES_HEADER = (*NUMBERS_HEADER, "log_probability", "rank", "confidence")
LABELS_HEADER = (*NUMBERS_HEADER, "decision", "log_odds")
RECONSTRUCTIONS_HEADER = ("id", "split", "target", "sse")
CURVES_HEADER = ("epoch", "split", "metric", "value")

Point = tuple[float, str, str, float]
"""Epoch, split, metric, value."""


@dataclass(frozen=True)
class Predictions:
    """One stage's predictions of one target, in the target's unit, by row id."""

    parts: dict[str, str]
    truth: dict[str, float]
    prediction: dict[str, float]

    def add(self, row: Mapping[str, str], read: Callable[[str], float]) -> None:
        """Take in a row of the file; ``read`` makes numbers of what is true and predicted."""
        name = row["id"]
        self.parts[name] = row["split"]
        self.truth[name], self.prediction[name] = read(row["truth"]), read(row["prediction"])


@dataclass(frozen=True)
class Curve:
    """One metric of one stage over its epochs: two arrays of equal length."""

    epochs: Floats
    values: Floats


def write_predictions(folder: Path, header: Sequence[str], lines: Iterable[Iterable[Any]]) -> None:
    """Write ``predictions.csv`` of a stage; ``header`` is one of the four above.

    Numbers are exact: errors are differences of what may be far from zero and near each other.
    """
    write_rows(folder / PREDICTIONS, header, lines, exact=True)


def prediction_rows(folder: Path, split: str | None = None) -> Iterator[dict[str, str]]:
    """Yield the rows of one part, or of all, from ``predictions.csv``: texts as they were given.

    There are none without the file.
    """
    path = folder / PREDICTIONS
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        yield from (_read(row) for row in csv.DictReader(file) if split in (None, row["split"]))


def read_prediction_rows(folder: Path, target: str | None, split: str) -> list[dict[str, str]]:
    """Read the rows of one part, of one target or of all, from ``predictions.csv``."""
    return [row for row in prediction_rows(folder, split) if target in (None, row["target"])]


def read_parts(folder: Path) -> dict[str, str]:
    """Read the part of each row that ``predictions.csv`` names, by id."""
    return {row["id"]: row["split"] for row in prediction_rows(folder)}


def read_predictions(folder: Path, target: str, classes: Sequence[str] = ()) -> Predictions | None:
    """Read ``predictions.csv`` of a stage for one target, of an empty name for the only one.

    None if there are none. Classes are read as their numbers.
    """
    number = {name: float(place) for place, name in enumerate(classes)}
    found: Predictions | None = None
    for row in prediction_rows(folder):
        if "prediction" not in row:
            return None
        found = found or Predictions({}, {}, {})
        if target in ("", row["target"]):
            found.add(row, number.__getitem__ if number else _float)
    return found


def read_each_target(folder: Path) -> dict[str, Predictions]:
    """Read ``predictions.csv`` of a stage for all of several targets, by their names."""
    found: dict[str, Predictions] = {}
    for row in prediction_rows(folder):
        if "prediction" not in row:
            return {}
        found.setdefault(row["target"], Predictions({}, {}, {})).add(row, _float)
    return found


def write_curves(folder: Path, points: Iterable[Point]) -> None:
    """Write ``curves.csv`` of a stage."""
    write_rows(folder / CURVES, CURVES_HEADER, points)


def read_points(folder: Path) -> list[Point]:
    """Read ``curves.csv`` of a stage, in its order; none if there is no such file."""
    path = folder / CURVES
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            (_float(row["epoch"]), row["split"], row["metric"], _float(row["value"]))
            for row in map(_read, csv.DictReader(file))
        ]


def read_curves(folder: Path) -> dict[tuple[str, str], Curve]:
    """Read ``curves.csv`` of a stage, by (split, metric)."""
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for epoch, split, metric, value in read_points(folder):
        series.setdefault((split, metric), []).append((epoch, value))
    columns = {key: np.array(points, dtype=np.float64) for key, points in series.items()}
    return {key: Curve(points[:, 0], points[:, 1]) for key, points in columns.items()}


def _read(row: dict[str, str]) -> dict[str, str]:
    return {name: unquoted(cell) if cell else cell for name, cell in row.items()}


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
