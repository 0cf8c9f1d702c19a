"""Encoders of other runs: found seed by seed, used as they are, or refused in one line."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_study import small, write_table
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.merge import merge
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import prepare
from nearfar.records import read_stages
from nearfar.records.stages import StageStore

ARMS = ("plain", "frozen", "ridge")
STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}
FIT = {"train": "head", "epochs": 1}


def written(folder: Path, name: str, **changes: Any) -> Path:
    write_table(folder / "small.csv")
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(small(study=name, **changes)), encoding="utf-8")
    return path


def run(path: Path) -> Prepared:
    return run_whole(Request(str(path), out=path.parent / "runs"))


def first(folder: Path) -> Path:
    study = small()
    arms = {name: study["arms"][name] for name in ARMS}
    return written(folder, "first", arms=arms)


def second(folder: Path, arm: str = "plain", run: str = "first", **changes: Any) -> Path:
    start = {"run": run, "arm": arm}
    arms = {
        "linear": {"pretrain": start, "fit": FIT},
        "tuned": {"pretrain": start, "fit": {"epochs": 1}},
        "last": {"pretrain": start, "fit": {"train": "last:1", "epochs": 1}},
        "knn": {"pretrain": start, "fit": {"head": "ridge"}},
    }
    return written(folder, "second", arms=arms, baseline="linear", stages={}, **changes)


def weights(store: StageStore, stage_hash: str) -> dict[str, Any]:
    from safetensors.numpy import load_file

    found = load_file(store.folder(stage_hash) / "model.safetensors")
    return {
        name.removeprefix("encoder."): value
        for name, value in found.items()
        if not name.startswith(("head.", "standardise.")) and name.split(".")[-1] not in STATISTICS
    }


@pytest.mark.parametrize("arm", ["plain", "frozen"])
def test_the_encoder_is_that_of_the_same_seed(arm: str, tmp_path: Path) -> None:
    run(first(tmp_path))
    prepared = run(second(tmp_path, arm))
    store = prepared.folder.store
    before = read_stages(tmp_path / "runs" / "first-full" / "stages.csv")
    stage = "fit" if arm == "plain" else "pretrain:rnc"
    holds = {row.seed: row.hash for row in before if (row.arm, row.stage) == (arm, stage)}
    rows = read_stages(prepared.folder.path / "stages.csv")
    for row in rows:
        if row.stage == f"pretrain:first/{arm}":
            assert row.hash == holds[row.seed]
        elif row.arm == "linear":
            assert store.read(row.hash)["spec"]["input"]["stage"] == holds[row.seed]
    tuned = next(row for row in rows if (row.arm, row.stage, row.seed) == ("tuned", "fit", 0))
    after, start = weights(store, tuned.hash), weights(store, holds[0])
    assert set(after) == set(start)
    moved = [name for name in after if not np.allclose(after[name], start[name], atol=0)]
    assert moved
    assert all(np.abs(after[name] - start[name]).max() < 0.2 for name in moved)


def test_such_a_run_says_what_it_consists_of_and_predicts(tmp_path: Path) -> None:
    run(first(tmp_path))
    prepared = run(second(tmp_path))
    cells = prepared.folder.plan().cells
    assert {planned.hash for cell in cells for planned in cell.chain} == set(prepared.plan.steps)
    for arm in ("linear", "tuned", "knn"):
        output = tmp_path / f"{arm}.csv"
        predict_file(prepared.folder.path, arm, tmp_path / "small.csv", output, None)
        assert len(output.read_text().splitlines()) == 61


@pytest.mark.parametrize(
    ("arm", "name", "changes", "phrase"),
    [
        ("plain", "firts", {}, "no run 'firts'"),
        ("plane", "first", {}, "has no arm 'plane'; did you mean 'plain'"),
        ("ridge", "first", {}, "arm 'ridge' trained no encoder"),
        (
            "plain",
            "first",
            {"axes": {"seed": {"role": "repeat", "values": [0, 7]}}},
            "arm 'plain' has no seed 7, only 0, 1",
        ),
    ],
)
def test_what_is_not_there_is_refused(
    arm: str, name: str, changes: dict[str, Any], phrase: str, tmp_path: Path
) -> None:
    run(first(tmp_path))
    with pytest.raises(UserError) as caught:
        prepare(Request(str(second(tmp_path, arm, name, **changes)), out=tmp_path / "runs"))
    assert phrase in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("start", "phrase"),
    [
        ({"run": "first"}, "'run' and 'arm' go together"),
        ({"stage": "rnc", "run": "first", "arm": "plain"}, "takes the name of a stage, or"),
        ({"run": "first", "arm": "plain", "epoch": 3}, "'epoch' goes with a stage"),
        ({}, "takes the name of a stage, or"),
    ],
)
def test_a_start_is_in_one_place(start: dict[str, Any], phrase: str, tmp_path: Path) -> None:
    arms = {"linear": {"pretrain": start, "fit": FIT}}
    path = written(tmp_path, "second", arms=arms, baseline="linear", stages={})
    with pytest.raises(UserError, match=phrase):
        prepare(Request(str(path), out=tmp_path / "runs"))


def test_such_a_run_is_extended_and_repeated_in_its_own_folder(tmp_path: Path) -> None:
    run(first(tmp_path))
    other = {"source": "table", "path": "small.csv", "target": "z", "features": ["a", "b", "c"]}
    study = second(tmp_path, data=other)
    whole = run(study)
    again = prepare(Request(str(study), out=tmp_path / "runs"))
    assert again.folder.path == whole.folder.path
    assert not again.missing
    some = prepare(Request(str(study), out=tmp_path / "runs", arms=["knn"]))
    assert some.folder.path == whole.folder.path


def test_two_that_start_from_one_run_but_have_other_rows_are_not_merged(tmp_path: Path) -> None:
    run(first(tmp_path))
    shutil.copytree(tmp_path / "runs", tmp_path / "others")
    other = {"source": "table", "path": "other.csv", "target": "z", "features": ["a", "b", "c"]}
    study = second(tmp_path, data=other)
    for seed, out in enumerate(("runs", "others")):
        write_table(tmp_path / "other.csv", seed=seed + 1)
        run_whole(Request(str(study), out=tmp_path / out, only_seeds=(seed,)))
    merged = merge(tmp_path / "runs", [tmp_path / "others"])
    assert merged.seeds == 0
    assert "second-full: not merged: the two were made with different data" in merged.told[-1]


def test_an_encoder_that_was_judged_under_several_conditions_was_trained_once(
    tmp_path: Path,
) -> None:
    arms = {"plain": small()["arms"]["plain"]}
    axes = {
        "seed": {"role": "repeat", "values": 2},
        "rows": {"role": "score", "values": ["all", "few"]},
    }
    split = {"kind": "random", "parts": [0.4, 0.1, 0.5]}
    run(written(tmp_path, "first", arms=arms, stages={}, axes=axes, split=split))
    prepared = run(second(tmp_path, split=split))
    assert not prepared.missing


def test_an_encoder_that_learnt_from_tested_rows_is_refused(tmp_path: Path) -> None:
    run(first(tmp_path))
    study = second(tmp_path, split={"kind": "folds", "folds": 4})
    with pytest.raises(UserError) as caught:
        prepare(Request(str(study), out=tmp_path / "runs"))
    assert "arm 'plain', seed 0, learnt from" in str(caught.value)
    assert "of the 15 rows that are tested here: give both studies the same 'split'" in str(
        caught.value
    )
