"""Row scores of finished stages: what every comparison and interval rests on."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nearfar.analysis.prediction_files import PredictionFiles, TestedRows
from nearfar.analysis.results import TEST
from nearfar.analysis.variance import Integers, Tested
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS
from nearfar.records import Record
from nearfar.records.conditions import is_pattern, matching


class RowScores(Protocol):
    """Where scores of tested rows come from: in z where the metric is recorded so."""

    n_rows: int
    groups: Integers | None
    """The group of every row, int64 (n_rows,); None where every row stands for itself."""

    @property
    def unread(self) -> Collection[str]:
        """Arms whose row scores were asked for and should be there, and are not."""

    def tested(
        self, arm: str, condition: str, target: str, metric: str = ""
    ) -> dict[int, Tested] | None:
        """Return what each seed tested, in the primary metric or a named one; None without it."""


_Recorded = dict[int, dict[str, dict[bool, Record]]]
"""Seed → target → whether in z → the record."""
_Scores = dict[str, dict[int, Tested] | None]
"""Target → seed → what it tested."""


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
        self._metric, self._files = metric, PredictionFiles(stages, ids, classes or {})
        self._recorded: dict[str, dict[tuple[str, str], _Recorded]] = {}
        for r in records:
            if r.split == TEST:
                arms = self._recorded.setdefault(r.metric, {})
                seeds = arms.setdefault((r.arm, r.condition), {})
                seeds.setdefault(r.seed, {}).setdefault(r.target, {})[r.unit == "z"] = r
        self._read = cache(self._read_primary)
        others = [name for name in self._recorded if name != metric]
        self._read_others = lru_cache(1)(partial(self._read_all, metrics=others))
        self.unread: set[str] = set()

    def tested(
        self, arm: str, condition: str, target: str, metric: str = ""
    ) -> dict[int, Tested] | None:
        """Return what each seed tested, in the primary metric or a named one; None without it."""
        metric = metric or self._metric
        if metric not in METRICS:
            return None
        if is_pattern(condition):
            known = sorted({place for _, place in self._recorded.get(metric, ())})
            places = matching(condition, known)
            return _averaged([self.tested(arm, place, target, metric) for place in places])
        read = self._read if metric == self._metric else self._read_others
        by_target = read(arm, condition).get(metric, {})
        if target == ALL_TARGETS and not METRICS[metric].pooled:
            recorded = self._recorded[metric].get((arm, condition), {})
            return _mean_over_targets(by_target, recorded)
        return by_target.get(target)

    def _read_primary(self, arm: str, condition: str) -> dict[str, _Scores]:
        found = self._read_all(arm, condition, [self._metric])
        if None in found.get(self._metric, {}).values():
            self.unread.add(arm)
        return found

    def _read_all(self, arm: str, condition: str, metrics: Collection[str]) -> dict[str, _Scores]:
        """Return by metric and target what each seed tested, None where one has no row scores.

        Seed by seed: a file is read once, for all metrics, and only scores are kept of it.
        """
        found: dict[str, _Scores] = {}
        recorded = {
            metric: self._recorded.get(metric, {}).get((arm, condition), {})
            for metric in metrics
            if metric in METRICS and METRICS[metric].row_scores is not None
        }
        for seed in sorted(set().union(*recorded.values())):
            opened = cache(self._files.read)
            for metric, by_seed in recorded.items():
                scores = found.setdefault(metric, {})
                for target, by_unit in by_seed.get(seed, {}).items():
                    if target == ALL_TARGETS and not METRICS[metric].pooled:
                        continue
                    known, tested = (
                        scores.setdefault(target, {}),
                        _of_stage(by_unit, metric, opened),
                    )
                    if tested is None:
                        scores[target] = None
                    elif known is not None:
                        known[seed] = tested
        return found


def _of_stage(
    by_unit: dict[bool, Record], name: str, opened: Callable[[str], TestedRows]
) -> Tested | None:
    metric, own = METRICS[name], by_unit.get(False)
    if metric.row_scores is None or own is None:
        return None
    rows, compared = opened(own.stage).of(own.target, metric)
    if not len(rows) or not math.isclose(
        metric.value(*compared), own.value, rel_tol=1e-4, abs_tol=1e-9
    ):
        return None
    scores = np.asarray(metric.row_scores(*compared), dtype=np.float64)
    if scores.shape != (len(rows),) or not np.isfinite(scores).all():
        return None
    scale = by_unit[True].value / own.value if True in by_unit and own.value else 1.0
    if metric.pooled:
        return _by_row(rows, scores)
    order = np.argsort(rows)
    return Tested(rows[order], scale * scores[order])


def _mean_over_targets(by_target: _Scores, recorded: _Recorded) -> dict[int, Tested] | None:
    """Return what each seed tested of the targets that it has a number of.

    There is nothing of a seed without a recorded mean, or whose mean the row scores do not give.
    """
    parts = [found for _, found in sorted(by_target.items()) if found is not None]
    if len(parts) < len(by_target):
        return None
    found = {}
    for seed in sorted(set().union(*parts)):
        means = recorded.get(seed, {}).get(ALL_TARGETS, {})
        record = means.get(True) or means.get(False)
        several = _over_targets([part[seed] for part in parts if seed in part])
        if record is not None and math.isclose(
            several.mean, record.value, rel_tol=1e-4, abs_tol=1e-9
        ):
            found[seed] = several
    return found or None


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
