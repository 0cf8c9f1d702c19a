"""Stages that share a computation: which they are, that they end as alone, all of them or none."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nearfar.execution import execute, worker
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle, bundled
from nearfar.records import read_results, read_stages
from nearfar.records.stages import StageStore
from nearfar.stacking import trainer as together
from nearfar.stages import run as stage

LOGISTIC = {"encoder": "identity", "head": {"logistic": {"penalty": 0.01}}}
MLP = {"mlp": {"layers": 1, "hidden": 8, "dropout": 0}}
HEAD = {"train": "head", "epochs": 3, "batch": 16}
STUDY: dict[str, Any] = {
    "study": "shared",
    "data": {"source": "table", "path": "t.csv", "target": "colour", "task": "classification"},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
    "baseline": "columns",
    "targets": {"warm": {"red+yellow": "warm", "*": "cold"}},
    "stages": {"codes": {"encoder": MLP, "objective": "autoencoder", "epochs": 1}},
    "arms": {
        "columns": {"fit": LOGISTIC},
        "stiff": {"fit": {"encoder": "identity", "head": {"logistic": {"penalty": 1.0}}}},
        "warm": {"fit": {**LOGISTIC, "target": "warm"}},
        "codes": {"pretrain": "codes", "fit": {"head": "logistic"}},
        "codes, stiff": {"pretrain": "codes", "fit": {"head": {"logistic": {"penalty": 1.0}}}},
        "neighbours": {"fit": {"encoder": "identity", "head": "knn"}},
        "slow head": {"pretrain": "codes", "fit": {**HEAD, "optimizer": {"adamw": {"lr": 1e-4}}}},
        "orthogonal": {"pretrain": "codes", "fit": {**HEAD, "optimizer": "muon"}},
        "fast head": {"pretrain": "codes", "fit": {**HEAD, "epochs": 5}},
        "scratch": {"fit": {"encoder": MLP, "epochs": 3, "batch": 32}},
        "drops": {"fit": {"encoder": {"mlp": {"dropout": 0.1}}, "epochs": 2, "batch": 32}},
    },
    "axes": {
        "seed": {"role": "repeat", "values": 3},
        "labels": {"role": "condition", "values": [0.5, 1]},
    },
}


def prepared(folder: Path) -> Prepared:
    random = np.random.default_rng(0)
    number = np.arange(240) % 4
    x = random.normal(size=(240, 3)) + np.stack([number % 2, number // 2, number], axis=1)
    names = ("blue", "green", "red", "yellow")
    lines = [",".join(f"{v:.4f}" for v in row) + f",{names[k]}" for row, k in zip(x, number)]  # noqa: B905
    (folder / "t.csv").write_text("\n".join(["a,b,c,colour", *lines]), encoding="utf-8")
    (folder / "t.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    return prepare(Request(str(folder / "t.yaml"), out=folder / "runs"))


def run(folder: Path, jobs: int = 1) -> Prepared:
    done = prepared(folder)
    carry_out(done, jobs, lambda event: None)
    assert not done.failures, done.failures
    return done


def alone(steps: Iterable[Step]) -> list[Bundle]:
    return [(step,) for step in steps]


def numbers(done: Prepared) -> dict[tuple[str, ...], float]:
    return {
        (r.arm, str(r.seed), r.condition, r.split, r.metric): r.value
        for r in read_results(done.folder.path / "results.csv")
    }


def test_heads_on_the_same_features_are_one_computation(tmp_path: Path) -> None:
    done = prepared(tmp_path)
    users: dict[str, set[str]] = {}
    for cell in done.plan.cells:
        users.setdefault(cell.chain[-1], set()).add(f"{cell.arm} {cell.seed}")
    found = [
        sorted({name for step in bundle for name in users[step.hash]})
        for bundle in bundled(done.plan.steps.values())
        if len(bundle) > 1
    ]
    expected = [
        [f"{arm} {seed}" for arm in arms]
        for seed in range(3)
        for arms in (
            ["columns", "stiff", "warm"],
            ["codes", "codes, stiff"],
            ["fast head", "slow head"],
        )
    ]
    # Half of the seeds as one, so that two processes have something to do; under each condition.
    assert found == sorted([*expected, *2 * [["scratch 0", "scratch 1"]]], key=found.index)
    assert len(found) == 11
    everything = [step.hash for bundle in bundled(done.plan.steps.values()) for step in bundle]
    assert sorted(everything) == sorted(done.plan.steps)


def test_they_end_as_they_would_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("together", "alone"):
        (tmp_path / name).mkdir()
    as_one = run(tmp_path / "together", jobs=2)
    monkeypatch.setattr(execute, "bundled", alone)
    one_by_one = run(tmp_path / "alone")
    first, second = numbers(as_one), numbers(one_by_one)
    assert first.keys() == second.keys()
    losses = {key: value for key, value in first.items() if key[-1] == "nll"}
    assert len(set(losses.values())) > 100
    for key, value in losses.items():
        tolerance = 1e-4 if "train" in key else 5e-3
        assert value == pytest.approx(second[key], rel=tolerance), key
    rows = [read_stages(d.folder.path / "stages.csv") for d in (as_one, one_by_one)]
    assert [(r.hash, r.status) for r in rows[0]] == [(r.hash, r.status) for r in rows[1]]


def test_what_cannot_be_one_computation_is_done_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = stage.run_stages, []

    def failing(specs: dict[str, Any], *rest: Any) -> object:
        tried.append(len(specs))
        if len(specs) > 1:
            raise MemoryError("planted")
        return real(specs, *rest)

    monkeypatch.setattr(stage, "run_stages", failing)
    done = run(tmp_path)
    assert sorted(set(tried)) == [1, 2, 4, 6]
    assert tried.count(1) == len(done.plan.steps)


def test_a_kill_while_they_are_published_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StageStore(tmp_path)
    real, moved = Path.rename, []

    def rename(path: Path, target: Path) -> Path:
        if path.is_dir() and moved:
            raise KeyboardInterrupt
        moved.append(path)
        return real(path, target)

    def make(folders: list[Path]) -> None:
        for folder in folders:
            (folder / "model").write_text(folder.name, encoding="utf-8")

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt), store.working_on("aa", "bb", "cc") as folders:
        make(folders)
    monkeypatch.undo()
    assert [store.is_done(a) for a in ("aa", "bb", "cc")] == [True, False, False]
    store.publish_rest(["aa", "bb", "cc"])
    for stage_hash in ("aa", "bb", "cc"):
        assert (store.folder(stage_hash) / "model").read_text("utf-8") == f"{stage_hash}.partial"


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kill_before_that_leaves_none_of_them(
    tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nearfar.records import seals

    store, real, marked = StageStore(tmp_path), seals.write_atomically, []

    def write(path: Path, content: str) -> None:
        if len(marked) == after:
            raise KeyboardInterrupt
        marked.append(path)
        real(path, content)

    monkeypatch.setattr(seals, "write_atomically", write)
    with pytest.raises(KeyboardInterrupt), store.working_on("aa", "bb", "cc"):
        pass
    monkeypatch.undo()
    store.publish_rest(["aa", "bb", "cc"])
    assert not any(map(store.is_done, ("aa", "bb", "cc")))
    with store.working_on("aa", "bb", "cc"):
        pass
    assert all(map(store.is_done, ("aa", "bb", "cc")))


@pytest.mark.parametrize("arm", ["fast head", "scratch"])
def test_a_bundle_that_was_stopped_leaves_the_same_files(
    tmp_path: Path, arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "CHECKPOINT_SECONDS", -1.0)
    done = run(tmp_path)
    fits = {cell.chain[-1] for cell in done.plan.cells if cell.arm == arm and cell.seed == 0}
    bundle = next(b for b in bundled(done.plan.steps.values()) if {s.hash for s in b} & fits)
    assert len(bundle) > 1
    store = done.folder.store
    files = ("model.safetensors", "curves.csv", "predictions.csv")
    whole = {s.hash: [(store.folder(s.hash) / f).read_bytes() for f in files] for s in bundle}
    for step in bundle:
        shutil.rmtree(store.folder(step.hash))

    def stop(stage_hash: str, done: int, loss: float) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.carry_out(bundle, lambda: done.dataset, store, stop)
    assert len(list(store.root.glob("*.partial/checkpoint-*.pt"))) == 1
    torch.rand(7)
    worker.carry_out(bundle, lambda: done.dataset, store, lambda *progress: None)
    for step in bundle:
        folder = store.folder(step.hash)
        assert [(folder / file).read_bytes() for file in files] == whole[step.hash]
        assert not list(folder.glob("*.pt"))
