"""Row scores of finished stages: what every comparison and interval rests on."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nearfar.analysis.results import TEST
from nearfar.analysis.variance import Integers, Tested
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS, Classified, of_label
from nearfar.records import Record
from nearfar.records.conditions import is_pattern, matching
from nearfar.records.stage_files import prediction_rows

_ByTarget = dict[str, tuple[list[str], tuple[Any, ...]]]
"""Target → the ids of tested rows, and what ``Metric.value`` takes of them."""


class RowScores(Protocol):
    """Where scores of tested rows come from, in the primary metric and unit."""

    n_rows: int
    groups: Integers | None
    """The group of every row, int64 (n_rows,); None where every row stands for itself."""

    @property
    def unread(self) -> Collection[str]:
        """Arms whose row scores were asked for and should be there, and are not."""

    def tested(self, arm: str, condition: str, target: str) -> dict[int, Tested] | None:
        """Return what each seed tested; None where row scores are not at hand."""


class KeptScores:
    """Row scores read from ``stages/<hash>/predictions.csv``.

    Predictions are in the target's own unit; scores are brought to the primary unit by the ratio
    of the recorded values. There are none where the metric has no row scores, and where the file is
    missing or does not give the recorded value. Of the mean over several conditions, a row's score
    is the mean of its scores, and so over several targets (:func:`_over_targets` says what it is of
    a row that lacks some). ``classes`` gives by target the names of classes in their order.
    """

    def __init__(
        self,
        stages: Path,
        records: Iterable[Record],
        metric: str,
        ids: Sequence[str],
        groups: Sequence[int] = (),
        classes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Take the run's records; ``ids`` and ``groups`` are those of all rows, in order."""
        self.n_rows = len(ids)
        self.groups = np.array(groups, dtype=np.int64) if len(groups) == len(ids) > 0 else None
        self._stages, self._metric, self._classes = stages, metric, classes or {}
        self._row_of = {name: row for row, name in enumerate(ids)}
        self._recorded: dict[tuple[str, str], dict[int, dict[str, dict[bool, Record]]]] = {}
        for r in records:
            if r.split == TEST and r.metric == metric:
                seeds = self._recorded.setdefault((r.arm, r.condition), {})
                seeds.setdefault(r.seed, {}).setdefault(r.target, {})[r.unit == "z"] = r
        self._read = cache(self._read_all)
        self._mean = cache(self._mean_over_targets)
        self.unread: set[str] = set()

    def tested(self, arm: str, condition: str, target: str) -> dict[int, Tested] | None:
        """Return what each seed tested; None where row scores are not at hand."""
        if is_pattern(condition):
            known = sorted({place for _, place in self._recorded})
            places = matching(condition, known)
            return _averaged([self.tested(arm, place, target) for place in places])
        if target == ALL_TARGETS and not METRICS[self._metric].pooled:
            return self._mean(arm, condition)
        return self._read(arm, condition).get(target)

    def _mean_over_targets(self, arm: str, condition: str) -> dict[int, Tested] | None:
        """Return what each seed tested of the targets that it has a number of."""
        parts: list[dict[int, Tested]] = []
        for _, found in sorted(self._read(arm, condition).items()):
            if found is None:
                return None
            parts.append(found)
        seeds = sorted(set().union(*parts))
        of_seed = {seed: [part[seed] for part in parts if seed in part] for seed in seeds}
        return {seed: _over_targets(several) for seed, several in of_seed.items()} or None

    def _read_all(self, arm: str, condition: str) -> dict[str, dict[int, Tested] | None]:
        """Return by target what each seed tested, None where one has no row scores.

        The targets of a seed are read together: their predictions stand in one file.
        """
        found: dict[str, dict[int, Tested] | None] = {}
        metric = METRICS[self._metric]
        if metric.row_scores is None:
            return found
        for seed, by_target in self._recorded.get((arm, condition), {}).items():
            compared = cache(self._compared_in)
            for target, by_unit in by_target.items():
                if target == ALL_TARGETS and not metric.pooled:
                    continue
                tested, known = self._of_stage(by_unit, compared), found.setdefault(target, {})
                if tested is None:
                    self.unread.add(arm)
                    found[target] = None
                elif known is not None:
                    known[seed] = tested
        return found

    def _of_stage(
        self, by_unit: dict[bool, Record], compared_in: Callable[[str], _ByTarget]
    ) -> Tested | None:
        metric, own = METRICS[self._metric], by_unit.get(False)
        if metric.row_scores is None or own is None:
            return None
        ids, compared = compared_in(own.stage).get("" if metric.pooled else own.target, ([], ()))
        if not ids or not all(name in self._row_of for name in ids):
            return None
        if not math.isclose(metric.value(*compared), own.value, rel_tol=1e-4, abs_tol=1e-9):
            return None
        scores = np.asarray(metric.row_scores(*compared), dtype=np.float64)
        if scores.shape != (len(ids),) or not np.isfinite(scores).all():
            return None
        scale = by_unit[True].value / own.value if True in by_unit and own.value else 1.0
        numbers = np.array([self._row_of[name] for name in ids], dtype=np.int64)
        if metric.pooled:
            return _by_row(numbers, scores)
        order = np.argsort(numbers)
        return Tested(numbers[order], scale * scores[order])

    def _compared_in(self, stage: str) -> _ByTarget:
        """Read the tested rows of a stage; of a pooled metric, all targets under the empty name."""
        pooled, by_target = METRICS[self._metric].pooled, dict[str, list[dict[str, str]]]()
        for row in prediction_rows(self._stages / stage, TEST):
            by_target.setdefault("" if pooled else row["target"], []).append(row)
        return {
            target: (
                [row["id"] for row in rows],
                _compared(self._metric, rows, self._classes.get(target, ())),
            )
            for target, rows in by_target.items()
        }


def _by_row(numbers: Integers, scores: NDArray[np.float64]) -> Tested:
    """Return the scores of rows whose several pairs of row and label have these scores.

    The mean of all pairs is a ratio of sums over rows: a row's score is that mean, plus what its
    pairs differ from it in sum, over the mean number of pairs of a row.
    """
    mean = scores.mean()
    rows, place = np.unique(numbers, return_inverse=True)
    moved = np.bincount(place.reshape(-1), weights=scores - mean)
    return Tested(rows, mean + moved * len(rows) / len(scores))


def _over_targets(several: Sequence[Tested]) -> Tested:
    """Return the scores of rows under the mean over targets, each of which goes by its own rows.

    A row's score is the mean over targets; of a target that it lacks, of the target's own mean, and
    of one that it has, of that mean plus what the row differs from it, times all rows over those
    that have the target. So the mean over rows is the mean over targets, and its variance over rows
    is to first order that of a mean whose rows are drawn with their gaps.
    """
    first = several[0]
    if all(np.array_equal(t.rows, first.rows) for t in several):
        return Tested(first.rows, np.mean([t.scores for t in several], axis=0))
    rows = np.unique(np.concatenate([t.rows for t in several]))
    total = np.zeros(len(rows))
    for t in several:
        total += t.mean
        total[np.searchsorted(rows, t.rows)] += (t.scores - t.mean) * len(rows) / len(t.rows)
    return Tested(rows, total / len(several))


def _averaged(parts: Sequence[dict[int, Tested] | None]) -> dict[int, Tested] | None:
    """The mean, row by row, where all parts tested the same rows in the same seeds."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    found = {}
    for seed in sorted(set.intersection(*map(set, known))):
        several = [part[seed] for part in known]
        if not all(np.array_equal(t.rows, several[0].rows) for t in several):
            return None
        found[seed] = Tested(several[0].rows, np.mean([t.scores for t in several], axis=0))
    return found or None


def differences(first: dict[int, Tested], second: dict[int, Tested]) -> dict[int, Tested] | None:
    """Return, by common seed, a row's score of ``first`` minus that of ``second``.

    None where the two tested other rows under one seed.
    """
    found = {}
    for seed in sorted(set(first) & set(second)):
        mine, base = first[seed], second[seed]
        if not np.array_equal(mine.rows, base.rows):
            return None
        found[seed] = Tested(mine.rows, mine.scores - base.scores)
    return found


def _compared(metric: str, rows: list[dict[str, str]], classes: Sequence[str]) -> tuple[Any, ...]:
    """Return what ``Metric.value`` takes; ``classes`` are the names in the order of numbers."""
    task = METRICS[metric].task
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
