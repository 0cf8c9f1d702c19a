"""Arms whose outputs become numbers in other ways: trained, recorded and put into use as others."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_study import Plain, planned, resolved, small, write_small
from whole_runs import run_whole

from nearfar.data import split_rows
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.study.load import load_study

BASE: Plain = {"encoder": {"mlp": {"layers": 2, "hidden": 16}}, "epochs": 30, "batch": 16}
ADAM = {"adamw": {"lr": 0.02}}
READOUTS: dict[str, Any] = {
    "plain": "z",
    "own": "own",
    "bins": {"bins": {"count": 12}},
    "one-hot": {"bins": {"count": 12, "smoothing": 0}},
    "ordinal": {"ordinal": {"count": 30}},
    "apart": {"ordinal": {"count": 30, "shared": False}},
}
ARMS: Plain = {
    "mean": {"group": "control", "fit": {"head": "mean"}},
    "frozen": {
        "pretrain": "rnc",
        "fit": {
            "train": "head",
            "head": {"mlp": {"hidden": [8]}},
            "readout": "bins",
            "epochs": 2,
        },
    },
    **{
        name: {"fit": {**BASE, "optimizer": ADAM, "readout": readout}}
        for name, readout in READOUTS.items()
    },
}
STUDY: Plain = {"arms": ARMS, "axes": {}, "profiles": {}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("readouts")
    path = write_small(folder, **STUDY)
    return run_whole(Request(str(path), out=folder / "runs"))


def errors(run: Prepared, unit: str) -> dict[str, float]:
    with (run.folder.path / "results.csv").open(encoding="utf-8") as file:
        return {
            row["arm"]: float(row["value"])
            for row in csv.DictReader(file)
            if (row["split"], row["metric"], row["unit"]) == ("test", "mae", unit)
        }


def training_targets(run: Prepared) -> np.ndarray:
    split = split_rows(run.dataset, run.resolved.study.split, 0)
    return run.dataset.targets[split.train, 0]


def stage_of(run: Prepared, arm: str) -> Path:
    with (run.folder.path / "stages.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (r["arm"], r["stage"]) == (arm, "fit")]
    return run.folder.store.folder(rows[0]["hash"])


def test_every_readout_learns(run: Prepared) -> None:
    found = errors(run, "z")
    for name in READOUTS:
        assert found[name] < 0.6 * found["mean"], (name, found)


def test_z_units_and_own_units_are_two_views_of_one_error(run: Prepared) -> None:
    deviation = float(np.std(training_targets(run), ddof=1))
    z, own = errors(run, "z"), errors(run, "target")
    for name in z:
        assert own[name] == pytest.approx(z[name] * deviation, rel=1e-6)


@pytest.mark.parametrize("arm", ["own", "bins", "apart", "frozen"])
def test_a_stored_arm_predicts_what_was_recorded(arm: str, run: Prepared, tmp_path: Path) -> None:
    output = tmp_path / "predicted.csv"
    predict_file(run.folder.path, arm, run.folder.path.parents[1] / "small.csv", output, None)
    with output.open(encoding="utf-8") as file:
        predicted = {row["id"]: float(row["y_pred"]) for row in csv.DictReader(file)}
    with (stage_of(run, arm) / "predictions.csv").open(encoding="utf-8") as file:
        recorded = {row["id"]: float(row["prediction"]) for row in csv.DictReader(file)}
    assert predicted.keys() == recorded.keys()
    assert predicted == pytest.approx(recorded, abs=1e-4)


def test_ordinal_predictions_are_levels(run: Prepared) -> None:
    train = training_targets(run)
    levels = np.linspace(train.min(), train.max(), 30)
    with (stage_of(run, "ordinal") / "predictions.csv").open(encoding="utf-8") as file:
        values = np.array([float(row["prediction"]) for row in csv.DictReader(file)])
    assert np.abs(values[:, None] - levels).min(axis=1).max() < 1e-5


def test_the_loss_of_own_units_is_in_them(run: Prepared) -> None:
    deviation = float(np.std(training_targets(run), ddof=1))
    with (stage_of(run, "own") / "curves.csv").open(encoding="utf-8") as file:
        points = [r for r in csv.DictReader(file) if r["split"] == "validation"]
    by_metric = {
        metric: [float(p["value"]) for p in points if p["metric"] == metric]
        for metric in ("loss", "mae")
    }
    expected = [value * deviation for value in by_metric["mae"]]
    assert by_metric["loss"] == pytest.approx(expected, rel=1e-4)


def test_own_units_suit_a_target_far_from_zero(tmp_path: Path) -> None:
    arms = {"own": ARMS["own"], "mean": ARMS["mean"]}
    path = write_small(tmp_path, **{**STUDY, "arms": arms, "baseline": "mean", "stages": {}})
    header, *lines = (tmp_path / "small.csv").read_text(encoding="utf-8").splitlines()
    y = header.split(",").index("y")
    rows = [line.split(",") for line in lines]
    for row in rows:
        row[y] = str(1000 + 2 * float(row[y]))
    text = "\n".join([header, *map(",".join, rows)])
    (tmp_path / "small.csv").write_text(text, encoding="utf-8")
    prepared = prepare(Request(str(path), out=tmp_path / "runs"))
    carry_out(prepared, 1, lambda event: None)
    found = errors(prepared, "target")
    assert found["own"] < 0.6 * found["mean"]


def test_the_usual_readout_leaves_no_trace_in_what_is_hashed() -> None:
    specs = [step.spec.to_plain() for step in planned(small(**STUDY)).steps.values()]
    named = [next(iter(plain["readout"])) for plain in specs if "readout" in plain]
    assert sorted(named) == ["bins", "bins", "bins", "ordinal", "ordinal", "own"]


def test_losses_follow_the_readout() -> None:
    fits = {name: arm.fit for name, arm in resolved(small(**STUDY)).study.arms.items()}
    assert {name: getattr(fits[name], "loss", None) for name in ("own", "one-hot", "apart")} == {
        "own": "l1",
        "one-hot": "cross_entropy",
        "apart": "binary_cross_entropy",
    }


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (
            {"readout": "bins", "loss": "l1"},
            "arms.plain.fit.loss: 'l1' is not for readout bins; allowed: cross_entropy",
        ),
        (
            {"readout": "own", "loss": "cross_entropy"},
            "arms.plain.fit.loss: 'cross_entropy' is not for regression; allowed: huber, l1, mse",
        ),
        ({"readout": {"bins": {"count": 1}}}, "arms.plain.fit.readout.bins.count"),
        ({"readout": "bin"}, "did you mean 'bins'?"),
        ({"readout": {"ordinal": {"smoothing": 1}}}, "unknown key 'smoothing'"),
    ],
)
def test_mistakes_in_readouts(fit: Plain, words: str) -> None:
    arms = {**ARMS, "plain": {"fit": {**BASE, **fit}}}
    with pytest.raises(UserError) as caught:
        resolved(small(**{**STUDY, "arms": arms}))
    assert words in str(caught.value)


def test_classes_are_no_numbers() -> None:
    with pytest.raises(UserError) as caught:
        load_study("cifar10-pixels", settings=("arms.softmax SGD.fit.readout=own",))
    assert "fit.readout: 'own' is not for classification: it makes numbers" in str(caught.value)
