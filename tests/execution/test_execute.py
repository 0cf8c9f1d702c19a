"""Carrying out a plan in this process: order, failures, waiting, interruption."""

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_study import HERE, resolved, small, write_table

from nearfar.data import Dataset, load_dataset
from nearfar.errors import UserError
from nearfar.execution import execute as execution
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.execute import execute
from nearfar.execution.worker import carry_out
from nearfar.plan.chain import Step, hash_of
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.specs import FitSpec, PretrainSpec, StageSpec
from nearfar.records.stages import StageBusy, StageStore
from nearfar.stages import run as stage

MAIN = threading.main_thread().ident or 0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    write_table(folder / "small.csv")
    return load_dataset(resolved(small()).study.data, folder)


@pytest.fixture
def plan(dataset: Dataset) -> Plan:
    return make_plan(resolved(small(axes={})), dataset.digest, HERE)


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(tmp_path / "stages")


def silent(stage_hash: str, done: int, loss: float) -> None:
    """Take no note of progress."""


def broken(step: Step) -> Step:
    """The step with a loss that there is not: it raises in the middle."""
    assert isinstance(step.spec, FitSpec)
    spec = replace(step.spec, loss="none")
    return Step("fit", spec, hash_of(spec.to_plain()), step.needs)


def all_of(plan: Plan, dataset: Dataset, store: StageStore) -> list[execution.Event]:
    return list(execute(plan.steps, None, dataset, store, 1))  # type: ignore[arg-type]


def test_events_tell_every_stage_and_epoch(plan: Plan, dataset: Dataset, store: StageStore) -> None:
    events = all_of(plan, dataset, store)
    for stage_hash, step in plan.steps.items():
        mine = [event for event in events if event.stage_hash == stage_hash]
        assert mine[0] == Started(stage_hash)
        assert mine[-1] == Finished(stage_hash)
        epochs = [event.done for event in mine if isinstance(event, Progress)]
        assert epochs == list(range(1, step.length + 1))
        assert store.is_done(stage_hash)
    assert all_of(plan, dataset, store) == []


def test_a_stage_that_raises_fails_alone(plan: Plan, dataset: Dataset, store: StageStore) -> None:
    bad = broken(
        next(step for step in plan.steps.values() if getattr(step.spec, "train", "") == "all")
    )
    events = list(execute({bad.hash: bad, **plan.steps}, None, dataset, store, 1))  # type: ignore[arg-type]
    failed = {e.stage_hash: e for e in events if isinstance(e, Finished) and e.error}
    assert set(failed) == {bad.hash}
    assert failed[bad.hash].error == "KeyError: 'none'"
    assert "Traceback" in failed[bad.hash].trace
    assert all(store.is_done(stage_hash) for stage_hash in plan.steps)
    assert not store.is_done(bad.hash)


def test_what_stands_on_a_failed_stage_fails_with_it(
    plan: Plan, dataset: Dataset, store: StageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stage.run_stages

    def failing(specs: dict[str, StageSpec], *rest: Any) -> object:
        if any(isinstance(spec, PretrainSpec) for spec in specs.values()):
            raise OSError("no space left\non the device")
        return real(specs, *rest)

    monkeypatch.setattr(stage, "run_stages", failing)
    finished = {
        e.stage_hash: e.error for e in all_of(plan, dataset, store) if isinstance(e, Finished)
    }
    for stage_hash, step in plan.steps.items():
        if step.name == "pretrain:rnc":
            assert finished[stage_hash] == "OSError: no space left"
        else:
            assert finished[stage_hash] == ("its pre-training failed" if step.needs else "")


def test_a_persons_mistake_in_a_stage_is_told_as_it_is(
    plan: Plan, dataset: Dataset, store: StageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*given: object) -> None:
        raise UserError("row 3: not so")

    monkeypatch.setattr(stage, "run_stages", refusing)
    step = next(iter(plan.steps.values()))
    (finished,) = carry_out((step,), lambda: dataset, store, silent)
    assert finished.error == "row 3: not so"


def test_data_that_cannot_be_read_fail_the_stage(plan: Plan, store: StageStore) -> None:
    def gone() -> Dataset:
        raise UserError("small.csv: no such file")

    step = next(iter(plan.steps.values()))
    (finished,) = carry_out((step,), gone, store, silent)
    assert finished == Finished(step.hash, "small.csv: no such file", finished.trace)


def test_data_that_changed_since_they_were_planned_fail_the_stage(
    plan: Plan, dataset: Dataset, store: StageStore
) -> None:
    (step, *_) = plan.steps.values()
    other = replace(dataset, digest="0" * 64)
    (finished,) = carry_out((step,), lambda: other, store, silent)
    assert finished.error == "the data changed since the run began: start the run again"
    assert not store.is_done(step.hash)


def test_it_waits_where_another_process_is_at_the_stage(
    plan: Plan, dataset: Dataset, store: StageStore
) -> None:
    step = next(iter(plan.steps.values()))
    pauses = []
    with store.working_on(step.hash) as [folder]:
        (folder / "stage.yaml").write_text("of the other process")

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                raise StopIteration

        with pytest.raises(StageBusy), store.working_on(step.hash):
            pass
        (finished,) = carry_out((step,), lambda: dataset, store, silent, pause)
        assert finished.error.startswith("StopIteration")
        assert len(pauses) == 3
    (finished,) = carry_out((step,), lambda: dataset, store, silent)
    assert finished == Finished(step.hash)
    assert (store.folder(step.hash) / "stage.yaml").read_text() == "of the other process"


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C after a moment; a process started in the background may ignore it by inheritance."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(MAIN, signal.SIGINT))
    timer.start()
    yield
    timer.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_the_waiting_for_another_process(
    plan: Plan, dataset: Dataset, store: StageStore
) -> None:
    step = next(iter(plan.steps.values()))
    with store.working_on(step.hash):
        events = execute({step.hash: step}, None, dataset, store, 1)  # type: ignore[arg-type]
        assert next(events) == Started(step.hash)
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            next(events)
        assert time.monotonic() - begin < 20


@pytest.mark.parametrize("after", [1, 2, 3])
def test_closing_it_stops_the_stage_and_keeps_its_place(
    plan: Plan, dataset: Dataset, store: StageStore, after: int
) -> None:
    step = next(step for step in plan.steps.values() if step.name == "pretrain:rnc")
    assert isinstance(step.spec, PretrainSpec)
    recipe = step.spec.recipe.model_copy(update={"epochs": 100_000})
    spec = replace(step.spec, recipe=recipe)
    long = Step(step.name, spec, hash_of(spec.to_plain()))
    events = execute({long.hash: long}, None, dataset, store, 1)  # type: ignore[arg-type]
    for _ in range(after):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert not store.is_done(long.hash)
    assert (store.root / f"{long.hash}.partial").exists() == (after > 1)
    with store.working_on(long.hash):
        pass


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_a_stage_that_never_reports(
    plan: Plan, dataset: Dataset, store: StageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def endless(*given: Any) -> None:
        begun.set()
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(stage, "run_stages", endless)
    step = next(iter(plan.steps.values()))
    events = execute({step.hash: step}, None, dataset, store, 1)  # type: ignore[arg-type]
    next(events)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        next(events)
    assert begun.is_set()
    assert set(threading.enumerate()) <= before
    with store.working_on(step.hash):
        pass


def test_threads_are_those_of_the_study(plan: Plan, dataset: Dataset, store: StageStore) -> None:
    import torch

    step = next(iter(plan.steps.values()))
    spec = replace(step.spec, threads=2)
    seen = []
    carry_out(
        (Step("fit", spec, hash_of(spec.to_plain())),),
        lambda: seen.append(torch.get_num_threads()) or dataset,  # type: ignore[func-returns-value]
        store,
        silent,
    )
    torch.set_num_threads(1)
    assert seen == [2]
