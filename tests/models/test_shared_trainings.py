"""Seeds that share a training leave one model, not copies of it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.commands.models import export_run
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.models import FinishedModel

ARMS = ("ridge", "forest")


def made(folder: Path, **split: Any) -> Path:
    """A run of three seeds of a head that draws nothing and one that does."""
    arms = {name: {**small()["arms"][name], "group": "own"} for name in ARMS}
    axes = {"seed": {"role": "repeat", "values": 3}}
    changes = {"arms": arms, "axes": axes, "baseline": "ridge", "stages": {}, "profiles": {}}
    study = write_small(folder, **changes, split={**small()["split"], **split})
    return run_whole(Request(str(study), out=folder / "runs")).folder.path


def models(folder: Path) -> int:
    return len(FinishedModel.load(folder).members)


def test_on_a_fixed_split_a_head_that_draws_nothing_is_one_model(tmp_path: Path) -> None:
    run = made(tmp_path, resplit=False)
    for arm, expected in zip(ARMS, (1, 3), strict=True):
        export_run(run, tmp_path / arm, arm)
        assert models(tmp_path / arm) == expected
    assert "It is one model (seed 0)." in (tmp_path / "ridge" / "README.md").read_text()
    predict_file(run, "ridge", tmp_path / "small.csv", tmp_path / "all.csv")
    predict_file(run, "ridge", tmp_path / "small.csv", tmp_path / "one.csv", seed=2)
    found, one = (pd.read_csv(tmp_path / name) for name in ("all.csv", "one.csv"))
    assert found["y_std"].isna().all()
    pd.testing.assert_frame_equal(found, one)


def test_on_all_rows_seeds_that_draw_the_same_are_one_model(tmp_path: Path) -> None:
    ridge = small()["arms"]["ridge"]
    arms = {"svr": {**ridge, "group": "own", "fit": {**ridge["fit"], "head": "svr"}}}
    axes = {"seed": {"role": "repeat", "values": 3}}
    changes = {"arms": arms, "axes": axes, "baseline": "svr", "stages": {}, "profiles": {}}
    study = write_small(tmp_path, **changes)
    run = run_whole(Request(str(study), out=tmp_path / "runs")).folder.path
    export_run(run, tmp_path / "all", "svr", refit=True)
    assert models(tmp_path / "all") == 1


@pytest.mark.parametrize("resplit", [True, False])
def test_on_all_rows_splits_are_no_difference(tmp_path: Path, resplit: bool) -> None:
    run = made(tmp_path, resplit=resplit)
    for arm, expected in zip(ARMS, (1, 3), strict=True):
        export_run(run, tmp_path / arm, arm, refit=True)
        assert models(tmp_path / arm) == expected
        told = predict_file(tmp_path / arm, None, tmp_path / "small.csv", tmp_path / f"{arm}.csv")
        assert "intervals that hold the truth in 90% of rows" in told
        found = pd.read_csv(tmp_path / f"{arm}.csv")
        assert (found["y_low"] < found["y_pred"]).all()
        assert (found["y_pred"] < found["y_high"]).all()
