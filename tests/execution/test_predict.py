"""Which model predicts where none is named, and what is said where it is not there."""

import json
import shutil
from pathlib import Path

import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request


@pytest.fixture
def run(tmp_path: Path) -> Path:
    arms = {"mean": small()["arms"]["mean"], "ridge": {"fit": small()["arms"]["ridge"]["fit"]}}
    axes = {"seed": {"role": "repeat", "values": 3}}
    study = write_small(tmp_path, arms=arms, stages={}, baseline="ridge", axes=axes)
    return run_whole(Request(str(study), out=tmp_path / "runs")).folder.path


def test_the_recommended_arm_predicts(run: Path, tmp_path: Path) -> None:
    told = predict_file(run, None, tmp_path / "small.csv", tmp_path / "p.csv", None)
    assert "predictions by ridge, 3 models" in told
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 61


def test_a_run_that_recommends_nothing_asks_for_an_arm(run: Path, tmp_path: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "recommended": None}))
    with pytest.raises(UserError, match="recommends no arm: name one with --arm"):
        predict_file(run, None, tmp_path / "small.csv", tmp_path / "p.csv", None)


def test_a_model_that_is_gone_is_told_with_a_remedy(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run.parent / "stages")
    with pytest.raises(UserError, match="model of seed 0 is not there any more; 'nearfar run'"):
        predict_file(run, "ridge", tmp_path / "small.csv", tmp_path / "p.csv", None)
    assert not (tmp_path / "p.csv").exists()
