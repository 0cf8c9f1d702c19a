"""Carrying out a plan: in this process, or in a few local ones that die with it."""

import threading
from collections.abc import Callable, Iterable, Iterator

from nearfar.data import Dataset
from nearfar.execution.events import Event, Finished, Progress, Started
from nearfar.execution.worker import StudySource, carry_out, without_its_need
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle, bundled
from nearfar.records.stages import StageStore


def execute(
    steps: dict[str, Step],
    source: StudySource,
    dataset: Dataset,
    store: StageStore,
    jobs: int,
    lost: Iterable[str] = (),
) -> Iterator[Event]:
    """Carry out ``steps`` in an order that respects what each needs; yield what happens.

    A stage whose need failed, or is among the ``lost``, is reported as failed without being tried.
    Closing the generator (Ctrl-C) stops the processes; stages at work keep their checkpoints.
    """
    store.publish_rest(steps)
    waiting = bundled(step for stage_hash, step in steps.items() if not store.is_done(stage_hash))
    failed = set(lost)
    workers = min(jobs, len(waiting))
    if workers > 1:
        from nearfar.execution.pool import Pool
        from nearfar.stages.features import expensive_features

        first = (bundle[0] for bundle in waiting)
        makes = {step.hash: expensive_features(step.spec, dataset.inputs, store) for step in first}
        yield from Pool(source, store, workers, makes).run(waiting, failed)
        return
    for bundle in waiting:
        events = _here(bundle, lambda: dataset, store)
        for event in without_its_need(bundle) if bundle[0].needs in failed else events:
            if isinstance(event, Finished) and event.error:
                failed.add(event.stage_hash)
            yield event


def _here(bundle: Bundle, load: Callable[[], Dataset], store: StageStore) -> Iterator[Event]:
    """Run stages in a thread of this process, so that their progress can be yielded."""
    events: list[Event] = []
    arrived = threading.Condition()
    stop = threading.Event()

    def put(event: Event) -> None:
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
            for event in carry_out(bundle, load, store, report, pause):
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
                arrived.wait_for(lambda: bool(events))
                ready = events[:]
                events.clear()
            for event in ready:
                yield event
                if isinstance(event, Finished):
                    unfinished.remove(event.stage_hash)
    finally:
        stop.set()
        thread.join(timeout=60)
