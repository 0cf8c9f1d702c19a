"""What a run keeps of its arms for the page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from image_examples import some_pixels

from nearfar.analysis.notes import copied, leaking, not_tested, other_views
from nearfar.data import split_rows
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.execution.run_plan import run_plan
from nearfar.plain_yaml import to_yaml

SMALLER = {"resized_crop": {"scale": [0.5, 1.0], "size": 8}}


def fit(encoder: Any, augment: Any) -> dict[str, Any]:
    return {"fit": {"encoder": encoder, "augment": augment, "epochs": 1}}


def test_arms_that_learn_from_views_of_another_size_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", x=some_pixels(40, side=12), y=np.arange(40) % 2)
    cnn, cropped = {"cnn": {"width": 2}}, {"resnet18": {"width": 2, "crop": 8}}
    study = {
        "study": "views",
        "data": {"source": "images", "path": "some.npz"},
        "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
        "metric": "accuracy",
        "baseline": "same",
        "stages": {"rows": {"objective": "nt_xent", "encoder": cnn, "augment": [SMALLER]}},
        "arms": {
            "same": fit(cnn, ["resized_crop", "alternating_flip"]),
            "smaller": fit(cnn, [SMALLER, "alternating_flip"]),
            "central": fit(cropped, [SMALLER]),
            "head": {"pretrain": "rows", "fit": {"train": "head", "epochs": 1}},
            "mean": {"group": "control", "fit": {"head": "mean"}},
        },
        "axes": {"seed": {"role": "repeat", "values": 1}},
    }
    (tmp_path / "views.yaml").write_text(to_yaml(study))
    prepared = prepare(Request(str(tmp_path / "views.yaml"), out=tmp_path / "runs"))
    found = {name: arm.views for name, arm in run_plan(prepared).arms.items()}
    told = found.pop("smaller")
    assert told == "8 × 8 pixels, tested on 12 × 12"
    assert set(found.values()) == {""}
    assert "images of the test: smaller (8 × 8 pixels, tested on" in other_views({"smaller": told})
    assert other_views(found) == ""


@pytest.mark.parametrize("task", ["classification", "reconstruction"])
def test_classes_of_few_tested_rows_are_told_where_they_are_predicted(
    tmp_path: Path, task: str
) -> None:
    np.savez(tmp_path / "some.npz", x=some_pixels(60, side=12), y=np.arange(60) % 2)
    study = {
        "study": "few",
        "data": {"source": "images", "path": "some.npz", "task": task},
        "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
        "baseline": "mean",
        "arms": {"mean": {"fit": {"head": "mean"}}},
        "axes": {"seed": {"role": "repeat", "values": 1}},
    }
    (tmp_path / "few.yaml").write_text(to_yaml(study))
    prepared = prepare(Request(str(tmp_path / "few.yaml"), out=tmp_path / "runs"))
    expected = {} if task == "reconstruction" else {"0": 6, "1": 6}
    assert run_plan(prepared).rare == expected


def test_classes_that_some_trainings_do_not_test_are_told(tmp_path: Path) -> None:
    kinds = np.where(np.arange(60) < 6, "rare", "often")
    np.savez(tmp_path / "some.npz", x=some_pixels(60, side=12), y=kinds)
    study = {
        "study": "few",
        "data": {"source": "images", "path": "some.npz", "task": "classification"},
        "split": {"kind": "folds", "folds": 10},
        "baseline": "mean",
        "arms": {"mean": {"fit": {"head": "mean"}}},
        "metric": "balanced_accuracy",
    }
    (tmp_path / "few.yaml").write_text(to_yaml(study))
    request = Request(str(tmp_path / "few.yaml"), out=tmp_path / "runs")
    plan = run_plan(prepare(request))
    (seeds,) = plan.not_tested.values()
    assert list(plan.not_tested) == ["rare"]
    assert len(seeds) == 4
    first = run_plan(prepare(replace(request, seeds=5))).not_tested
    assert set(first.get("rare", [])) <= set(seeds)
    told = not_tested(plan.not_tested, set(range(10)))
    assert told.startswith("Some of 10 trainings test no row of a class (rare in 4): their means")
    assert not_tested(plan.not_tested, set(range(10)) - set(seeds)) == ""


def test_a_column_that_is_the_target_and_copies_of_rows_are_told(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=40)
    table = pd.DataFrame({"x": x, "zero": np.where(np.arange(40) % 2, 0.0, -0.0), "y": x**2})
    table["double"] = 2 * table["y"]
    pd.concat([table, table.head(20)]).to_csv(tmp_path / "t.csv", index=False)
    study = {
        "study": "leaks",
        "data": {"source": "table", "path": "t.csv", "target": "y", "features": ["x", "double"]},
        "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
        "metric": "mae",
        "baseline": "mean",
        "arms": {"mean": {"fit": {"head": "mean"}}},
        "axes": {"seed": {"role": "repeat", "values": 1}},
    }
    told = {}
    for features in (["x", "double"], ["x", "zero"]):
        study["data"]["features"] = features  # type: ignore[index]
        (tmp_path / "leaks.yaml").write_text(to_yaml(study))
        prepared = prepare(Request(str(tmp_path / "leaks.yaml"), out=tmp_path / "runs"))
        told[features[1]] = plan = run_plan(prepared)
        split = split_rows(prepared.dataset, prepared.resolved.study.split, 0)
        learnt = {round(x[row % 40], 12) for row in split.train.tolist()}
        assert plan.copies == sum(round(x[row % 40], 12) in learnt for row in split.test.tolist())
    assert told["double"].leaks == (
        "column 'double' is almost the target itself (correlation 1.0000)",
    )
    assert leaking(told["double"].leaks).startswith("Column 'double' is almost the target itself")
    assert told["zero"].leaks == ()
    assert leaking(()) == ""
    assert told["zero"].copies > 0
    assert copied(5, 12).startswith("5 of 12 tested rows (first split) have the same features")
    assert copied(0, 12) == copied(1, 100) == ""
