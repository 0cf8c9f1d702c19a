"""Carrying out a plan: in this process, or in a few local ones that die with it."""

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.errors import UserError
from nearfar.records.stages import StageBusy, StageStore
from nearfar.study.bundles import Bundle, bundled
from nearfar.study.chain import Step
from nearfar.study.plan import Plan

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
    store.publish_rest(steps)
    waiting = bundled(step for address, step in steps.items() if not store.is_done(address))
    failed = set(lost)
    workers = min(jobs, len(waiting))
    if workers > 1:
        from nearfar.study.features import dear_features
        from nearfar.study.pool import Pool

        first = (bundle[0] for bundle in waiting)
        makes = {step.hash: dear_features(step.spec, dataset.inputs, store) for step in first}
        yield from Pool(source, store, workers, makes).run(waiting, failed)
        return
    for bundle in waiting:
        events = _here(bundle, lambda: dataset, store)
        for event in without_its_need(bundle) if bundle[0].needs in failed else events:
            if isinstance(event, Finished) and event.error:
                failed.add(event.address)
            yield event


def without_its_need(bundle: Bundle) -> Iterator[Finished]:
    """Yield how stages end whose pre-training failed."""
    return (Finished(step.hash, "its pre-training failed") for step in bundle)


def carry_out(
    bundle: Bundle,
    load: Callable[[], Dataset],
    store: StageStore,
    report: Callable[[str, int, float], None],
    pause: Callable[[float], object] = time.sleep,
) -> list[Finished]:
    """Run stages with the threads that their study fixed; wait where another process is at one.

    ``report`` is told address, epochs or iterations done, and loss. Stages that cannot be run as
    one computation are run one by one.
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = bundle[0].spec["environment"]["threads"]
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        ended = _run(bundle, load, store, report, pause)
        if ended.error and len(bundle) > 1:
            return [
                replace(_run((step,), load, store, report, pause), address=step.hash)
                for step in bundle
            ]
    return [replace(ended, address=step.hash) for step in bundle]


def _run(
    bundle: Bundle,
    load: Callable[[], Dataset],
    store: StageStore,
    report: Callable[[str, int, float], None],
    pause: Callable[[float], object],
) -> Finished:
    """Run stages as one computation; return how that ended, without an address."""
    from nearfar.study import stage

    try:
        while missing := {s.hash: s.spec for s in bundle if not store.is_done(s.hash)}:
            try:
                stage.run_stages(missing, load(), store, report)
            except StageBusy:
                pause(BUSY_SECONDS)
    except UserError as error:
        return Finished("", str(error), traceback.format_exc())
    except Exception as error:
        first_line = str(error).split("\n", 1)[0]
        return Finished("", f"{type(error).__name__}: {first_line}", traceback.format_exc())
    return Finished("")


def _here(bundle: Bundle, load: Callable[[], Dataset], store: StageStore) -> Iterator[Event]:
    """Run stages in a thread of this process, so that their progress can be yielded."""
    events: list[Event] = []
    arrived = threading.Condition()
    stop = threading.Event()

    def put(event: Event) -> None:
        with arrived:
            events.append(event)
            arrived.notify()

    def report(address: str, done: int, loss: float) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        put(Progress(address, done, loss))

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
    for address in unfinished:
        yield Started(address)
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
                    unfinished.remove(event.address)
    finally:
        stop.set()
        thread.join(timeout=60)
