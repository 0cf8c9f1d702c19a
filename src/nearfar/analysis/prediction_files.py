"""Tested rows of finished stages, as metrics take them, from ``predictions.csv``."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.analysis.results import TEST
from nearfar.analysis.variance import Integers
from nearfar.metrics import Classified, Metric, of_label
from nearfar.records.stage_files import prediction_rows

Compared = tuple[Any, ...]
"""What ``Metric.value`` takes."""

_NONE: tuple[Integers, Compared] = (np.empty(0, dtype=np.int64), ())


class PredictionFiles:
    """The files of stages of one run, whose data set has rows of these ids."""

    def __init__(
        self, stages: Path, ids: Sequence[str], classes: Mapping[str, Sequence[str]]
    ) -> None:
        """Take the folder of stages; ``classes`` gives by target the names in their order."""
        self._stages, self._classes = stages, classes
        self._row_of = {name: row for row, name in enumerate(ids)}

    def read(self, stage: str) -> "TestedRows":
        """Read the tested rows of a stage; there are none without the file."""
        by_target: dict[str, list[dict[str, str]]] = {}
        for row in prediction_rows(self._stages / stage, TEST):
            by_target.setdefault(row["target"], []).append(row)
        return TestedRows(by_target, self._row_of, self._classes)


class TestedRows:
    """What a stage said of tested rows, by target."""

    def __init__(
        self,
        by_target: Mapping[str, list[dict[str, str]]],
        row_of: Mapping[str, int],
        classes: Mapping[str, Sequence[str]],
    ) -> None:
        """Take the rows of a file, the number of a row by its id, and the classes of targets."""
        self._by_target, self._row_of, self._classes = by_target, row_of, classes
        self._taken = cache(self._take)

    def of(self, target: str, metric: Metric) -> tuple[Integers, Compared]:
        """Return the numbers of tested rows (n_test,) and what the metric takes of them.

        Of a pooled metric these are the rows of all targets. There are none where the file has rows
        that the data set lacks.
        """
        return self._taken("" if metric.pooled else target, metric.pooled, metric.task)

    def _take(self, target: str, pooled: bool, task: str) -> tuple[Integers, Compared]:
        every = [row for rows in self._by_target.values() for row in rows] if pooled else None
        rows = self._by_target.get(target, []) if every is None else every
        numbers = [self._row_of.get(row["id"], -1) for row in rows]
        if not rows or min(numbers) < 0:
            return _NONE
        compared = _compared(task, rows, self._classes.get(target, ()))
        return np.array(numbers, dtype=np.int64), compared


def _compared(task: str, rows: list[dict[str, str]], classes: Sequence[str]) -> Compared:
    """Return what metrics of a task take; ``classes`` are the names in the order of numbers."""
    if "log_odds" in rows[0]:
        pairs = np.array([(float(row["truth"]), float(row["log_odds"])) for row in rows])
        return (of_label(pairs[:, 0], pairs[:, 1]),)
    if task == "reconstruction":
        return (np.array([float(row["sse"]) for row in rows]),)
    return _classified(rows, classes) if task == "classification" else _numbers(rows)


def _numbers(rows: list[dict[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return truths and predictions (n_test,)."""
    values = [(float(row["truth"]), float(row["prediction"])) for row in rows]
    array = np.array(values, dtype=np.float64)
    return array[:, 0], array[:, 1]


def _classified(rows: list[dict[str, str]], classes: Sequence[str]) -> tuple[Classified]:
    """Return what was said of the rows; unknown classes are numbered in the order of names."""
    found = {row[key] for row in rows for key in ("truth", "prediction")}
    told = found <= set(classes)
    names = classes if told else sorted(found)
    number = {name: i for i, name in enumerate(names)}
    return (
        Classified(
            truth=np.array([number[row["truth"]] for row in rows]),
            prediction=np.array([number[row["prediction"]] for row in rows]),
            log_probability=np.array([float(row["log_probability"]) for row in rows]),
            rank=np.array([int(row["rank"]) for row in rows]),
            confidence=np.array([float(row["confidence"]) for row in rows]),
            classes=len(classes) if told else None,
        ),
    )
