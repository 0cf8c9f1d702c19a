"""Bundles as jobs of a SLURM cluster whose machines share the run's disk, submitted by submitit.

Jobs work in the run's own folder, under its locks. A job that reaches its time limit is queued
again, and goes on from its checkpoint; so does whatever a command that was killed left running.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import submitit

from nearfar.errors import UserError, first_line, printable, tell
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.executors.base import Happening, Lost, Needs, NeedsOf
from nearfar.execution.executors.remote import misfit
from nearfar.execution.here import carried_out_here
from nearfar.execution.worker import StudySource
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageStore, forget_checks

CLUSTER = "slurm"
QUEUED = 1_000
"""Jobs in the queue at once, and in an array: more than SLURM takes by default."""
MINUTES = 240
"""The time limit of a job, unless ``SBATCH_TIMELIMIT`` says another; it is queued again then."""
WARNED_SECONDS = 90
REPORT_SECONDS = 5.0
POLL_SECONDS = 1.0
QUEUE_SECONDS = 15.0
"""Between two looks at the queue."""
LATE_SECONDS = 20.0
"""After a job left the queue, until what it told last must have arrived."""
VISIBLE_SECONDS = 120.0
"""How long a shared disk may take to show what another machine has written."""
_KINDS = {kind.__name__: kind for kind in (Started, Progress, Finished)}


@dataclass(frozen=True)
class Work:
    """What a job does: a bundle, and the file of lines in which it tells what happens."""

    bundle: Bundle
    source: StudySource
    store: StageStore
    told: Path

    def __call__(self) -> None:
        """Carry out the bundle; called once more where the job was queued again."""
        refused = misfit(self.bundle) or self.source.use_modules()
        if refused:
            for step in self.bundle:
                self._tell(Finished(step.hash, refused))
            return
        last = time.monotonic()
        load = functools.cache(self.source.load)
        # Beside the training, since submitit ends a job that is queued again by an exception here.
        for event in carried_out_here(self.bundle, load, self.store):
            if isinstance(event, Progress):
                if time.monotonic() - last < REPORT_SECONDS:
                    continue
                last = time.monotonic()
            self._tell(event)

    def checkpoint(self) -> Any:
        """Return what is queued in the place of a job that has to end: the same work."""
        return submitit.helpers.DelayedSubmission(self)

    def _tell(self, event: Started | Progress | Finished) -> None:
        line = json.dumps({"event": type(event).__name__, **asdict(event)})
        with self.told.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


@dataclass
class _Job:
    """A bundle in the queue: how much of its lines was read, and which stages have not ended."""

    work: Work
    job: Any = None
    read: int = 0
    left: set[str] = field(default_factory=set)
    began: set[str] = field(default_factory=set)
    gone: float | None = None
    """When it was first seen that it is in the queue no longer."""

    def is_over(self) -> bool:
        """Whether a job that is in no queue has ended; one on this machine is in none."""
        return CLUSTER != "local" or bool(self.job.done())


@contextlib.contextmanager
def slurm_queue(
    source: StudySource, store: StageStore, needs: NeedsOf, jobs: int | None
) -> Iterator[SlurmQueue]:
    """Give a queue; at the end nothing of this run is left in it.

    Args:
        source: where jobs read the data.
        store: where they leave stages, on a disk that all machines share.
        needs: what a bundle asks of a machine.
        jobs: how many run at once, None for as many as the cluster allows.
    """
    folder = store.root.parent.resolve() / "slurm" / time.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True, exist_ok=True)
    queue = SlurmQueue(source, StageStore(store.root.resolve()), needs, jobs, folder)
    try:
        yield queue
    finally:
        queue.close()
        if queue.failed:
            tell(f"{folder}: has what the jobs wrote, among it why some failed")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.parent.rmdir()


class SlurmQueue:
    """Submits bundles in arrays, and reads what their jobs tell."""

    retries = 3

    def __init__(
        self,
        source: StudySource,
        store: StageStore,
        needs: NeedsOf,
        jobs: int | None,
        folder: Path,
    ) -> None:
        self.source, self.store, self.needs, self.most = source, store, needs, jobs
        self.folder, self.failed = folder, False
        self.waiting: list[_Job] = []
        self.queued: list[_Job] = []
        self.number = 0
        self.asked = time.monotonic()

    def has_room(self) -> bool:
        """Whether another bundle may be queued."""
        return len(self.waiting) + len(self.queued) < (self.most or QUEUED)

    def submit(self, bundle: Bundle) -> None:
        """Take a bundle; those that are ready together become an array."""
        self.number += 1
        work = Work(bundle, self.source, self.store, self.folder / f"{self.number}.told")
        self.waiting.append(_Job(work, left={step.hash for step in bundle}))

    def wait(self) -> Sequence[Happening]:
        """Return what jobs told since; wait where they told nothing."""
        self._queue()
        while True:
            self._look_for_the_gone()
            happened = [event for job in self.queued for event in self._read(job)]
            self.queued = [job for job in self.queued if job.left]
            if happened:
                return happened
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Cancel what is queued or at work."""
        for job in self.queued:
            with contextlib.suppress(Exception):  # it may have ended by itself
                job.job.cancel()
        self.queued.clear()
        self.waiting.clear()

    def _queue(self) -> None:
        """Queue what waits: an array of each kind of machine that is asked for."""
        kinds: dict[Needs, list[_Job]] = {}
        for job in self.waiting:
            kinds.setdefault(self.needs(job.work.bundle), []).append(job)
        self.waiting.clear()
        for needs, jobs in kinds.items():
            executor = self._executor(needs)
            try:
                with executor.batch():
                    for job in jobs:
                        job.job = executor.submit(job.work)
            except (RuntimeError, OSError, ValueError, submitit.core.utils.FailedJobError) as error:
                raise UserError(
                    f"--executor slurm: SLURM does not take the jobs: {first_line(error)}; "
                    "SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT say where and how long"
                ) from error
            self.queued += jobs

    def _executor(self, needs: Needs) -> Any:
        executor = submitit.AutoExecutor(folder=self.folder, cluster=CLUSTER)
        executor.update_parameters(
            name="nearfar",
            timeout_min=MINUTES,
            cpus_per_task=needs.cores,
            mem_gb=max(1, -(-needs.memory // 2**30)),
            gpus_per_node=needs.gpus or None,
            slurm_array_parallelism=self.most or QUEUED,
            slurm_signal_delay_s=WARNED_SECONDS,
        )
        return executor

    def _read(self, job: _Job) -> Iterator[Happening]:
        """Yield what a job told since; where it ended without a word, that it is lost."""
        for event in _lines(job):
            if isinstance(event, Started):
                if event.stage_hash in job.began:  # queued again
                    continue
                job.began.add(event.stage_hash)
            if isinstance(event, Finished):
                if not event.error:
                    self._see(event.stage_hash)
                self.failed |= bool(event.error)
                job.left.discard(event.stage_hash)
            yield event
        if job.left and job.gone is not None and time.monotonic() - job.gone > LATE_SECONDS:
            lost, job.left = tuple(sorted(job.left)), set()
            self.failed = True
            yield Lost(lost, f"its job {job.job.job_id} ended before it{_last_words(job)}")

    def _look_for_the_gone(self) -> None:
        """Note, now and then, which jobs are no longer in the queue."""
        if time.monotonic() - self.asked < QUEUE_SECONDS:
            return
        self.asked = time.monotonic()
        there = _in_queue()
        for job in self.queued:
            if there is None or job.job.job_id in there or not job.is_over():
                job.gone = None
            elif job.gone is None:
                job.gone = time.monotonic()

    def _see(self, stage_hash: str) -> None:
        """Wait until this machine sees a finished stage."""
        end = time.monotonic() + VISIBLE_SECONDS
        while not self.store.is_done(stage_hash) and time.monotonic() < end:
            forget_checks()
            time.sleep(POLL_SECONDS)


def _in_queue() -> set[str] | None:
    """Return the jobs in the queue, None where SLURM does not answer. Needs no accounting."""
    if CLUSTER == "local":
        return set()
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return set(said.stdout.split())


def _last_words(job: _Job) -> str:
    """Return the last line that a job wrote to standard error, if there is one."""
    try:
        lines = Path(job.job.paths.stderr).read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    said = [printable(line.strip()) for line in lines if line.strip()]
    return f": {said[-1][:200]}" if said else ""


def _lines(job: _Job) -> Iterator[Started | Progress | Finished]:
    """Yield the events that a job has written in whole lines since it was last read."""
    try:
        with job.work.told.open("rb") as file:
            file.seek(job.read)
            text = file.read()
    except FileNotFoundError:
        return
    whole = text[: text.rfind(b"\n") + 1]
    job.read += len(whole)
    for line in whole.splitlines():
        plain = json.loads(line)
        kind = _KINDS[plain.pop("event")]
        yield kind(**plain)
