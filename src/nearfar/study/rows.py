"""Per-row scores of finished stages, for comparisons on a fixed split."""

import csv
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics import METRICS
from nearfar.records import Record
from nearfar.study.compare import RowDifferences
from nearfar.study.tally import TEST

Scores = dict[str, float]


def kept_row_differences(stages: Path, records: Iterable[Record], metric: str) -> RowDifferences:
    """Return the function that reads row differences from ``stages/<hash>/predictions.csv``.

    Predictions are in the target's own unit; scores are brought to the primary unit by the ratio
    of the recorded values. There are none (None) where the metric has no row scores, where the
    file is missing or does not give the recorded value (a condition that only repeats the
    evaluation keeps no predictions), and where two stages tested different rows.
    """
    recorded: dict[tuple[str, str, str], dict[int, dict[bool, Record]]] = {}
    for r in records:
        if r.split == TEST and r.metric == metric:
            seeds = recorded.setdefault((r.arm, r.condition, r.target), {})
            seeds.setdefault(r.seed, {})[r.unit == "z"] = r

    @cache
    def scores(arm: str, condition: str, target: str) -> dict[int, Scores | None]:
        by_seed = recorded.get((arm, condition, target), {})
        return {seed: _row_scores(stages, units, metric) for seed, units in by_seed.items()}

    def differences(
        arm: str, against: str, condition: str, target: str
    ) -> NDArray[np.float64] | None:
        first, second = scores(arm, condition, target), scores(against, condition, target)
        total: list[NDArray[np.float64]] = []
        ids: list[str] = []
        for seed in sorted(set(first) & set(second)):
            mine, base = first[seed], second[seed]
            ids = ids or sorted(mine or ())
            if not mine or not base or sorted(mine) != ids or sorted(base) != ids:
                return None
            total.append(np.array([mine[row] - base[row] for row in ids]))
        return np.mean(total, axis=0) if total else None

    return differences


def _row_scores(stages: Path, by_unit: dict[bool, Record], metric: str) -> Scores | None:
    row_scores = METRICS[metric].row_scores
    own = by_unit.get(False)
    if row_scores is None or own is None:
        return None
    ids, truth, prediction = _test_rows(stages / own.stage / "predictions.csv", own.target)
    if not ids:
        return None
    value = METRICS[metric].value(truth, prediction)
    if not math.isclose(value, own.value, rel_tol=1e-4, abs_tol=1e-9):
        return None
    scale = by_unit[True].value / own.value if True in by_unit and own.value else 1.0
    return dict(zip(ids, (scale * row_scores(truth, prediction)).tolist(), strict=True))


def _test_rows(
    path: Path, target: str
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Read ids, truths and predictions (n_test,) of one target."""
    ids: list[str] = []
    values: list[tuple[float, float]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["split"] == TEST and row["target"] == target:
                    ids.append(row["id"])
                    values.append((float(row["truth"]), float(row["prediction"])))
    array = np.array(values, dtype=np.float64).reshape(-1, 2)
    return ids, array[:, 0], array[:, 1]
