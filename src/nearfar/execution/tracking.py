"""What trackers are told of a study while it runs: the events of the executor, made readable.

Curves and numbers are read from finished stages, so a run is told the same whether it was just
computed, resumed, or shared with another study.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from nearfar.execution.events import Event, Finished, Planned
from nearfar.execution.trackers import trackers_of
from nearfar.plan.plan import Cell, Plan
from nearfar.plan.specs import spec_of
from nearfar.records.stage_files import read_points
from nearfar.records.stages import StageStore
from nearfar.track import Background, Notice, TrackedRun, TrackedStage, run_name

if TYPE_CHECKING:
    from nearfar.execution.prepared import Prepared

PATIENCE = 30.0
"""Seconds to wait at the end of a study for a tracker from which nothing is heard."""

INTERRUPTED_SECONDS = 5.0
"""The same, for all trackers together, where the study was interrupted or broke."""


class Tracking:
    """Tells the trackers of a study what happens. Call it with every event."""

    def __init__(self, prepared: "Prepared", console: Console) -> None:
        self.prepared, self.begin = prepared, time.monotonic()
        self.ended = 0

        def warn(line: str) -> None:
            console.print(Text(line, style="yellow"), soft_wrap=True)

        chosen = trackers_of(prepared.resolved.study, prepared.folder.path)
        self.backgrounds = [Background(name, tracker, warn) for name, tracker in chosen.items()]

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._send_finished_runs()
        if self.ended or kind is not None:
            seconds = time.monotonic() - self.begin
            self._notify(partial(study_notice, self.prepared, kind, seconds, self.ended))
        for tracker in self.backgrounds:
            tracker.finish()
        end = time.monotonic() + INTERRUPTED_SECONDS
        for tracker in self.backgrounds:
            at_most = math.inf if kind is None else end - time.monotonic()
            tracker.wait(PATIENCE, at_most)

    def __call__(self, event: Event) -> None:
        """Pass on one event."""
        if isinstance(event, Planned):
            self._send_finished_runs()
        elif isinstance(event, Finished) and self.backgrounds:
            self.ended += 1
            self._notify(partial(stage_notice, self.prepared, event, self.ended))
            self._send_finished_runs(event.stage_hash)

    def _notify(self, make: Callable[[], Notice]) -> None:
        for tracker in self.backgrounds:
            if tracker.takes is Notice:
                tracker.put(make)

    def _send_finished_runs(self, stage_hash: str | None = None) -> None:
        """Send the runs that are whole: all, or those that ``stage_hash`` is a part of."""
        store = self.prepared.folder.store
        backgrounds = [tracker for tracker in self.backgrounds if tracker.takes is TrackedRun]
        for cell in self.prepared.plan.cells if backgrounds else ():
            ours = stage_hash is None or stage_hash in cell.chain
            if ours and all(store.is_done(stage) for stage in cell.chain):
                key = f"{cell.chain[-1]} {run_name(cell.arm, cell.seed, cell.place, cell.search)}"
                for tracker in backgrounds:
                    tracker.put(partial(read_run, self.prepared, cell), key)


def read_run(prepared: "Prepared", cell: Cell) -> TrackedRun:
    """Return an arm under one seed and condition, as its finished stages tell it."""
    study, plan = prepared.resolved.study, prepared.plan
    return TrackedRun(
        study=study.study,
        profile=study.profile,
        group=plan.arms[cell.arm].group,
        arm=cell.arm,
        seed=cell.seed,
        condition=cell.place,
        unit=prepared.dataset.unit,
        stages=[read_stage(plan, prepared.folder.store, stage_hash) for stage_hash in cell.chain],
        search=cell.search,
    )


def read_stage(plan: Plan, store: StageStore, stage_hash: str) -> TrackedStage:
    """Return a finished stage with its curves; a head that is solved has none."""
    outcome, curves = store.outcome(stage_hash), read_points(store.folder(stage_hash))
    assert outcome is not None
    epochs, counts, scale = [epoch for epoch, *_ in curves], "epoch", 1.0
    if any(not epoch.is_integer() for epoch in epochs):
        counts, scale = "iteration", int(outcome["steps"]) / max(epochs)
    points = [
        (round(epoch * scale), split, metric, value) for epoch, split, metric, value in curves
    ]
    spec = spec_of(stage_hash, store).to_plain()
    return TrackedStage(plan.steps[stage_hash].name, spec, outcome, counts, points)


def stage_notice(prepared: "Prepared", event: Finished, ended: int) -> Notice:
    """Return what is said of a stage that ended, as the ``ended``-th of this call."""
    study, plan = prepared.resolved.study, prepared.plan
    step, store = plan.steps[event.stage_hash], prepared.folder.store
    users = [cell for cell in plan.cells if event.stage_hash in cell.chain]
    arms = tuple(dict.fromkeys(cell.arm for cell in users))
    outcome: dict[str, Any] = {"status": "failed", "reason": event.error, "seconds": 0.0}
    if not event.error:
        outcome = store.read(event.stage_hash)["outcome"]
    status, seconds = str(outcome["status"]), float(outcome["seconds"])
    how = f"{status} in {seconds:.1f} s" if status == "done" else f"{status}: {outcome['reason']}"
    where = f"{step.name} for {', '.join(arms)} · seed {step.spec.seed}"
    return Notice(
        event="failed" if event.error else "stage done",
        study=study.study,
        profile=study.profile,
        arms=arms,
        stage=step.name,
        status=status,
        seconds=seconds,
        text=f"{study.study} ({study.profile}): {where} {how} ({ended} so far)",
    )


def study_notice(
    prepared: "Prepared", stopped: type[BaseException] | None, seconds: float, ended: int
) -> Notice:
    """Return what is said at the end: of a study that is done, or of one that stopped."""
    study, failures = prepared.resolved.study, len(prepared.failures)
    if stopped is not None:
        interrupted = issubclass(stopped, KeyboardInterrupt)
        status = "interrupted" if interrupted else f"stopped by {stopped.__name__}"
        outcome_text = "the same command goes on from here"
    else:
        status = f"{failures} stages failed" if failures else "done"
        outcome_text = str(prepared.folder.read_json("summary.json").get("answer", ""))
    done = f"{status} after {seconds:.0f} s, {ended} stages"
    return Notice(
        event="study done" if stopped is None else "failed",
        study=study.study,
        profile=study.profile,
        arms=tuple(prepared.plan.arms),
        stage="",
        status=status,
        seconds=round(seconds, 3),
        text=f"{study.study} ({study.profile}): {done}. {outcome_text}".strip(),
    )
