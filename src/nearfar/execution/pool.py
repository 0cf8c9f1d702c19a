"""Worker processes that carry out stages and die with this process."""

import functools
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from multiprocessing import Pipe, connection, parent_process
from multiprocessing.process import BaseProcess

from nearfar.execution import processes
from nearfar.execution.events import Event, Finished, Progress, Started
from nearfar.execution.worker import StudySource, carry_out, without_its_need
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageStore

REPORT_SECONDS = 0.2


class Pool:
    """Worker processes, each with a pipe; a bundle of stages goes to the first that is free.

    ``makes`` names the features that a stage, by its hash, makes of all rows unless they are
    there: while one makes them, no other begins that would make them too.
    """

    def __init__(
        self,
        source: StudySource,
        store: StageStore,
        jobs: int,
        makes: Mapping[str, str] | None = None,
    ) -> None:
        self.source, self.store, self.makes = source, store, makes or {}
        self.processes: list[BaseProcess] = []
        self.busy: dict[connection.Connection, list[str]] = {}
        self.free = [self._start() for _ in range(jobs)]

    def _start(self) -> connection.Connection:
        """Start a worker; return the pipe to it."""
        here, there = Pipe()
        self.processes.append(processes.start(_worker, there, self.source, self.store))
        there.close()
        return here

    def run(self, waiting: Iterable[Bundle], failed: set[str]) -> Iterator[Event]:
        """Give out bundles whose needs are met, until none is left."""
        queue = list(waiting)
        try:
            while queue or self.busy:
                yield from self._give_out(queue, failed)
                for pipe in connection.wait(list(self.busy)) if self.busy else ():
                    assert isinstance(pipe, connection.Connection)
                    for event in self._receive(pipe):
                        if isinstance(event, Finished) and event.error:
                            failed.add(event.stage_hash)
                        yield event
        finally:
            for process in self.processes:
                process.terminate()
            for process in self.processes:
                process.join()

    def _give_out(self, queue: list[Bundle], failed: set[str]) -> Iterator[Event]:
        to_come = {step.hash for bundle in queue for step in bundle}
        to_come |= {
            stage_hash for stage_hashes in self.busy.values() for stage_hash in stage_hashes
        }
        for bundle in queue[:]:
            if bundle[0].needs in failed:
                queue.remove(bundle)
                for event in without_its_need(bundle):
                    failed.add(event.stage_hash)
                    yield event
            elif self.free and bundle[0].needs not in to_come and not self._being_made(bundle):
                queue.remove(bundle)
                self._send(bundle)
                for step in bundle:
                    yield Started(step.hash)

    def _being_made(self, bundle: Bundle) -> bool:
        """Whether another worker is making what these stages would make too."""
        name = self.makes.get(bundle[0].hash, "")
        making = {self.makes.get(stage_hash) for some in self.busy.values() for stage_hash in some}
        return name != "" and name in making and not self.store.features.has(name)

    def _send(self, bundle: Bundle) -> None:
        """Give stages to a free worker, or to a new one where that one has died."""
        pipe = self.free.pop()
        try:
            pipe.send(bundle)
        except OSError:
            pipe.close()
            pipe = self._start()
            pipe.send(bundle)
        self.busy[pipe] = [step.hash for step in bundle]

    def _receive(self, pipe: connection.Connection) -> list[Event]:
        """Return what a worker says; where it died, its stages failed and another takes over."""
        try:
            event: Event = pipe.recv()
        except (EOFError, OSError):
            lost = self.busy.pop(pipe)
            pipe.close()
            self.free.append(self._start())
            return [
                Finished(stage_hash, "its process died (out of memory?)") for stage_hash in lost
            ]
        if isinstance(event, Finished):
            self.busy[pipe].remove(event.stage_hash)
            if not self.busy[pipe]:
                del self.busy[pipe]
                self.free.append(pipe)
        return [event]


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
