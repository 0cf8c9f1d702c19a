"""A metric that the rows do not have is refused before anything is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_study import small, write_small

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare


def study(folder: Path, classes: int, rare: int | None = None, **changes: Any) -> Path:
    """Write a study of a column of so many classes; of ``rare`` rows alone that are not k0."""
    arms = {
        "most": {"group": "control", "fit": {"head": "mean"}},
        "logistic": {"fit": {"encoder": "identity", "head": "logistic"}},
    }
    data = {**small()["data"], "target": "kind", "task": "classification"}
    given = {"arms": arms, "stages": {}, "baseline": "logistic", "metric": "auroc", **changes}
    path = write_small(folder, data=data, **given)
    table = folder / "small.csv"
    lines = table.read_text().splitlines()
    kinds = ["kind", *(f"k{row % classes}" for row in range(len(lines) - 1))]
    if rare is not None:
        kinds[rare * classes + 1 :] = ["k0"] * (len(kinds) - rare * classes - 1)
    table.write_text("\n".join(f"{a},{b}" for a, b in zip(lines, kinds, strict=True)) + "\n")
    return path


def test_two_classes_have_it(tmp_path: Path) -> None:
    assert prepare(Request(str(study(tmp_path, 2)), out=tmp_path / "runs")).plan.steps


def test_three_are_told_what_to_take(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="auroc is for two classes, and here are 3: take balanced"):
        prepare(Request(str(study(tmp_path, 3)), out=tmp_path / "runs"))


@pytest.mark.parametrize("metric", ["auroc", "average_precision", "f1", "mcc"])
def test_a_rare_class_that_some_folds_lack_is_told_how_to_be_tested(
    tmp_path: Path, metric: str
) -> None:
    folds = {"kind": "folds", "folds": 5}
    few = study(tmp_path, 2, rare=3, split=folds, axes={}, metric=metric)
    with pytest.raises(UserError) as caught:
        prepare(Request(str(few), out=tmp_path / "runs"))
    assert str(caught.value) == (
        f"metric: {metric} has no value for the test rows in 2 of 5 trainings: none of these is of "
        "class 'k1'; choose fewer folds in 'split' (at most 3), or nll or accuracy as metric"
    )
    folds["folds"] = 3
    enough = study(tmp_path, 2, rare=3, split=folds, axes={}, metric=metric)
    assert prepare(Request(str(enough), out=tmp_path / "runs")).plan.steps


def test_random_parts_that_lack_a_class_are_told_apart_from_folds(tmp_path: Path) -> None:
    few = study(tmp_path, 2, rare=1)
    with pytest.raises(UserError, match="choose larger parts in 'split', or nll or accuracy"):
        prepare(Request(str(few), out=tmp_path / "runs"))
    other = study(tmp_path, 2, rare=1, metric="nll")
    assert prepare(Request(str(other), out=tmp_path / "runs")).plan.steps


def test_equal_numbers_have_no_share_of_variance(tmp_path: Path) -> None:
    folder = write_small(tmp_path, metric="r2").parent
    table = folder / "small.csv"
    frame = pd.read_csv(table)
    frame["part"] = ["train" if row % 3 else "test" for row in range(len(frame))]
    target = small()["data"]["target"]
    frame.loc[frame["part"] == "test", target] = 1.0
    frame.to_csv(table, index=False)
    data = {**small()["data"], "part": "part"}
    split = {"kind": "predefined", "validation": 0.2}
    path = write_small(tmp_path, data=data, metric="r2", split=split)
    frame.to_csv(table, index=False)
    with pytest.raises(UserError, match="all of these have one value; choose other parts, or mae"):
        prepare(Request(str(path), out=tmp_path / "runs"))


def test_a_target_that_no_row_of_those_tested_alone_has_is_refused(tmp_path: Path) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 300)).round(2)
    tested, common = np.arange(300) % 3 == 0, np.abs(first) < 0.1
    frame = pd.DataFrame({"x": first, "y": first, "z": second})
    frame["part"] = np.where(tested, "test", "train")
    frame.loc[tested & ~common, "z"] = np.nan
    data = {"source": "table", "path": "small.csv", "target": ["y", "z"], "part": "part"}
    split = {"kind": "predefined", "validation": 0.2}
    rows = {"role": "score", "values": ["all", "few"]}
    arms = {"mean": {"fit": {"head": "mean"}}}
    path = write_small(
        tmp_path, data=data, split=split, stages={}, arms=arms, baseline="mean", axes={"rows": rows}
    )
    frame.to_csv(tmp_path / "small.csv", index=False)
    with pytest.raises(UserError) as caught:
        prepare(Request(str(path), out=tmp_path / "runs"))
    told = str(caught.value)
    assert "rows of 'test: rows: few': do not test the rows 'few' alone" in told
    assert told.startswith("target 'z' is missing in all ")
