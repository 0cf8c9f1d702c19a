"""Every kind of data through ``nearfar init``: counted as it is read, run, predicted, damaged."""

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from damaged_doors import outcome
from doors import DAMAGE, DOORS
from whole_runs import run_whole

from nearfar.data.load import load_dataset
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.starter.detect import detect
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

VARIANTS = 3
DAMAGED = len(DOORS) * len(DAMAGE)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("variant", range(VARIANTS))
@pytest.mark.parametrize("door", DOORS)
def test_what_init_counts_is_what_the_study_reads(folder: Path, door: str, variant: int) -> None:
    made = DOORS[door](folder, random.Random(f"{door} {variant}"))
    found = detect(str(made.path), made.targets, folder).dataset
    assert len(found) == made.rows
    assert len(found.classes) == made.classes
    assert (found.parts is not None) == made.parts
    if made.groups is not None:
        assert len(np.unique(found.groups)) == made.groups
    path, facts = write_study(made.path, made.targets, folder / "study.yaml")
    read = load_dataset(load_study(str(path)).study.data, folder)
    assert read.digest == found.digest  # of ids, inputs, targets, classes, groups and parts
    assert read.classes == found.classes
    assert f" {made.rows} " in facts[0]


@pytest.mark.parametrize("door", DOORS)
def test_what_init_writes_runs_and_predicts_its_own_data(folder: Path, door: str) -> None:
    made = DOORS[door](folder, random.Random(door))
    path, _ = write_study(made.path, made.targets, folder / "study.yaml")
    floor = "majority" if made.classes else "mean"
    arms = load_study(str(path), "smoke").study.arms
    linear = next(arm for arm in arms if arm.endswith(("logistic", "ridge")))
    asked = Request(
        str(path),
        profile="smoke",
        seeds=1,
        device="cpu",
        arms=[linear],
        settings=("baseline=" + floor,),
    )
    prepared = run_whole(asked)
    predict_file(prepared.folder.path, linear, made.path, Path("out.csv"), None)
    with Path("out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == made.rows
    predicted = [key for key in rows[0] if key.endswith("_pred")]
    assert len(predicted) == 1
    assert all(row[predicted[0]] for row in rows)


def test_damaged_data_are_read_or_told_in_one_line(folder: Path) -> None:
    came = [outcome(number, folder / str(number)) for number in range(DAMAGED)]
    assert [about for kind, about in came if kind not in {"read", "told"}] == []
    kinds = [kind for kind, _ in came]
    assert kinds.count("told") > DAMAGED / 3
    assert kinds.count("read") > DAMAGED / 20
