"""The processes beside this one that train a stage which takes several devices."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, Self

from nearfar.errors import UserError, first_line
from nearfar.execution import processes
from nearfar.execution.memory import keep_freed_memory
from nearfar.execution.worker import StudySource
from nearfar.extensions import FOREIGN_ERRORS
from nearfar.plan.specs import StageSpec
from nearfar.ranks.share import ALONE, Rank
from nearfar.records.stages import StageStore

HOST = "127.0.0.1"
PATIENCE = timedelta(hours=2)
"""How long a rank waits for another: rank 0 judges a round while the others wait."""
DIED = "a process of its devices died (out of memory?)"
GONE_SECONDS = 5.0
"""How long one waits for the reason why another rank is gone."""


@dataclass(frozen=True)
class Meeting:
    """Where the ranks of a training meet: a store, and what its keys begin with."""

    host: str
    port: int
    prefix: str = ""

    def keys(self, store: Any = None) -> Any:
        """Return the training's part of a ``store``; of the one at the address unless given."""
        from torch._C._distributed_c10d import PrefixStore, TCPStore

        if store is None:
            store = TCPStore(
                self.host, self.port, is_master=False, timeout=PATIENCE, wait_for_workers=False
            )
        return PrefixStore(self.prefix, store)


@dataclass(frozen=True)
class Training:
    """What a companion is sent: the stage, the folder it is carried out in, who meets where."""

    spec: StageSpec
    folder: Path
    rank: Rank
    meeting: Meeting


class Others(Protocol):
    """Other machines that take part in trainings; the ranks of this one are the first."""

    nodes: int

    def called(self, spec: StageSpec, folder: Path) -> tuple[Meeting, Any]:
        """Tell them of a training; return where its ranks meet, and the store there."""
        ...

    def heard(self, what: str, seconds: float = ...) -> str:
        """Return why one of them is not ``ready``, or failed where all have ``ended``; empty."""
        ...


class Companions:
    """The ranks after the first, started when a stage first asks for them; each has a pipe.

    They read the data once, and are ended with the context, or where a stage did not go well. Those
    of ``others`` are on other machines.
    """

    def __init__(
        self, source: StudySource, store: StageStore, others: Others | None = None
    ) -> None:
        self.source, self.store, self.others = source, store, others
        self.started: list[tuple[BaseProcess, Connection]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for process, pipe in self.started:
            process.terminate()
            pipe.close()
        for process, _ in self.started:
            process.join()
        self.started.clear()

    @contextmanager
    def training(self, spec: StageSpec, folder: Path) -> Iterator[Rank]:
        """Within the context, this process is rank 0 of those that train a stage.

        Raises:
            RuntimeError: a companion failed or died; the line says why.
        """
        count = spec.environment.devices
        if count == 1:
            yield ALONE
            return
        rank = Rank(0, count)
        try:
            with self._met(spec, folder, rank):
                yield rank
        except RuntimeError as error:
            if not _is_lost_connection(error):
                self.close()
                raise
            raise RuntimeError(self._reason() or first_line(error)) from error
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _met(self, spec: StageSpec, folder: Path, rank: Rank) -> Iterator[None]:
        nodes = 1 if self.others is None else self.others.nodes
        self.begin(rank.count // nodes - 1)
        meeting, keys = _met_here() if self.others is None else self.others.called(spec, folder)
        self.send(spec, folder, meeting, Rank(1, rank.count, 1))
        self._hear("ready")
        with _group(spec.environment.device, meeting.keys(keys), rank):
            yield
        self._hear("ended")

    def begin(self, count: int) -> None:
        """See that so many companions are there."""
        while len(self.started) < count:
            self.started.append(self._start())

    def send(self, spec: StageSpec, folder: Path, meeting: Meeting, first: Rank) -> None:
        """Let the companions be the ranks from ``first`` on."""
        for number, (_, pipe) in enumerate(self.started):
            rank = Rank(first.number + number, first.count, first.place + number)
            pipe.send(Training(spec, folder, rank, meeting))

    def _hear(self, what: str) -> None:
        """Wait until all are ready, or have ended.

        Raises:
            RuntimeError: one says why it is not, or does not.
        """
        for _, pipe in self.started:
            if wrong := heard(pipe):
                raise RuntimeError(wrong)
        if self.others is not None and (wrong := self.others.heard(what)):
            raise RuntimeError(wrong)

    def _start(self) -> tuple[BaseProcess, Connection]:
        here, there = Pipe()
        process = processes.start(_companion, there, self.source, self.store)
        there.close()
        return process, here

    def _reason(self) -> str:
        """Return what companions say or, of one that died, that; end them all."""
        found = ""
        for process, pipe in self.started:
            try:
                while not found and pipe.poll(GONE_SECONDS):
                    found = pipe.recv()
            except (EOFError, OSError):
                found = DIED  # also where its end is not to be seen yet
            if not found and not process.is_alive():
                found = DIED
        self.close()
        return found or ("" if self.others is None else self.others.heard("ended", GONE_SECONDS))


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error is what is seen of another rank that failed or died."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or "gloo/" in str(error)


def _met_here() -> tuple[Meeting, Any]:
    """Return a meeting of the ranks of this machine alone, and its store."""
    from torch._C._distributed_c10d import TCPStore

    store = TCPStore(HOST, 0, is_master=True, timeout=PATIENCE, wait_for_workers=False)
    return Meeting(HOST, store.port), store


def heard(pipe: Connection) -> str:
    """Return what a companion says: nothing where all is well."""
    try:
        said: str = pipe.recv()
    except (EOFError, OSError):
        return DIED
    return said


@contextmanager
def _group(device: str, keys: Any, rank: Rank) -> Iterator[None]:
    """Within the context, torch's default process group is that of the ranks."""
    import torch
    import torch.distributed as dist

    if device == "cuda":
        torch.cuda.set_device(rank.place)
    dist.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        store=keys,
        rank=rank.number,
        world_size=rank.count,
        timeout=PATIENCE,
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def _companion(pipe: Connection, source: StudySource, store: StageStore) -> None:
    """Take part in trainings that come through ``pipe``; leave when the parent process is gone.

    Before each and after each it says that all is well, by an empty line, or why not.
    """
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
            training: Training = pipe.recv()
        except EOFError:
            return
        try:
            if refused:
                raise UserError(refused)
            load()
            pipe.send("")
            _take_part(training, load(), store)
            pipe.send("")
        except (UserError, *FOREIGN_ERRORS) as error:
            pipe.send(first_line(error))
            return


def _take_part(training: Training, dataset: object, store: StageStore) -> None:
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from nearfar.stages.run import run_as_rank

    keep_freed_memory()
    spec, rank = training.spec, training.rank
    torch.set_num_threads(spec.threads)
    group = _group(spec.environment.device, training.meeting.keys(), rank)
    with threadpool_limits(spec.threads), group:
        run_as_rank(spec, dataset, store, training.folder, rank)  # type: ignore[arg-type]
