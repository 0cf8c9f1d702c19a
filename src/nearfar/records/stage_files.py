"""What a stage keeps in files of its own: predictions, curves, reconstructions."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
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


@dataclass(frozen=True)
class Curve:
    """One metric of one stage over its epochs: two arrays of equal length."""

    epochs: Floats
    values: Floats


def write_predictions(folder: Path, header: Sequence[str], lines: Iterable[Iterable[Any]]) -> None:
    """Write ``predictions.csv`` of a stage; ``header`` is one of the four above."""
    write_rows(folder / PREDICTIONS, header, lines)


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
    """Read ``predictions.csv`` of a stage for one target; None if there are none.

    Classes are read as their numbers.
    """
    number = {name: float(place) for place, name in enumerate(classes)}
    path = folder / PREDICTIONS
    if not path.is_file():
        return None
    found = Predictions({}, {}, {})
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if "prediction" not in (rows.fieldnames or ()):
            return None
        for row in rows:
            if target and unquoted(row["target"]) != target:
                continue
            name, truth, prediction = map(unquoted, (row["id"], row["truth"], row["prediction"]))
            found.parts[name] = row["split"]
            found.truth[name] = number[truth] if number else _float(truth)
            found.prediction[name] = number[prediction] if number else _float(prediction)
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
