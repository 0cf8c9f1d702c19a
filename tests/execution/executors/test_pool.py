"""Who gets which stage when, and what happens to the rest when a worker raises or dies."""

import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import Pipe, connection
from pathlib import Path
from typing import Any

import pytest
from small_study import pretrain_spec

from nearfar.execution.events import Event, Finished, Progress, Started
from nearfar.execution.executors.dispatch import dispatched
from nearfar.execution.executors.local import Pool
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle
from nearfar.plan.specs import Named
from nearfar.records.stages import StageStore


class ThreadPool(Pool):
    """The pool with threads in the place of processes; a step's name says what its worker does."""

    def __init__(
        self, jobs: int, makes: Mapping[str, str] | None = None, root: Path = Path("nowhere")
    ) -> None:
        self.makes = makes or {}
        self.started = 0
        self.at_work: set[str] = set()
        self.together = 0
        self.leaving: list[threading.Event] = []
        super().__init__(None, StageStore(root), jobs)  # type: ignore[arg-type]

    def _start(self) -> connection.Connection:
        here, there = Pipe()
        self.started += 1
        threading.Thread(target=self.serve, args=(there,), daemon=True).start()
        return here

    def submit(self, bundle: Bundle) -> None:
        for gone in self.leaving:
            assert gone.wait(60)
        super().submit(bundle)

    def serve(self, pipe: connection.Connection) -> None:
        while True:
            try:
                bundle: Bundle = pipe.recv()
            except EOFError:
                return
            step = bundle[0]
            self.at_work.add(step.hash)
            self.together = max(self.together, len(self.at_work))
            pipe.send(Progress(step.hash, 1, 0.5))
            self.at_work.discard(step.hash)
            if step.name == "dies":
                pipe.close()
                return
            error = "planted" if step.name == "raises" else ""
            gone = threading.Event()
            if step.name == "dies after":
                self.leaving.append(gone)
            for member in bundle:
                pipe.send(Finished(member.hash, error, error and "Traceback"))
            if step.name == "dies after":
                pipe.close()
                gone.set()
                return


SPEC = pretrain_spec(Named("mlp", {}))


def steps(**given: tuple[str, str | None]) -> list[Bundle]:
    """hash=(what its worker does, the hash that it needs), each stage alone."""
    return [(Step(does, SPEC, stage_hash, needs),) for stage_hash, (does, needs) in given.items()]


def dispatch(pool: ThreadPool, given: list[Bundle], failed: set[str]) -> Iterator[Event]:
    return dispatched(pool, given, pool.store, failed=failed, makes=pool.makes)


def run(pool: ThreadPool, given: list[Bundle], failed: set[str] | None = None) -> list[Event]:
    found: list[Event] = []
    finished = threading.Event()

    def work() -> None:
        found.extend(dispatch(pool, given, failed or set()))
        finished.set()

    threading.Thread(target=work, daemon=True).start()
    assert finished.wait(60), f"does not come to an end: {found}"
    return found


def errors(events: list[Event]) -> dict[str, str]:
    return {event.stage_hash: event.error for event in events if isinstance(event, Finished)}


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_stage_runs_once_and_after_what_it_needs(jobs: int) -> None:
    given = steps(a=("ok", None), b=("ok", "a"), c=("ok", "b"), d=("ok", None), e=("ok", "a"))
    events = run(ThreadPool(jobs), given)
    assert errors(events) == dict.fromkeys("abcde", "")
    order = [(type(event), event.stage_hash) for event in events]
    for (step,) in given:
        stage_hash = step.hash
        assert order.count((Started, stage_hash)) == 1
        assert order.index((Started, stage_hash)) < order.index((Progress, stage_hash))
        assert order.index((Progress, stage_hash)) < order.index((Finished, stage_hash))
        if step.needs:
            assert order.index((Finished, step.needs)) < order.index((Started, stage_hash))


def test_what_is_already_there_is_not_waited_for() -> None:
    assert errors(run(ThreadPool(2), steps(b=("ok", "a")))) == {"b": ""}


def test_no_more_stages_are_at_work_than_there_are_workers() -> None:
    pool = ThreadPool(2)
    run(pool, steps(**{f"s{i}": ("ok", None) for i in range(30)}))
    assert pool.together <= 2
    assert pool.started == 2


@pytest.mark.parametrize("how", ["raises", "dies"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_takes_its_dependents_along_and_no_others(how: str, jobs: int) -> None:
    given = steps(
        a=(how, None), b=("ok", "a"), c=("ok", "b"), d=("ok", None), e=("ok", "d"), f=("ok", None)
    )
    events = run(ThreadPool(jobs), given)
    reason = {"raises": "planted", "dies": "its process died (out of memory?)"}[how]
    needs = "its pre-training failed"
    assert errors(events) == {"a": reason, "b": needs, "c": needs, "d": "", "e": "", "f": ""}
    assert {e.stage_hash for e in events if isinstance(e, Started)} == {"a", "d", "e", "f"}


@pytest.mark.parametrize("how", ["raises", "dies"])
def test_it_ends_where_the_last_stages_stand_on_a_failed_one(how: str) -> None:
    given = steps(a=(how, None), b=("ok", "a"), c=("ok", "b"))
    assert set(errors(run(ThreadPool(2), given))) == set("abc")


def test_stages_that_all_kill_their_workers_all_fail() -> None:
    pool = ThreadPool(2)
    events = run(pool, steps(**{f"s{i}": ("dies", None) for i in range(6)}))
    assert set(errors(events).values()) == {"its process died (out of memory?)"}
    assert len(errors(events)) == 6


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_worker_that_died_idle_is_replaced(jobs: int) -> None:
    given = steps(a=("dies after", None), b=("dies after", "a"), c=("ok", "b"), d=("ok", "c"))
    assert errors(run(ThreadPool(jobs), given)) == dict.fromkeys("abcd", "")


@pytest.mark.parametrize("how", ["ok", "raises", "dies"])
def test_who_would_make_what_another_makes_comes_later(how: str, tmp_path: Path) -> None:
    given = steps(a=(how, None), b=("ok", None), c=("ok", None), d=("ok", None))
    makes = {"a": "descriptors", "b": "descriptors", "c": "prints"}
    events = run(ThreadPool(2, makes, root=tmp_path / "stages"), given)
    order = [(type(event), event.stage_hash) for event in events]
    assert order[:2] == [(Started, "a"), (Started, "c")]
    assert order.index((Finished, "a")) < order.index((Started, "b"))
    assert {stage_hash for kind, stage_hash in order if kind is Finished} == set("abcd")


def test_what_is_made_holds_nobody_back(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    for ending in ("npy", "json"):
        (tmp_path / f"features/descriptors.{ending}").touch()
    given = steps(a=("ok", None), b=("ok", None))
    pool = ThreadPool(2, {"a": "descriptors", "b": "descriptors"}, root=tmp_path / "stages")
    assert [event.stage_hash for event in run(pool, given)[:2]] == ["a", "b"]


def test_nothing_to_do() -> None:
    assert run(ThreadPool(2), []) == []


@pytest.mark.parametrize("how", ["ok", "raises", "dies"])
def test_a_bundle_has_one_worker_and_ends_as_one(how: str) -> None:
    (first,), (second,), (third,) = steps(a=(how, None), b=(how, None), c=("ok", "b"))
    pool = ThreadPool(3)
    found = errors(run(pool, [(first, second), (third,)]))
    assert pool.together == 1
    assert [bool(found[stage_hash]) for stage_hash in "abc"] == [how != "ok"] * 3


class Stopped(ThreadPool):
    """Remembers that its processes were stopped."""

    class Process:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def __getattr__(self, name: str) -> Callable[[], Any]:
            return lambda: self.calls.append(name)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_closing_it_stops_the_processes(after: int) -> None:
    pool = Stopped(1)
    process = Stopped.Process()
    pool.processes.append(process)  # type: ignore[arg-type]
    events = dispatch(pool, steps(a=("ok", None), b=("ok", None)), set())
    for _ in range(after):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert process.calls == ["terminate", "join"]
