"""Columns of every kind in a study: what a stage learnt to prepare them is part of its model."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from small_study import HERE, resolved
from whole_runs import run_whole

from nearfar.data import Columns, load_dataset, split_rows
from nearfar.errors import UserError
from nearfar.execution.events import Finished
from nearfar.execution.execute import execute
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.plan.groups import bundled
from nearfar.plan.plan import make_plan
from nearfar.plan.specs import spec_of
from nearfar.records import read_results
from nearfar.records.stages import StageStore
from nearfar.stages.fitted import Fitted
from nearfar.stages.prepare import read_preparation

ROWS = 240
MLP = {"mlp": {"layers": 1, "hidden": 8}}
SHORT = {"epochs": 2, "batch": 32}
STUDY: dict[str, Any] = {
    "study": "mixed",
    "data": {"source": "table", "path": "mixed.csv", "target": "y", "group": "g"},
    "split": {"kind": "random", "parts": [0.7, 0.15, 0.15]},
    "baseline": "plain",
    "stages": {
        "rnc": {"encoder": MLP, "objective": "rnc", **SHORT},
        "blind": {"encoder": MLP, "objective": "autoencoder", **SHORT},
    },
    "arms": {
        "plain": {"fit": {"encoder": MLP, **SHORT}},
        "frozen": {"pretrain": "rnc", "fit": {"train": "head", **SHORT}},
        "from blind": {"pretrain": "blind", "fit": {"train": "all", **SHORT}},
        "untrained": {"fit": {"encoder": MLP, "train": "head", **SHORT}},
        "ridge": {"group": "control", "fit": {"encoder": "identity", "head": "ridge"}},
        "forest": {
            "group": "control",
            "fit": {"encoder": "identity", "head": {"forest": {"trees": 5}}},
        },
        "mean": {"group": "control", "fit": {"head": "mean"}},
    },
    "axes": {
        "seed": {"role": "repeat", "values": 2},
        "labels": {"role": "condition", "values": [0.5, 1.0]},
        "corruption": {"role": "score", "values": ["feature_noise"]},
        "severity": {"role": "score", "values": [0, 3]},
    },
}


def frame(rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green", "blue"], rows)
    shop = rng.integers(0, 50, rows)
    size = rng.normal(size=rows)
    effect = pd.Series(colour).map({"red": 3.0, "green": 0.0, "blue": -3.0}).to_numpy()
    table = pd.DataFrame(
        {
            "size": np.where(rng.random(rows) < 0.1, np.nan, size).round(4),
            "colour": colour,
            "shop": [f"shop {k:02}" for k in shop],
            "day": pd.date_range("2021-01-01", periods=rows).strftime("%d.%m.%Y"),
            "open": rng.choice(["yes", "no"], rows),
            "g": np.arange(rows) // 2,
            "y": (effect + 0.3 * size + np.sin(shop) + 0.1 * rng.normal(size=rows)).round(4),
        }
    )
    table.loc[rng.choice(rows, 20, replace=False), "colour"] = ""
    return table


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    frame().to_csv(folder / "mixed.csv", index=False)
    (folder / "mixed.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    return run_whole(Request(str(folder / "mixed.yaml"), out=folder / "runs")).folder.path


def chains(run: Path) -> dict[tuple[str, int, str], list[str]]:
    import json

    plan = json.loads((run / "plan.json").read_text())
    return {
        (cell["arm"], cell["seed"], cell["place"]): [stage["hash"] for stage in cell["chain"]]
        for cell in plan["cells"]
        if "severity=0" in cell["place"]
    }


def test_every_arm_learns_and_categories_carry_it(run: Path) -> None:
    found = {
        r.arm: r.value
        for r in read_results(run / "results.csv")
        if (r.metric, r.unit, r.split, r.seed) == ("mae", "z", "test", 0)
        and "labels=1.0" in r.condition
        and "severity=0" in r.condition
    }
    assert set(found) == set(STUDY["arms"])
    assert found["ridge"] < 0.5 * found["mean"]


def test_a_model_prepares_any_rows_as_its_own_test_rows(run: Path) -> None:
    store = StageStore(run.parent / "stages")
    dataset = load_dataset(resolved(STUDY).study.data, run.parent.parent)
    assert isinstance(dataset.inputs, Columns)
    checked = set()
    for (arm, _, _), stages in chains(run).items():
        stage_hash = stages[-1]
        if arm in checked or store.read(stage_hash)["spec"]["kind"] == "score":
            continue
        checked.add(arm)
        fitted = Fitted.of_stage(stage_hash, store, dataset.inputs)
        with (store.folder(stage_hash) / "predictions.csv").open() as file:
            kept = {row["id"]: row for row in csv.DictReader(file) if row["split"] == "test"}
        rows = np.array([dataset.ids.index(row) for row in kept])
        values = fitted.scores(fitted.features(dataset.inputs.taken(rows)))
        scaler = store.read(stage_hash)["outcome"]["scaler"]
        own = values[:, 0] * scaler["std"][0] + scaler["mean"][0]
        theirs = [float(row["prediction"]) for row in kept.values()]
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-5, err_msg=arm)
    assert checked == set(STUDY["arms"])


def test_a_fit_keeps_the_preparation_of_the_encoder_it_goes_on_from(run: Path) -> None:
    store = StageStore(run.parent / "stages")
    seen = 0
    for (arm, _, _), stages in chains(run).items():
        if arm in {"frozen", "from blind"}:
            first, last = (read_preparation(store.folder(stage)) for stage in stages[:2])
            assert first is not None
            assert last is not None
            assert first.key == last.key
            steps = {type(part.step).__name__ for part in first.parts}
            assert ("TargetCodes" in steps) == (arm == "frozen"), "blind training sees no labels"
            seen += 1
    assert seen == 8


def test_labels_that_a_condition_hides_are_not_in_the_codes(run: Path) -> None:
    store = StageStore(run.parent / "stages")
    dataset = load_dataset(resolved(STUDY).study.data, run.parent.parent)
    for (arm, _, place), stages in chains(run).items():
        if arm != "ridge":
            continue
        spec, preparation = spec_of(stages[0], store), read_preparation(store.folder(stages[0]))
        assert preparation is not None
        train = split_rows(dataset, spec.data.split, spec.data.split_seed or 0).train
        assert set(preparation.rows) <= set(train)
        assert len(preparation.rows) == round(len(train) * (0.5 if "labels=0.5" in place else 1))


def test_heads_on_columns_prepared_differently_are_solved_apart(tmp_path: Path) -> None:
    """Logistic heads are solved together; under other conditions they stand on other features."""
    table = frame()
    table["y"] = np.where(table["y"] > 0, "high", "low")
    table.to_csv(tmp_path / "mixed.csv", index=False)
    raw = {
        **STUDY,
        "data": {**STUDY["data"], "task": "classification"},
        "baseline": "logistic",
        "stages": {},
        "arms": {"logistic": {"fit": {"encoder": "identity", "head": "logistic"}}},
        "axes": {
            "seed": {"role": "repeat", "values": 1},
            "labels": {"role": "condition", "values": [0.5, 1.0]},
        },
    }
    dataset = load_dataset(resolved(raw).study.data, tmp_path)
    plan = make_plan(resolved(raw), dataset.digest, HERE)
    assert len(bundled(plan.steps.values())) == 1, "they would be solved together"
    found = []
    for name, steps in {
        "together": [plan.steps],
        "apart": [{key: step} for key, step in plan.steps.items()],
    }.items():
        store = StageStore(tmp_path / name)
        for some in steps:
            events = list(execute(some, None, dataset, store, 1))  # type: ignore[arg-type]
            assert not [e.trace for e in events if isinstance(e, Finished) and e.error]
        found.append([store.outcome(key)["metrics"] for key in plan.steps])  # type: ignore[index]
    assert found[0][0] != found[0][1]
    for one, other in zip(*found, strict=True):
        assert [m["value"] for m in one] == pytest.approx([m["value"] for m in other], abs=1e-4)


@pytest.mark.parametrize("arm", ["plain", "frozen", "ridge", "forest"])
def test_new_rows_are_predicted_whatever_their_cells_but_for_gaps_that_training_had_not(
    run: Path, arm: str, tmp_path: Path
) -> None:
    new = frame().drop(columns=["y", "g"]).head(4)
    new = new[new.columns[::-1]].astype(object)
    new.loc[1, "colour"] = "ultraviolet"
    new.loc[1, "shop"] = "a new shop"
    new.loc[3, "size"] = None
    new.loc[2, :] = None
    new.to_csv(tmp_path / "new.csv", index=False)
    predict_file(run, f"{arm} · labels=1.0", tmp_path / "new.csv", tmp_path / "p.csv", None)
    found = pd.read_csv(tmp_path / "p.csv")
    assert found["id"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(found["y_pred"]).tolist() == [True, True, False, True]
    assert "is missing, and no row of the model's training lacked it" in found["reason"][2]
    new.drop(columns="shop").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(UserError, match=r"new.csv: no column 'shop'"):
        predict_file(run, f"{arm} · labels=1.0", tmp_path / "new.csv", tmp_path / "q.csv", None)
