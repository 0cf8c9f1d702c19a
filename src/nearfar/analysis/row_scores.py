"""Per-row scores of finished stages, for comparisons on a fixed split."""

import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.analysis.compare import RowDifferences
from nearfar.analysis.results import TEST
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS, Classified
from nearfar.records import Record
from nearfar.records.conditions import is_pattern, matching
from nearfar.records.stage_files import read_prediction_rows

Scores = dict[str, float]


def kept_row_differences(stages: Path, records: Iterable[Record], metric: str) -> RowDifferences:
    """Return the function that reads row differences from ``stages/<hash>/predictions.csv``.

    Predictions are in the target's own unit; scores are brought to the primary unit by the ratio
    of the recorded values. There are none (None) where the metric has no row scores, where the
    file is missing or does not give the recorded value (a condition that only repeats the
    evaluation keeps no predictions), and where two stages tested different rows. Of the mean over
    several targets, a row's difference is the mean of its differences.
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
        if is_pattern(condition):
            places = matching(condition, sorted({place for _, place, _ in recorded}))
            parts = [differences(arm, against, place, target) for place in places]
            known = [part for part in parts if part is not None]
            alike = len({len(part) for part in known}) == 1 and len(known) == len(parts)
            return np.mean(known, axis=0) if alike else None
        if target == ALL_TARGETS:
            names = sorted({name for _, _, name in recorded} - {ALL_TARGETS})
            parts = [differences(arm, against, condition, name) for name in names]
            known = [part for part in parts if part is not None]
            return np.mean(known, axis=0) if known and len(known) == len(parts) else None
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
    rows = read_prediction_rows(stages / own.stage, own.target, TEST)
    if not rows:
        return None
    ids = [row["id"] for row in rows]
    compared = _compared(metric, rows)
    value = METRICS[metric].value(*compared)
    if not math.isclose(value, own.value, rel_tol=1e-4, abs_tol=1e-9):
        return None
    scale = by_unit[True].value / own.value if True in by_unit and own.value else 1.0
    return dict(zip(ids, (scale * row_scores(*compared)).tolist(), strict=True))


def _compared(metric: str, rows: list[dict[str, str]]) -> tuple[Any, ...]:
    """Return what ``Metric.value`` takes."""
    task = METRICS[metric].task
    if task == "reconstruction":
        return (np.array([float(row["sse"]) for row in rows]),)
    return _classified(rows) if task == "classification" else _numbers(rows)


def _numbers(rows: list[dict[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return truths and predictions (n_test,)."""
    values = [(float(row["truth"]), float(row["prediction"])) for row in rows]
    array = np.array(values, dtype=np.float64)
    return array[:, 0], array[:, 1]


def _classified(rows: list[dict[str, str]]) -> tuple[Classified]:
    """Return what was said of the rows; classes are numbered in the order of their names."""
    names = sorted({row[key] for row in rows for key in ("truth", "prediction")})
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
