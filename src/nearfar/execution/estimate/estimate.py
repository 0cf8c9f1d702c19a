"""What a study takes on this machine, from rehearsals of its distinct stages."""

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from nearfar.data import Images, Split, conditioned, split_rows
from nearfar.data.shown import MOST_ROWS
from nearfar.execution import processes
from nearfar.execution.estimate.cases import LARGER, Case, case_key, cases_of
from nearfar.execution.estimate.clock import Clock
from nearfar.execution.estimate.growth import Took, taken
from nearfar.execution.estimate.known import Fixed, Known
from nearfar.execution.estimate.rehearsal import Stand
from nearfar.execution.estimate.schedule import Work, crowded, makespan, slowed, strain
from nearfar.execution.prepared import Prepared
from nearfar.extensions import FOREIGN_ERRORS
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle, bundled
from nearfar.stages.features import expensive_features

BUDGET = 15.0
"""Seconds after which no more is rehearsed."""
FIRST_ROWS, FIRST_IMAGES = 48, 16
"""Rows of the first rehearsal."""
IMPORTS = 3.0
"""Seconds until a process has imported what stages need; workers do so at the same time."""
PAGE = 1.5
"""Seconds of records, statistics and page, without maps of features."""

MAPPED = 200
"""Rows of the map of features that is timed."""
Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Estimate:
    """What is missing of a study will take.

    ``seconds`` pass on this machine as busy as it is now, ``strain`` times as many as on an idle
    one; None where no stage could be rehearsed. ``rehearsed`` of ``kinds`` of stage were measured,
    the others are taken to be like these. ``bytes`` come onto the disk. ``once`` and ``each`` are
    the seconds on an idle machine of what trainings share, and of what each has of its own.
    """

    seconds: float | None
    strain: float
    rehearsed: int
    kinds: int
    bytes: float
    once: float = 0.0
    each: float = 0.0


def estimate(
    prepared: Prepared, jobs: int, embed: Embed, budget: float = BUDGET, *, whole: bool = False
) -> Estimate:
    """Return what is missing of a study will take in ``jobs`` processes, or the ``whole`` of it.

    ``embed`` makes the page's map of features (n, d), one of each arm. Distinct stages are
    rehearsed for about ``budget`` seconds; what is known from before is not rehearsed again.
    """
    return estimate_each([prepared], jobs, embed, budget, whole=whole)[0]


def estimate_each(
    studies: Sequence[Prepared],
    jobs: int,
    embed: Embed,
    budget: float = BUDGET,
    *,
    whole: bool = False,
) -> list[Estimate]:
    """Return estimates of several studies, whose equal stages are rehearsed once.

    They share a data set.
    """
    known = Known()
    planned = [Missing(prepared, whole=whole) for prepared in studies]
    cases: dict[str, Case] = {}
    for missing in planned:
        for key, case in missing.cases.items():
            cases.setdefault(key, case)
    for key, case in cases.items():
        case.measured = known.measured(key)
        case.cold = not case.measured
    before = {key: list(case.measured) for key, case in cases.items()}
    if any(missing.bundles for missing in planned):
        processes.import_here()
        _rehearse(planned, cases, Clock(budget))
    fixed = known.fixed or Fixed(crowded(), _map_seconds(embed))
    known.keep({key: case.measured for key, case in cases.items()}, fixed)
    now = [m.strain for key, c in cases.items() for m in c.measured if m not in before[key]]
    busy = median(now) if now else strain()
    return [missing.estimate(cases, jobs, busy, fixed) for missing in planned]


class Missing:
    """The stages that a study still lacks, or all, and how many rows each of them has."""

    def __init__(self, prepared: Prepared, *, whole: bool = False) -> None:
        self.prepared, self.dataset = prepared, prepared.dataset
        self.steps = prepared.guess().steps
        store = prepared.folder.store
        missing = [step for a, step in self.steps.items() if whole or not store.is_done(a)]
        self.bundles = bundled(missing)
        self.cases = cases_of(self.bundles, self.steps, self.dataset.digest)
        self._splits: dict[str, Split] = {}

    def whole_split(self) -> Split:
        """Return how all rows are divided in the first training."""
        data = self.bundles[0][0].spec.data
        return split_rows(self.dataset, data.split, data.split_seed or 0)

    def split_of(self, step: Step) -> Split:
        """Return a split with as many rows in each part as the stage has, under its conditions."""
        data = step.spec.data
        key = repr((data.split, data.conditions))
        if key not in self._splits:
            split = split_rows(self.dataset, data.split, data.split_seed or 0)
            found = conditioned(self.dataset, split, data.conditions, step.spec.seed)
            self._splits[key] = found[1]
        return self._splits[key]

    def estimate(self, cases: dict[str, Case], jobs: int, busy: float, fixed: Fixed) -> Estimate:
        """Return what all of it takes, from what was measured."""
        took = self._taken(cases)
        mine = [cases[key] for key in self.cases]
        known = sum(bool(case.measured) for case in mine)
        if took is None:
            return Estimate(None, busy, known, len(mine), 0.0)
        works, workers = self._works(took), max(min(jobs, len(self.bundles)), 1)
        threads = max((b[0].spec.threads for b in self.bundles), default=1)
        crowd = slowed(workers, threads, fixed.crowded) if self.prepared.device == "cpu" else 1.0
        begin = IMPORTS + self.prepared.loading / busy * (1 + (workers > 1))
        arms = len(self.prepared.plan.arms)
        rows = min(len(self.dataset), MOST_ROWS)
        page = PAGE + arms * fixed.map_seconds * rows / 2
        seconds = (makespan(works, workers) * crowd + begin + page) * busy
        size = sum(one.bytes for one in took)
        once, each = self._divided(took, crowd / workers)
        return Estimate(seconds, busy, known, len(mine), size, once + page, each)

    def _taken(self, cases: dict[str, Case]) -> list[Took] | None:
        """Return what each bundle takes, those unlike any that was rehearsed like the mean."""
        found: list[Took | None] = []
        for bundle in self.bundles:
            case = cases[case_key(bundle, self.steps, self.dataset.digest)]
            splits = [self.split_of(step) for step in bundle]
            found.append(taken(case.measured, bundle, splits) if case.measured else None)
        known = [(b, t) for b, t in zip(self.bundles, found, strict=True) if t is not None]
        if self.bundles and not known:
            return None
        return [
            self._like(bundle, known) if one is None else one
            for bundle, one in zip(self.bundles, found, strict=True)
        ]

    def _like(self, bundle: Bundle, known: Sequence[tuple[Bundle, Took]]) -> Took:
        """Return what a bundle takes if it is like those of its kind, by its epochs."""
        kind = type(bundle[0].spec)
        alike = [(b, t) for b, t in known if isinstance(b[0].spec, kind)] or known
        rows = len(self.dataset)
        each = [(t.seconds / _weight(b, rows), t.bytes / len(b)) for b, t in alike]
        seconds, size = fmean(s for s, _ in each), fmean(b for _, b in each)
        return Took(seconds * _weight(bundle, rows), {}, size * len(bundle))

    def _works(self, took: Sequence[Took]) -> list[Work]:
        """Return the bundles as works, and features that several of them use as one each."""
        store = self.prepared.folder.store
        home = {step.hash: bundle[0].hash for bundle in self.bundles for step in bundle}
        asked = {
            b[0].hash: expensive_features(b[0].spec, self.dataset.inputs, store)
            for b in self.bundles
        }
        shared = {name: s for one in took for name, s in one.features.items()}
        shared = {name: s for name, s in shared.items() if name in asked.values()}
        works = [Work(n, s) for n, s in shared.items() if not store.features.has(n)]
        for bundle, one in zip(self.bundles, took, strict=True):
            own = sum(s for name, s in one.features.items() if name not in shared)
            needs = {home.get(bundle[0].needs or "", ""), asked[bundle[0].hash]} - {""}
            works.append(Work(bundle[0].hash, one.seconds + own, frozenset(needs)))
        return works

    def _divided(self, took: Sequence[Took], factor: float) -> tuple[float, float]:
        """Return the seconds of stages that trainings share, and of the others for each."""
        users: dict[str, set[int]] = {}
        for cell in self.prepared.guess().cells:
            for stage_hash in cell.chain:
                users.setdefault(stage_hash, set()).add(cell.seed)
        once = each = 0.0
        for bundle, one in zip(self.bundles, took, strict=True):
            seconds = (one.seconds + sum(one.features.values())) * factor
            several = all(len(users.get(step.hash, ())) > 1 for step in bundle)
            once, each = (once + seconds, each) if several else (once, each + seconds)
        return once, each / max(len(self.prepared.resolved.seeds), 1)


def _weight(bundle: Bundle, rows: int) -> float:
    return fmean(step.epochs_over(rows) + 1 for step in bundle)


def _rehearse(planned: Sequence[Missing], cases: dict[str, Case], clock: Clock) -> None:
    """Rehearse on more and more rows what is not known well enough, until the time is over."""
    first = next(missing for missing in planned if missing.bundles)
    dataset, split = first.dataset, first.whole_split()
    steps = {a: step for missing in planned for a, step in missing.steps.items()}
    rows = FIRST_IMAGES if isinstance(dataset.inputs, Images) else FIRST_ROWS
    sizes = [rows, rows]
    while sizes[-1] < len(dataset):
        sizes.append(min(sizes[-1] * LARGER, len(dataset)))
    with tempfile.TemporaryDirectory(prefix="nearfar-") as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for level, size in enumerate(sizes):
            waiting = [c for c in cases.values() if c.wants(size, len(dataset))]
            if waiting:
                stand = Stand(dataset, split, size, steps, Path(place) / str(level))
                _level(stand, waiting, size, clock)


def _level(stand: Stand, waiting: Sequence[Case], size: int, clock: Clock) -> None:
    """Rehearse on so many rows what there is time for; the most costly may take the most."""
    for place, case in enumerate(waiting):
        left = clock.left
        if left <= 0:
            return
        share = left / (len(waiting) - place)
        if case.expected(size) > max(2 * share, 0.25 * left) and case.measured:
            continue
        try:
            found = stand.rehearse(case.first, clock)
        except FOREIGN_ERRORS as error:
            case.failed = str(error)
            continue
        case.add(found)


def _map_seconds(embed: Embed) -> float:
    """Return the seconds that a map of features takes for each row."""
    features = np.random.default_rng(0).normal(size=(MAPPED, 32)).astype(np.float32)
    embed(features)
    begin = time.process_time()
    embed(features)
    return (time.process_time() - begin) / MAPPED
