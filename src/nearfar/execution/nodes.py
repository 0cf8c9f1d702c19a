"""Several machines that train one model: what the first tells the others, and what these say.

All have given the same command on one folder of runs; the first carries it out. They meet at its
address, in a store of torch.distributed: of each training it names the stage, in plain JSON; they
say when their ranks are ready for it, and how it ended. The ranks meet there too.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nearfar.errors import UserError, first_line
from nearfar.execution.companions import Companions, Meeting, heard
from nearfar.execution.prepared import Prepared
from nearfar.execution.where import Where
from nearfar.execution.worker import StudySource
from nearfar.plan.specs import StageSpec, from_plain
from nearfar.ranks.share import Rank
from nearfar.records.stages import StageStore

COMING = 600.0
"""Seconds that machines wait for each other at the beginning."""
SILENT = 60.0
"""A machine that has not been heard of for so many seconds is gone."""
LOOK = 0.1
_SEEN = 10.0
"""Seconds after which a file of another machine is seen on a disk that both share."""
PROMPT = timedelta(seconds=30)
FACTS = {
    "nearfar": "another version of nearfar",
    "torch": "another version of torch",
    "study": "another study, profile or setting",
    "data": "other data",
    "devices": "another --devices, --nodes or --device",
}
"""What has to be the same on all machines, and how it is told where it is not."""


def _facts(prepared: Prepared) -> dict[str, str]:
    environment, where = prepared.environment, prepared.where
    text = json.dumps(prepared.resolved.text, sort_keys=True, default=str)
    return {
        "nearfar": environment.nearfar,
        "torch": environment.torch,
        "study": hashlib.sha256(text.encode()).hexdigest(),
        "data": prepared.dataset.digest,
        "devices": f"{where.devices} x {where.nodes} {environment.device}",
    }


def _mark(store: StageStore) -> Path:
    """Return the file by which machines see that their folder of runs is one."""
    return store.root / ".nodes"


class Lead:
    """The first machine: gathers the others, tells them of trainings, hears how these went.

    Raises:
        UserError: its address cannot be taken, or others do not come or would train something else.
    """

    def __init__(self, prepared: Prepared) -> None:
        where = prepared.where
        self.nodes, self.devices, self.trainings = where.nodes, where.devices, 0
        self.host, self.port = _host_and_port(where)
        self.mark, self.gone = _mark(prepared.folder.store), ""
        self.store = self._opened()
        self.beats: dict[int, tuple[int, float]] = {}
        try:
            self._gather(_facts(prepared))
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _opened(self) -> Any:
        from torch._C._distributed_c10d import TCPStore
        from torch.distributed import DistError

        try:
            return TCPStore(
                self.host, self.port, is_master=True, timeout=PROMPT, wait_for_workers=False
            )
        except (DistError, RuntimeError) as error:
            raise UserError(
                f"--address {self.host}:{self.port}: cannot be taken ({first_line(error)}): name "
                "this machine as the others reach it, and a port that is free"
            ) from None

    def _gather(self, facts: dict[str, str]) -> None:
        token = secrets.token_hex(8)
        self.mark.parent.mkdir(parents=True, exist_ok=True)
        self.mark.write_text(token, encoding="utf-8")
        self.store.set("facts", json.dumps({**facts, "token": token}))
        waited = time.monotonic() + COMING
        for node in range(1, self.nodes):
            while not self.store.check([f"hello/{node}"]):
                if time.monotonic() > waited:
                    raise UserError(
                        f"--nodes {self.nodes}: machine {node} has not come within {COMING:.0f} "
                        f"seconds: give the same command there, with --node {node}"
                    )
                time.sleep(LOOK)
            if wrong := self.store.get(f"hello/{node}").decode():
                raise UserError(wrong)

    def _end(self) -> None:
        """Let the others go, and give them a moment to hear it."""
        self.store.set(f"training/{self.trainings}", "")
        until = time.monotonic() + 5.0
        for node in range(1, self.nodes):
            while not self.store.check([f"bye/{node}"]) and time.monotonic() < until:
                if not self.store.check([f"beat/{node}"]):
                    break  # it never came
                time.sleep(LOOK)
        self.mark.unlink(missing_ok=True)

    def called(self, spec: StageSpec, folder: Path) -> tuple[Meeting, Any]:
        """Tell the others of a training; return where its ranks meet, and the store there.

        Raises:
            RuntimeError: one of them is gone.
        """
        if self.gone:
            raise RuntimeError(self.gone)
        number = self.trainings
        self.trainings += 1
        place = str(folder.relative_to(self.mark.parent))
        self.store.set(f"training/{number}", json.dumps({"stage": spec.to_plain(), "in": place}))
        return _meeting(self.host, self.port, number), self.store

    def heard(self, what: str, seconds: float = float("inf")) -> str:
        """Return why a machine is not ``ready`` for a training, or its ranks have not ``ended``.

        Empty where all is well, or nothing was heard within these ``seconds``.
        """
        until = time.monotonic() + seconds
        for node in range(1, self.nodes):
            key = f"{what}/{self.trainings - 1}/{node}"
            while not self.store.check([key]):
                if time.monotonic() > until:
                    return ""
                if self._is_silent(node):
                    self.gone = f"machine {node} of --nodes {self.nodes} is gone"
                    return self.gone
                time.sleep(LOOK)
            if wrong := self.store.get(key).decode():
                return f"machine {node}: {wrong}"
        return ""

    def _is_silent(self, node: int) -> bool:
        beat, now = self.store.add(f"beat/{node}", 0), time.monotonic()
        if self.beats.get(node, (-1, 0.0))[0] != beat:
            self.beats[node] = beat, now
        return now - self.beats[node][1] > SILENT


def take_part(prepared: Prepared) -> tuple[int, bool]:
    """Be another machine than the first until that has ended.

    Returns:
        How many trainings it took part in, and whether the first ended as it should.

    Raises:
        UserError: the first is not there, or would train something else in another folder.
    """
    part = _Part(prepared, _joined(prepared.where))
    part.check(_facts(prepared))
    study = prepared.resolved
    read = (tuple(study.study.modules or ()), tuple(study.embedding_files))
    source = StudySource(study.study.data, study.folder, *read, tuple(study.weight_files))
    trained = 0
    with suppress(ConnectionError), part.beating(), Companions(source, part.stages) as companions:
        while told := part.waited(f"training/{trained}"):
            part.train(companions, trained, json.loads(told))
            trained += 1
        part.say("bye", "")
        return trained, True
    return trained, False


class _Part:
    """What another machine than the first says and hears; ConnectionError where that is gone."""

    def __init__(self, prepared: Prepared, store: Any) -> None:
        self.where, self.store, self.stages = prepared.where, store, prepared.folder.store

    def check(self, facts: dict[str, str]) -> None:
        """Compare what is to be trained with what the first machine has; tell it too.

        Raises:
            UserError: it is something else, or the folder of runs is another.
        """
        first = json.loads(self.waited("facts"))
        this = f"machine {self.where.node} of --nodes {self.where.nodes}"
        wrong = [line for key, line in FACTS.items() if facts[key] != first[key]]
        if wrong:
            said = f"{this} has {wrong[0]} than the first: give the same command on all"
        elif not self._sees(first["token"]):
            said = f"{this} has another --out than the first: name one on a disk that all share"
        else:
            said = ""
        with _connected():
            self.store.add(f"beat/{self.where.node}", 1)
        self.say("hello", said)
        if said:
            raise UserError(said)

    def _sees(self, token: str) -> bool:
        """Whether the mark of the first machine is in this one's folder, which may take a while."""
        mark, until = _mark(self.stages), time.monotonic() + _SEEN
        while time.monotonic() < until:
            with suppress(OSError):
                if mark.read_text(encoding="utf-8") == token:
                    return True
            time.sleep(LOOK)
        return False

    def train(self, companions: Companions, number: int, told: dict[str, Any]) -> None:
        """Take part in a training; what went wrong the first machine is told."""
        spec, folder = from_plain(told["stage"]), self.stages.root / told["in"]
        meeting = _meeting(*_host_and_port(self.where), number)
        devices = self.where.devices
        companions.begin(devices)
        companions.send(spec, folder, meeting, Rank(devices * self.where.node, self.where.ranks))
        for what in ("ready", "ended"):
            wrong = ""
            for process, pipe in companions.started:
                self._until(partial(_says_or_died, process, pipe))
                wrong = wrong or heard(pipe)
            self.say(f"{what}/{number}", wrong)
            if wrong:
                companions.close()
                return

    def waited(self, key: str) -> str:
        """Return what the first machine says under a key."""
        self._until(lambda: bool(self.store.check([key])))
        with _connected():
            said: str = self.store.get(key).decode()
        return said

    def say(self, what: str, said: str) -> None:
        """Tell the first machine."""
        with _connected():
            self.store.set(f"{what}/{self.where.node}", said)

    def _until(self, there: Callable[[], bool]) -> None:
        """Wait, as long as the first machine is there."""
        while True:
            with _connected():
                if there():
                    return
                self.store.check(["facts"])
            time.sleep(LOOK)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Within the context, let the first machine see that this one lives."""
        ended, store = threading.Event(), _joined(self.where)

        def beat() -> None:
            with suppress(ConnectionError), _connected():
                while not ended.wait(1.0):
                    store.add(f"beat/{self.where.node}", 1)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def _connected() -> Iterator[None]:
    """Tell by a ConnectionError that the first machine is gone."""
    from torch.distributed import DistError

    try:
        yield
    except DistError as error:
        raise ConnectionError(first_line(error)) from error


def _says_or_died(process: BaseProcess, pipe: Connection) -> bool:
    return pipe.poll() or not process.is_alive()


def _host_and_port(where: Where) -> tuple[str, int]:
    host, _, port = (where.address or "").rpartition(":")
    return host, int(port)


def _meeting(host: str, port: int, number: int) -> Meeting:
    return Meeting(host, port, f"ranks/{number}")


def _joined(where: Where) -> Any:
    """Return the first machine's store, which may have still to be opened."""
    from torch._C._distributed_c10d import TCPStore
    from torch.distributed import DistError

    host, port = _host_and_port(where)
    until = time.monotonic() + COMING
    while True:
        try:
            with socket.create_connection((host, port), timeout=5.0):
                pass  # torch would complain of each try
            return TCPStore(host, port, is_master=False, timeout=PROMPT, wait_for_workers=False)
        except (DistError, OSError) as error:
            if time.monotonic() > until:
                raise UserError(
                    f"--address {where.address}: the first machine does not answer "
                    f"({first_line(error)}): give the same command there, with --node 0"
                ) from None
        time.sleep(LOOK)
