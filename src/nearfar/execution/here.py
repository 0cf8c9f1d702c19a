"""Stages carried out in this process, while it listens to them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from nearfar.data import Dataset
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.worker import carry_out
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageStore

if TYPE_CHECKING:
    from nearfar.stages.run import Ranks

Happening = Started | Progress | Finished
PATIENCE = 10.0
"""Seconds that a thread has to leave compiled code once it is told to stop."""


def carried_out_here(
    bundle: Bundle,
    load: Callable[[], Dataset],
    store: StageStore,
    ranks: Ranks | None = None,
) -> Iterator[Happening]:
    """Run stages in a thread of this process, so that their progress can be yielded.

    ``ranks`` brings the processes of a stage that takes several devices.

    Closing the generator stops them wherever they are, as Ctrl-C stops a program, but in compiled
    code that does not return within ``PATIENCE``; what is trained keeps its checkpoint.
    """
    happened = _Happened()
    stop, over, ending = threading.Event(), threading.Event(), threading.Lock()

    def report(stage_hash: str, done: int, loss: float) -> None:
        happened.put(Progress(stage_hash, done, loss))

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    def work() -> None:
        with suppress(KeyboardInterrupt):
            try:
                for event in carry_out(bundle, load, store, report, pause, ranks):
                    happened.put(event)
            except KeyboardInterrupt:
                for step in bundle:
                    happened.put(Finished(step.hash, "interrupted"))
            with ending:
                over.set()

    thread = threading.Thread(target=work, daemon=True)
    unfinished = [step.hash for step in bundle]
    for stage_hash in unfinished:
        yield Started(stage_hash)
    thread.start()
    try:
        while unfinished:
            for event in happened.take():
                yield event
                if isinstance(event, Finished):
                    unfinished.remove(event.stage_hash)
    finally:
        stop.set()
        with ending:
            if unfinished and not over.is_set():
                _interrupt(thread)
        thread.join(timeout=PATIENCE)


class _Happened:
    """What a thread puts and another takes, in its order."""

    def __init__(self) -> None:
        self._events: list[Happening] = []
        self._arrived = threading.Condition()

    def put(self, event: Happening) -> None:
        """Add an event, and wake who waits for it."""
        with self._arrived:
            self._events.append(event)
            self._arrived.notify()

    def take(self) -> list[Happening]:
        """Return the events since the last time; wait a second for the first."""
        with self._arrived:
            self._arrived.wait_for(lambda: bool(self._events), timeout=1)
            ready = self._events[:]
            self._events.clear()
        return ready


def _interrupt(thread: threading.Thread) -> None:
    """Let a thread of this process have a KeyboardInterrupt at its next line of Python."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
    )
