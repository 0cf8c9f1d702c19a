"""Stages carried out in this process, while it listens to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nearfar.data import Dataset
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.worker import carry_out
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageStore

if TYPE_CHECKING:
    from nearfar.stages.run import Ranks

Happening = Started | Progress | Finished


def carried_out_here(
    bundle: Bundle,
    load: Callable[[], Dataset],
    store: StageStore,
    ranks: Ranks | None = None,
) -> Iterator[Happening]:
    """Run stages in a thread of this process, so that their progress can be yielded.

    ``ranks`` brings the processes of a stage that takes several devices.

    Closing the generator stops them; what is trained keeps its checkpoint.
    """
    events: list[Happening] = []
    arrived = threading.Condition()
    stop = threading.Event()

    def put(event: Happening) -> None:
        with arrived:
            events.append(event)
            arrived.notify()

    def report(stage_hash: str, done: int, loss: float) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        put(Progress(stage_hash, done, loss))

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise KeyboardInterrupt

    def work() -> None:
        try:
            for event in carry_out(bundle, load, store, report, pause, ranks):
                put(event)
        except KeyboardInterrupt:
            for step in bundle:
                put(Finished(step.hash, "interrupted"))

    thread = threading.Thread(target=work, daemon=True)
    unfinished = [step.hash for step in bundle]
    for stage_hash in unfinished:
        yield Started(stage_hash)
    thread.start()
    try:
        while unfinished:
            with arrived:
                arrived.wait_for(lambda: bool(events), timeout=1)
                ready = events[:]
                events.clear()
            for event in ready:
                yield event
                if isinstance(event, Finished):
                    unfinished.remove(event.stage_hash)
    finally:
        stop.set()
        thread.join(timeout=60)
