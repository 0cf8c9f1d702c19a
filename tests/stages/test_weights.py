"""Weights of rare targets through a whole run: what they gain, where they act and cannot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_study import planned, small, write_table
from whole_runs import run_whole

from nearfar.data import rarity_weights, shots
from nearfar.errors import UserError
from nearfar.execution.prepared import Prepared, Request
from nearfar.plan.specs import PretrainSpec
from nearfar.records import read_results
from nearfar.records.stages import StageStore
from nearfar.study.load import resolve

LINEAR = {"encoder": "identity", "train": "head", "epochs": 30, "batch": 64, "select": "last"}
LEARNT = {**LINEAR, "optimizer": {"adam": {"lr": 0.1}}, "loss": "mse"}
STUDY: dict[str, Any] = {
    "study": "rare",
    "data": {"source": "table", "path": "rare.csv", "target": "y", "features": ["x"]},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2], "resplit": False},
    "baseline": "ridge",
    "arms": {
        "ridge": {"fit": {"encoder": "identity", "head": "ridge"}},
        "weighted ridge": {"fit": {"encoder": "identity", "head": "ridge", "weights": "inverse"}},
        "linear": {"fit": LEARNT},
        "weighted linear": {"fit": {**LEARNT, "weights": "inverse"}},
    },
}


def write_bent(path: Path) -> None:
    """A target that bends where it is rare: a straight line fits either the many or the few."""
    random = np.random.default_rng(0)
    x = np.where(np.arange(800) % 20, random.uniform(0, 1, 800), random.uniform(1, 2, 800))
    y = np.where(x < 1, x, 1 + 5 * (x - 1)) + random.normal(size=800) / 50
    lines = [f"{a:.5f},{b:.5f}" for a, b in zip(x, y, strict=True)]
    path.write_text("\n".join(["x,y", *lines]), encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("rare")
    write_bent(folder / "rare.csv")
    (folder / "rare.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    return run_whole(Request(str(folder / "rare.yaml"), out=folder / "runs"))


def rows_of(run: Prepared, arm: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part, truth and prediction of every row."""
    (cell,) = [cell for cell in run.plan.cells if cell.arm == arm]
    path = run.folder.store.folder(cell.chain[-1]) / "predictions.csv"
    text = np.genfromtxt(path, delimiter=",", dtype=str, skip_header=1)
    return text[:, 1], text[:, 3].astype(float), text[:, 4].astype(float)


@pytest.mark.parametrize("arm", ["ridge", "linear"])
def test_weights_serve_the_rare_at_the_cost_of_the_many(run: Prepared, arm: str) -> None:
    errors = {}
    for name in (arm, f"weighted {arm}"):
        part, truth, guess = rows_of(run, name)
        kinds = shots(truth[part == "train"], truth)
        wrong = np.abs(truth - guess)
        tested = {kind: (part == "test") & (kinds == kind) for kind in ("few", "many")}
        errors[name] = {kind: wrong[rows].mean() for kind, rows in tested.items()}
    plain, weighted = errors.values()
    assert weighted["few"] < 0.7 * plain["few"]
    assert weighted["many"] > plain["many"]


def test_a_trained_linear_head_finds_what_weighted_least_squares_finds(run: Prepared) -> None:
    part, truth, guess = rows_of(run, "weighted linear")
    _, _, solved = rows_of(run, "weighted ridge")
    assert np.abs(guess - solved).max() < 0.25 * truth[part == "train"].std()
    _, _, plain = rows_of(run, "ridge")
    assert np.abs(guess - solved).mean() < np.abs(plain - solved).mean() / 3


def test_validation_loss_is_not_weighted(run: Prepared) -> None:
    (cell,) = [cell for cell in run.plan.cells if cell.arm == "weighted linear"]
    folder = run.folder.store.folder(cell.chain[-1])
    curve = np.genfromtxt(folder / "curves.csv", delimiter=",", dtype=str, skip_header=1)
    last = {(split, metric): float(value) for _, split, metric, value in curve}
    part, truth, guess = rows_of(run, "weighted linear")
    deviation = truth[part == "train"].std(ddof=1)
    squares = np.square((truth - guess) / deviation)
    assert last["validation", "loss"] == pytest.approx(
        squares[part == "validation"].mean(), rel=1e-3
    )
    weights = rarity_weights(truth[part == "train"][:, None], "inverse")
    trained = np.mean(weights * squares[part == "train"])
    assert last["train", "loss"] == pytest.approx(trained, rel=0.3)
    assert trained < 0.7 * squares[part == "train"].mean()


def test_a_study_without_weights_says_nothing_of_them_in_its_stages() -> None:
    assert not any("weights" in step.spec.to_plain() for step in planned(small()).steps.values())


@pytest.mark.parametrize(
    ("fit", "phrase"),
    {
        "solved head": (
            {"encoder": "identity", "head": "svr", "weights": "inverse"},
            "arms.plain.fit.weights: solved head 'svr' takes none; allowed: catboost, forest,"
            " lightgbm, ridge, sklearn, xgboost",
        ),
        "kind": (
            {"encoder": "identity", "head": "ridge", "weights": "invers"},
            "arms.plain.fit.weights: ",
        ),
    }.values(),
)
def test_weights_that_cannot_be_are_refused(fit: dict[str, Any], phrase: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(small(arms={"plain": {"fit": fit}}, stages={}), Path("small.yaml"))
    assert phrase in str(caught.value)


def test_weighted_classes_find_more_of_the_rare_one(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    lines = ["a,b,y"]
    for i in range(240):
        x = draw.normal(size=2) + (i % 8 == 0)
        lines.append(f"{x[0]:.3f},{x[1]:.3f},{'rare' if i % 8 == 0 else 'common'}")
    (tmp_path / "small.csv").write_text("\n".join(lines), encoding="utf-8")
    linear = {
        "encoder": "identity",
        "head": "linear",
        "epochs": 30,
        "optimizer": {"adam": {"lr": 0.05}},
    }
    solved: dict[str, Any] = {"encoder": "identity", "head": "logistic"}
    forest = {"encoder": "identity", "head": {"forest": {"trees": 20}}, "weights": "inverse"}
    raw = {
        "study": "rare",
        "data": {"source": "table", "path": "small.csv", "target": "y", "task": "classification"},
        "split": {"kind": "folds", "folds": 3},
        "metric": "balanced_accuracy",
        "baseline": "linear",
        "arms": {
            "linear": {"fit": linear},
            "weighted linear": {"fit": {**linear, "weights": "inverse"}},
            "logistic": {"fit": solved},
            "weighted logistic": {"fit": {**solved, "weights": "inverse"}},
            "weighted forest": {"fit": forest},
        },
    }
    path = tmp_path / "rare.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    run = run_whole(Request(str(path), out=tmp_path / "runs"))
    found: dict[str, list[float]] = {}
    for r in read_results(run.folder.path / "results.csv"):
        if (r.split, r.metric) == ("test", "balanced_accuracy"):
            found.setdefault(r.arm, []).append(r.value)
    assert set(found) == set(raw["arms"])
    for name in ("linear", "logistic"):
        assert np.mean(found[f"weighted {name}"]) > np.mean(found[name]) + 0.05, name


def test_two_targets_regression_pretraining_and_weights_go_together(tmp_path: Path) -> None:
    write_table(tmp_path / "small.csv")
    mlp = {"mlp": {"layers": 1, "hidden": 4}}
    raw = small(
        stages={
            "l1": {"encoder": mlp, "objective": {"regression": {"loss": "huber"}}, "epochs": 3}
        },
        arms={
            "plain": {"fit": {"encoder": mlp, "epochs": 2, "weights": "sqrt_inverse"}},
            "frozen": {"pretrain": "l1", "fit": {"train": "head", "epochs": 2}},
            "forest": {
                "pretrain": "l1",
                "fit": {"head": {"forest": {"trees": 3}}, "weights": "inverse"},
            },
        },
        axes={},
    )
    raw["data"]["target"] = ["y", "z"]
    (tmp_path / "s.yaml").write_text(json.dumps(raw), encoding="utf-8")
    prepared = run_whole(Request(str(tmp_path / "s.yaml"), out=tmp_path / "runs"))
    store: StageStore = prepared.folder.store
    (pretrained,) = [
        s.hash for s in prepared.plan.steps.values() if isinstance(s.spec, PretrainSpec)
    ]
    curve = (store.folder(pretrained) / "curves.csv").read_text(encoding="utf-8")
    found = {tuple(line.split(",")[1:3]) for line in curve.splitlines()[1:]}
    assert found == {("train", "loss"), ("validation", "loss"), ("validation", "mae")}
