"""Worker processes that carry out stages and die with this process."""

import functools
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing import Pipe, connection, parent_process
from multiprocessing.process import BaseProcess

from nearfar.execution import processes
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.executors.base import Happening, Lost
from nearfar.execution.worker import StudySource, carry_out
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageStore

REPORT_SECONDS = 0.2


class Pool:
    """Worker processes, each with a pipe; a bundle of stages goes to the first that is free."""

    retries = 0

    def __init__(self, source: StudySource, store: StageStore, jobs: int) -> None:
        self.source, self.store = source, store
        self.processes: list[BaseProcess] = []
        self.busy: dict[connection.Connection, list[str]] = {}
        self.begun: list[Happening] = []
        self.free = [self._start() for _ in range(jobs)]

    def _start(self) -> connection.Connection:
        """Start a worker; return the pipe to it."""
        here, there = Pipe()
        self.processes.append(processes.start(_worker, there, self.source, self.store))
        there.close()
        return here

    def has_room(self) -> bool:
        """Whether a worker is free."""
        return bool(self.free)

    def submit(self, bundle: Bundle) -> None:
        """Give stages to a free worker, or to a new one where that one has died."""
        pipe = self.free.pop()
        try:
            pipe.send(bundle)
        except OSError:
            pipe.close()
            pipe = self._start()
            pipe.send(bundle)
        self.busy[pipe] = [step.hash for step in bundle]
        self.begun += [Started(step.hash) for step in bundle]

    def wait(self) -> Sequence[Happening]:
        """Return what the workers say; wait where they say nothing."""
        if self.begun:
            begun, self.begun = self.begun, []
            return begun
        pipes = connection.wait(list(self.busy))
        assert all(isinstance(pipe, connection.Connection) for pipe in pipes)
        return [self._receive(pipe) for pipe in pipes]  # type: ignore[arg-type]

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()

    def _receive(self, pipe: connection.Connection) -> Happening:
        """Return what a worker says; where it died, its stages are lost, and another takes over."""
        try:
            event: Started | Progress | Finished = pipe.recv()
        except (EOFError, OSError):
            lost = self.busy.pop(pipe)
            pipe.close()
            self.free.append(self._start())
            return Lost(tuple(lost), "its process died (out of memory?)")
        if isinstance(event, Finished):
            self.busy[pipe].remove(event.stage_hash)
            if not self.busy[pipe]:
                del self.busy[pipe]
                self.free.append(pipe)
        return event


def _worker(pipe: connection.Connection, source: StudySource, store: StageStore) -> None:
    """Carry out what comes through ``pipe``; leave when the parent process is gone."""
    parent = parent_process()
    assert parent is not None

    def leave_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    refused = source.use_modules()
    load = functools.cache(source.load)
    while True:
        try:
            bundle: Bundle = pipe.recv()
        except EOFError:
            return
        last = time.monotonic()

        def report(stage_hash: str, done: int, loss: float) -> None:
            nonlocal last
            if time.monotonic() - last > REPORT_SECONDS:
                last = time.monotonic()
                pipe.send(Progress(stage_hash, done, loss))

        if refused:
            for step in bundle:
                pipe.send(Finished(step.hash, refused))
            continue
        for event in carry_out(bundle, load, store, report):
            pipe.send(event)
