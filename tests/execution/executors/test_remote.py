"""A worker with a folder of its own: what it is sent, what it sends back, what is refused."""

import itertools
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_study import resolved, small, write_table

from nearfar.data import Dataset, load_dataset
from nearfar.errors import UserError
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.execute import execute
from nearfar.execution.executors import remote
from nearfar.execution.executors.base import Happening
from nearfar.execution.executors.remote import carried_out_elsewhere
from nearfar.execution.executors.returned import take_checkpoint, take_results
from nearfar.execution.executors.sent import (
    Kept,
    Message,
    Results,
    Shipment,
    Task,
    Told,
    check_digests,
    files_of,
    needed_by,
)
from nearfar.execution.where import Where
from nearfar.execution.worker import StudySource
from nearfar.plan.environment import Environment
from nearfar.plan.groups import Bundle
from nearfar.plan.plan import Plan, make_plan
from nearfar.records.seals import Damaged
from nearfar.records.stages import StageStore
from nearfar.train import loop

TOKENS = itertools.count()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    write_table(folder / "small.csv")
    return load_dataset(resolved(small()).study.data, folder)


@pytest.fixture(scope="module")
def plan(dataset: Dataset) -> Plan:
    import torch

    return make_plan(
        resolved(small(axes={})), dataset.digest, Environment(str(torch.__version__), "cpu")
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of the worker's machine."""
    place = tmp_path / "worker"
    place.mkdir()
    monkeypatch.setattr(remote.tempfile, "gettempdir", lambda: str(place))
    return place


class Remote:
    """An executor whose worker is this process, in a folder of its own; messages are pickled."""

    retries = 0

    def __init__(self, shipment: Shipment, store: StageStore) -> None:
        self.shipment, self.store = shipment, store
        self.bundle: Bundle | None = None

    def has_room(self) -> bool:
        return self.bundle is None

    def submit(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def wait(self) -> list[Happening]:
        assert self.bundle is not None
        needed = {
            one: files_of(self.store.folder(one)) for one in needed_by(self.bundle, self.store)
        }
        told: list[Happening] = []
        for message in said(Task(self.bundle, needed), self.shipment):
            if isinstance(message, Results):
                take_results(message, self.store)
            elif isinstance(message, Started | Progress | Finished):
                told.append(message)
        self.bundle = None
        return told

    def close(self) -> None:
        remote.remove_folder(self.shipment.token)


def said(task: Task, shipment: Shipment) -> Iterator[Message]:
    for messages in carried_out_elsewhere(pickle.loads(pickle.dumps(task)), shipment, dict):
        yield from pickle.loads(pickle.dumps(messages))


def shipment(dataset: Dataset, **more: Any) -> Shipment:
    return Shipment(f"test{next(TOKENS)}", dataset, **more)


def bytes_of(store: StageStore) -> dict[str, bytes]:
    """The files of all stages that no clock writes into."""
    timed = {"done", "stage.yaml"}
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in store.root.glob("*/*")
        if path.name not in timed
    }


def test_a_worker_with_its_own_disk_gives_the_same_bytes(
    plan: Plan, dataset: Dataset, tmp_path: Path, elsewhere: Path
) -> None:
    here, there = StageStore(tmp_path / "here/stages"), StageStore(tmp_path / "there/stages")
    list(execute(plan.steps, None, dataset, here, 1))  # type: ignore[arg-type]
    executor = Remote(shipment(dataset), there)
    events = list(execute(plan.steps, None, dataset, there, 1, executor=executor))  # type: ignore[arg-type]
    assert {e.error for e in events if isinstance(e, Finished)} == {""}
    assert {e.stage_hash for e in events if isinstance(e, Finished)} == set(plan.steps)
    assert all(there.damage(one, deep=True) == "" for one in plan.steps)
    assert bytes_of(here) == bytes_of(there)
    assert list(elsewhere.glob("nearfar-*")) == []


def first(plan: Plan, kind: str) -> Bundle:
    return next((step,) for step in plan.steps.values() if step.name.startswith(kind))


def test_it_keeps_nothing_of_a_finished_stage(
    plan: Plan, dataset: Dataset, elsewhere: Path
) -> None:
    messages = list(said(Task(first(plan, "pretrain")), shipment(dataset)))
    assert isinstance(messages[-2], Results)
    assert isinstance(messages[-1], Finished)
    assert list(elsewhere.glob("*/stages/*")) == []


def test_what_does_not_arrive_whole_is_not_published(
    plan: Plan, dataset: Dataset, tmp_path: Path
) -> None:
    messages = list(said(Task(first(plan, "pretrain")), shipment(dataset)))
    (results,) = (message for message in messages if isinstance(message, Results))
    ((stage_hash, files),) = results.stages.items()
    store = StageStore(tmp_path / "stages")
    for name in files:
        for wrong in (
            {**files, name: files[name][:-1] + b"?"},
            {k: files[k] for k in files if k != name},
        ):
            with pytest.raises(Damaged, match="did not arrive whole"):
                take_results(Results({stage_hash: wrong}), store)
    with pytest.raises(Damaged, match=r"more\.txt"):
        take_results(Results({stage_hash: {**files, "more.txt": b""}}), store)
    assert not list(tmp_path.rglob("done"))
    take_results(results, store)
    assert store.damage(stage_hash, deep=True) == ""
    take_results(results, store)


def test_a_damaged_need_is_refused_by_the_worker(
    plan: Plan, dataset: Dataset, elsewhere: Path
) -> None:
    tuned = next((s,) for s in plan.steps.values() if s.needs)
    task = Task(tuned, {str(tuned[0].needs): {"done": b"damaged"}})
    *_, last = said(task, shipment(dataset))
    assert isinstance(last, Finished)
    assert "did not arrive whole" in last.error


def test_another_version_is_refused_in_a_line(plan: Plan, dataset: Dataset) -> None:
    (step,) = first(plan, "pretrain")
    changes: dict[str, dict[str, Any]] = {
        "torch": {"torch": "1.0"},
        "nearfar": {"nearfar": "0.0"},
        "scikit-learn": {"packages": (("scikit-learn", "0.1"),)},
    }
    for name, change in changes.items():
        environment = replace(step.spec.environment, **change)
        other = replace(step, spec=replace(step.spec, environment=environment))
        *_, last = said(Task((other,)), shipment(dataset))
        assert isinstance(last, Finished)
        assert f"has {name} " in last.error
        assert "install the same there" in last.error


def test_a_checkpoint_travels_and_the_next_worker_goes_on_from_it(
    plan: Plan, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(remote, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(remote, "REPORT_SECONDS", -1.0)
    store, bundle = StageStore(tmp_path / "stages"), first(plan, "pretrain")
    messages = said(Task(bundle), shipment(dataset))
    kept = next(message for message in messages if isinstance(message, Kept))
    take_checkpoint(kept, bundle, store)
    messages.close()  # type: ignore[attr-defined]
    with pytest.raises(Damaged):
        take_checkpoint(Kept(kept.stage_hash, {"../evil.pt": b""}), bundle, store)
    with pytest.raises(Damaged):
        take_checkpoint(Kept("0" * 16, kept.files), bundle, store)
    files = files_of(store.partial(kept.stage_hash))
    assert set(files) == {"checkpoint.pt"}
    rest = list(said(Task(bundle, kept={kept.stage_hash: files}), shipment(dataset)))
    epochs = [message.done for message in rest if isinstance(message, Progress)]
    assert epochs
    assert epochs[0] > 1
    (results,) = (message for message in rest if isinstance(message, Results))
    take_results(results, store)
    whole = StageStore(tmp_path / "whole/stages")
    list(execute({bundle[0].hash: bundle[0]}, None, dataset, whole, 1))  # type: ignore[arg-type]
    assert bytes_of(store) == bytes_of(whole)


def test_modules_of_a_study_go_along_and_are_told_where_they_cannot_be_used(
    dataset: Dataset, tmp_path: Path, plan: Plan
) -> None:
    (tmp_path / "own.py").write_text("ENCODERS = 3\n", encoding="utf-8")
    source = StudySource(None, tmp_path, modules=("own",))  # type: ignore[arg-type]
    sent = Shipment.of(source, dataset, f"test{next(TOKENS)}")
    assert sent.modules == (("own", b"ENCODERS = 3\n"),)
    *_, last = said(Task(first(plan, "pretrain")), sent)
    assert isinstance(last, Finished)
    assert "own.py" in last.error


def test_what_a_worker_says_on_standard_error_comes_along(
    plan: Plan, dataset: Dataset, elsewhere: Path
) -> None:
    bundle, sent = first(plan, "pretrain"), shipment(dataset)
    partial = StageStore(remote.folder_of(sent.token) / "stages").partial(bundle[0].hash)
    task = Task(bundle, kept={bundle[0].hash: {"checkpoint.pt": b"nearfar checkpoint 2\ndamaged"}})
    texts = [message.text for message in said(task, sent) if isinstance(message, Told)]
    assert str(partial) in "".join(texts)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where("rai"), ["--executor", "did you mean 'ray'", "local, ray, slurm"]),
        (Where("local", "127.0.0.1:6379"), ["--address", "--executor ray"]),
        (Where("ray", ""), ["--address", "HOST:PORT"]),
    ],
)
def test_where_a_run_cannot_be_carried_out(where: Where, words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        where.check()
    assert all(word in str(raised.value) for word in words)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_a_missing_extra_is_named(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nearfar.execution import where as asked

    monkeypatch.setattr(asked, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"pip install 'nearfar\[{executor}\]'"):
        Where(executor).check()


def test_digests_are_those_of_the_stage(plan: Plan, dataset: Dataset) -> None:
    with pytest.raises(Damaged):
        check_digests("0" * 16, {"model.safetensors": b""})
