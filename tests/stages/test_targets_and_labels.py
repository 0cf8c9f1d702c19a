"""Class maps and labelled fractions through a whole run."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_study import HERE
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import prepare
from nearfar.plan.plan import make_plan
from nearfar.records import read_results
from nearfar.study.load import resolve

LOGISTIC = {"encoder": "identity", "head": "logistic"}
MLP = {"mlp": {"layers": 1, "hidden": 4}}
STUDY: dict[str, Any] = {
    "study": "colours",
    "data": {"source": "table", "path": "t.csv", "target": "colour", "task": "classification"},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2], "resplit": False},
    "baseline": "columns",
    "targets": {
        "warm": {"red+yellow": "warm", "*": "cold"},
        "red or blue": ["red", "blue"],
    },
    "stages": {
        "codes": {"encoder": MLP, "objective": "autoencoder", "epochs": 1},
        "pairs": {"encoder": MLP, "objective": "contrastive", "epochs": 1},
    },
    "arms": {
        "columns": {"fit": LOGISTIC},
        "codes": {"pretrain": "codes", "fit": {"head": "knn"}},
        "pairs": {"pretrain": "pairs", "fit": {"head": "knn"}},
        "warm": {"fit": {**LOGISTIC, "target": "warm"}},
        "warm majority": {"against": "warm", "fit": {"head": "mean", "target": "warm"}},
        "two": {"fit": {"encoder": MLP, "epochs": 2, "target": "red or blue"}},
    },
    "axes": {
        "seed": {"role": "repeat", "values": 3},
        "labels": {"role": "condition", "values": [0.25, 1]},
    },
}
COLOURS = ("blue", "green", "red", "yellow")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("colours")
    random = np.random.default_rng(0)
    number = np.arange(200) % 4
    x = random.normal(size=(200, 2)) + np.stack([number % 2, number // 2], axis=1) * 2
    lines = [f"{a:.4f},{b:.4f},{COLOURS[k]}" for (a, b), k in zip(x, number, strict=True)]
    (folder / "t.csv").write_text("\n".join(["a,b,colour", *lines]), encoding="utf-8")
    (folder / "t.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    return run_whole(Request(str(folder / "t.yaml"), out=folder / "runs"))


def predictions(run: Prepared, arm: str, condition: str, stage: int = -1) -> list[dict[str, str]]:
    cell = next(c for c in run.plan.cells if (c.arm, c.condition) == (arm, condition))
    path = run.folder.store.folder(cell.chain[stage]) / "predictions.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("condition", "rows"), [("labels=0.25", 30), ("labels=1", 120)])
def test_a_fit_sees_the_labelled_fraction(run: Prepared, condition: str, rows: int) -> None:
    read = predictions(run, "columns", condition)
    assert sum(row["split"] == "train" for row in read) == rows
    assert sum(row["split"] == "test" for row in read) == 40


def test_only_stages_that_read_labels_are_repeated(run: Prepared) -> None:
    def stages(arm: str) -> int:
        return len({cell.chain[0] for cell in run.plan.cells if cell.arm == arm})

    assert stages("codes") == 3
    assert stages("pairs") == 6


def test_pretraining_and_fit_see_the_same_labelled_rows(run: Prepared) -> None:
    for cell in run.plan.cells:
        data = [run.plan.steps[stage_hash].spec.data for stage_hash in cell.chain]
        if cell.arm == "pairs":
            assert data[0] == data[1]


def test_records_have_the_classes_of_their_target(run: Prepared) -> None:
    targets = {r.arm: r.target for r in read_results(run.folder.path / "results.csv")}
    assert targets == {
        **dict.fromkeys(("columns", "codes", "pairs"), "colour"),
        "warm": "warm",
        "warm majority": "warm",
        "two": "red or blue",
    }
    warm = predictions(run, "warm", "labels=1")
    assert {row["truth"] for row in warm} == {"warm", "cold"}
    assert len(warm) == 200
    two = predictions(run, "two", "labels=1")
    assert {row["truth"] for row in two} == {"red", "blue"}
    assert len(two) == 100


def test_arms_are_compared_within_one_target(run: Prepared) -> None:
    summary = json.loads((run.folder.path / "summary.json").read_text(encoding="utf-8"))
    pairs = {(c["arm"], c["against"], c["target"]) for c in summary["comparisons"]}
    assert pairs == {
        ("codes", "columns", "colour"),
        ("pairs", "columns", "colour"),
        ("warm majority", "warm", "warm"),
    }
    assert summary["target"] == "colour"
    classes = {arm["arm"]: arm["classes"] for arm in summary["arms"]}
    assert classes["columns"] == list(COLOURS)
    assert classes["warm"] == ["warm", "cold"]


def test_prediction_names_the_target_and_asks_for_the_condition(
    run: Prepared, tmp_path: Path
) -> None:
    data, output = run.folder.path.parent.parent / "t.csv", tmp_path / "p.csv"
    predict_file(run.folder.path, "warm · labels=1", data, output, None)
    with output.open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    made = ["warm_pred", "warm_set", "p:warm", "p:cold", "unlike", "nearest", "reason"]
    assert list(first)[-7:] == made
    assert first["warm_pred"] in {"warm", "cold"}
    with pytest.raises(UserError, match=r"allowed: .*warm · labels=1"):
        predict_file(run.folder.path, "warm", data, tmp_path / "q.csv", None)


@pytest.mark.parametrize(
    ("change", "phrase"),
    {
        "unknown target": (
            {"arms": {"columns": {"fit": {**LOGISTIC, "target": "wram"}}}},
            "arms.columns.fit.target: no target is called 'wram'; did you mean 'warm'",
        ),
        "unused": ({"targets": {**STUDY["targets"], "more": ["red", "blue"]}}, "targets.more: no"),
        "rival": (
            {"arms": {**STUDY["arms"], "two": {"against": "warm", "fit": LOGISTIC}}},
            "arms.two.against: 'warm' predicts another target",
        ),
        "no choice": ({"search": {"epochs": 3}}, "search: there is no axis of role 'choose'"),
        "fraction": (
            {"axes": {"labels": {"role": "condition", "values": [1.5]}}},
            "labels: ",
        ),
        "compared": (
            {"axes": {"labels": {"role": "compare", "values": [0.5, 1]}}},
            "axes.labels: labels varies along an axis of role 'condition'",
        ),
        "numbers": (
            {"data": {"source": "diabetes"}, "targets": {"a": ["b", "c"]}},
            "targets: are maps of classes, and this study predicts none",
        ),
    }.values(),
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], phrase: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve({**STUDY, **change}, Path("t.yaml"))
    assert phrase in str(caught.value)


def test_the_order_of_new_classes_is_part_of_what_is_trained() -> None:
    turned = {**STUDY, "targets": {**STUDY["targets"], "red or blue": ["blue", "red"]}}
    before, after = (
        make_plan(resolve(dict(raw), Path("t.yaml")), "0" * 64, HERE) for raw in (STUDY, turned)
    )
    changed = [cell.arm for cell in after.cells if not set(cell.chain) <= set(before.steps)]
    assert set(changed) == {"two"}


def test_too_few_labels_are_refused_before_anything_runs(run: Prepared, tmp_path: Path) -> None:
    axes = {**STUDY["axes"], "labels": {"role": "condition", "values": [0.01, 1]}}
    path = run.folder.path.parent.parent / "few.yaml"
    path.write_text(json.dumps({**STUDY, "axes": axes}), encoding="utf-8")
    with pytest.raises(UserError, match="training rows are 2, fewer than the 4 classes"):
        prepare(Request(str(path), out=tmp_path))
    assert not list(tmp_path.iterdir())
