"""Tested rows of finished stages, as metrics take them, from ``predictions.csv``."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
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

_AT_HAND = 32
"""How many files are kept in memory: an arm's, one a seed, of which every metric is asked."""

_NONE: tuple[Integers, Compared] = (np.empty(0, dtype=np.int64), ())


class PredictionFiles:
    """The files of stages of one run, whose data set has rows of these ids."""

    def __init__(
        self, stages: Path, ids: Sequence[str], classes: Mapping[str, Sequence[str]]
    ) -> None:
        """Take the folder of stages; ``classes`` gives by target the names in their order."""
        self._stages, self._classes = stages, classes
        self._row_of = {name: row for row, name in enumerate(ids)}
        self._read = lru_cache(_AT_HAND)(self._read_stage)

    def read(self, stage: str, target: str, metric: Metric) -> tuple[Integers, Compared]:
        """Return the numbers of tested rows (n_test,) and what the metric takes of them.

        Without rows where there is no file, or where it has rows that the data set lacks. Of a
        pooled metric all targets are together, under the empty name.
        """
        return self._read(stage, metric.pooled, metric.task).get(target, _NONE)

    def _read_stage(
        self, stage: str, pooled: bool, task: str
    ) -> dict[str, tuple[Integers, Compared]]:
        by_target: dict[str, list[dict[str, str]]] = {}
        for row in prediction_rows(self._stages / stage, TEST):
            by_target.setdefault("" if pooled else row["target"], []).append(row)
        return {
            target: (self._numbered(rows), _compared(task, rows, self._classes.get(target, ())))
            for target, rows in by_target.items()
            if all(row["id"] in self._row_of for row in rows)
        }

    def _numbered(self, rows: list[dict[str, str]]) -> Integers:
        return np.array([self._row_of[row["id"]] for row in rows], dtype=np.int64)


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
    names = classes if found <= set(classes) else sorted(found)
    number = {name: i for i, name in enumerate(names)}
    return (
        Classified(
            truth=np.array([number[row["truth"]] for row in rows]),
            prediction=np.array([number[row["prediction"]] for row in rows]),
            log_probability=np.array([float(row["log_probability"]) for row in rows]),
            rank=np.array([int(row["rank"]) for row in rows]),
            confidence=np.array([float(row["confidence"]) for row in rows]),
        ),
    )
