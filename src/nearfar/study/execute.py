"""Carrying out a plan: in this process, or in a few local ones that die with it."""

import functools
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from pathlib import Path

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.errors import UserError
from nearfar.records.stages import StageBusy, StageStore
from nearfar.study.chain import Step
from nearfar.study.plan import Plan

REPORT_SECONDS = 0.2
BUSY_SECONDS = 0.5


@dataclass(frozen=True)
class Planned:
    """What is to be run is known: all of it, or what follows from the choices made so far."""

    plan: Plan
    missing: dict[str, Step]
    address: str = ""


@dataclass(frozen=True)
class Started:
    """A stage began."""

    address: str


@dataclass(frozen=True)
class Progress:
    """A stage has trained so many epochs or iterations, the last with this mean training loss."""

    address: str
    done: int
    loss: float


@dataclass(frozen=True)
class Finished:
    """A stage ended: ``error`` is empty, or one line; ``trace`` is the traceback."""

    address: str
    error: str = ""
    trace: str = ""


Event = Planned | Started | Progress | Finished


@dataclass(frozen=True)
class Source:
    """Where the data of a study are read from, by every process for itself."""

    options: DataOptions
    folder: Path

    def load(self) -> Dataset:
        """Read the data set."""
        return load_dataset(self.options, self.folder)


def execute(
    steps: dict[str, Step],
    source: Source,
    dataset: Dataset,
    store: StageStore,
    jobs: int,
    lost: Iterable[str] = (),
) -> Iterator[Event]:
    """Carry out ``steps`` in an order that respects what each needs; yield what happens.

    A stage whose need failed, or is among the ``lost``, is reported as failed without being tried.
    Closing the generator (Ctrl-C) stops the processes; stages at work keep their checkpoints.
    """
    waiting = {address: step for address, step in steps.items() if not store.is_done(address)}
    failed = set(lost)
    if min(jobs, len(waiting)) <= 1:
        for address, step in waiting.items():
            if step.needs in failed:
                failed.add(address)
                yield Finished(address, "its pre-training failed")
                continue
            for event in _here(step, lambda: dataset, store):
                if isinstance(event, Finished) and event.error:
                    failed.add(address)
                yield event
        return
    yield from _Pool(source, store, min(jobs, max(1, len(waiting)))).run(waiting, failed)


def carry_out(
    step: Step,
    load: Callable[[], Dataset],
    store: StageStore,
    report: Callable[[int, float], None],
    pause: Callable[[float], object] = time.sleep,
) -> Finished:
    """Run one stage with the threads that its study fixed; wait where another process is at it."""
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from nearfar.study.stage import run_stage

    threads = step.spec["environment"]["threads"]
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            while not store.is_done(step.hash):
                try:
                    run_stage(step.hash, step.spec, load(), store, report)
                except StageBusy:
                    pause(BUSY_SECONDS)
    except UserError as error:
        return Finished(step.hash, str(error), traceback.format_exc())
    except Exception as error:
        first_line = str(error).split("\n", 1)[0]
        reason = f"{type(error).__name__}: {first_line}"
        return Finished(step.hash, reason, traceback.format_exc())
    return Finished(step.hash)


def _here(step: Step, load: Callable[[], Dataset], store: StageStore) -> Iterator[Event]:
    """Run one stage in a thread of this process, so that its progress can be yielded."""
    events: list[Event] = []
    arrived = threading.Condition()
    stop = threading.Event()

    def put(event: Event) -> None:
        with arrived:
            events.append(event)
            arrived.notify()

    def report(done: int, loss: float) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        put(Progress(step.hash, done, loss))

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise KeyboardInterrupt

    def work() -> None:
        try:
            put(carry_out(step, load, store, report, pause))
        except KeyboardInterrupt:
            put(Finished(step.hash, "interrupted"))

    thread = threading.Thread(target=work, daemon=True)
    yield Started(step.hash)
    thread.start()
    try:
        while True:
            with arrived:
                arrived.wait_for(lambda: bool(events))
                ready = events[:]
                events.clear()
            for event in ready:
                yield event
                if isinstance(event, Finished):
                    return
    finally:
        stop.set()
        thread.join(timeout=60)


class _Pool:
    """Worker processes, each with a pipe; a stage goes to the first that is free."""

    def __init__(self, source: Source, store: StageStore, jobs: int) -> None:
        self.source, self.store = source, store
        self.context = get_context("spawn")
        self.processes: list[SpawnProcess] = []
        self.busy: dict[connection.Connection, str] = {}
        self.free = [self._start() for _ in range(jobs)]

    def _start(self) -> connection.Connection:
        """Start a worker, deaf to Ctrl-C from the first; return the pipe to it."""
        here, there = self.context.Pipe()
        arguments = (there, self.source, self.store)
        process = self.context.Process(target=_worker, args=arguments, daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        there.close()
        self.processes.append(process)
        return here

    def run(self, waiting: dict[str, Step], failed: set[str]) -> Iterator[Event]:
        """Give out stages whose needs are met, until none is left."""
        waiting = dict(waiting)
        try:
            while waiting or self.busy:
                yield from self._give_out(waiting, failed)
                for pipe in connection.wait(list(self.busy)) if self.busy else ():
                    assert isinstance(pipe, connection.Connection)
                    event = self._receive(pipe)
                    if isinstance(event, Finished) and event.error:
                        failed.add(event.address)
                    yield event
        finally:
            for process in self.processes:
                process.terminate()
            for process in self.processes:
                process.join()

    def _give_out(self, waiting: dict[str, Step], failed: set[str]) -> Iterator[Event]:
        for address, step in list(waiting.items()):
            if step.needs in failed:
                failed.add(address)
                del waiting[address]
                yield Finished(address, "its pre-training failed")
            elif self.free and step.needs not in {*waiting, *self.busy.values()}:
                del waiting[address]
                self._send(step)
                yield Started(address)

    def _send(self, step: Step) -> None:
        """Give a stage to a free worker, or to a new one where that one has died."""
        pipe = self.free.pop()
        try:
            pipe.send(step)
        except OSError:
            pipe.close()
            pipe = self._start()
            pipe.send(step)
        self.busy[pipe] = step.hash

    def _receive(self, pipe: connection.Connection) -> Event:
        """Return what a worker says; where it has died, its stage failed and another takes over."""
        try:
            event: Event = pipe.recv()
        except (EOFError, OSError):
            event = Finished(self.busy.pop(pipe), "its process died (out of memory?)")
            pipe.close()
            self.free.append(self._start())
            return event
        if isinstance(event, Finished):
            del self.busy[pipe]
            self.free.append(pipe)
        return event


def _worker(pipe: connection.Connection, source: Source, store: StageStore) -> None:
    """Carry out stages that come through ``pipe``; leave when the parent process is gone."""
    parent = parent_process()
    assert parent is not None

    def leave_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    load = functools.cache(source.load)
    while True:
        try:
            step: Step = pipe.recv()
        except EOFError:
            return
        last = time.monotonic()

        def report(done: int, loss: float, step: Step = step) -> None:
            nonlocal last
            if time.monotonic() - last > REPORT_SECONDS:
                last = time.monotonic()
                pipe.send(Progress(step.hash, done, loss))

        pipe.send(carry_out(step, load, store, report))
