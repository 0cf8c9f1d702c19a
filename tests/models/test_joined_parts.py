"""Encoder lists, columns beside molecules, and estimators of other libraries stand alone too."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.commands.models import export_run
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.extensions.registry import Origin, PlugIn, add_process_part
from nearfar.heads import Ridge
from nearfar.models import FinishedModel
from nearfar.models.estimator import Estimator
from nearfar.records.run import RunFolder
from nearfar.records.stage_files import PREDICTIONS

MLP = {"mlp": {"layers": 1, "hidden": 4}}
GIN = {"gin": {"layers": 1, "hidden": 8, "out": 8}}
SHORT = {"epochs": 2, "batch": 32}
ONE = {"seed": {"role": "repeat", "values": 2}}


def ran(path: Path) -> Path:
    out = path.parent / "runs"
    return run_whole(Request(str(path), out=out, device="cpu")).folder.path


def assert_predicts_as_the_run_did(run: Path, arm: str, data: Path, folder: Path) -> None:
    """Both the run's model and the one in a folder of its own, against the run's own records."""
    model = FinishedModel.from_run(run, arm)
    model.save(folder)
    for one in (model, FinishedModel.load(folder)):
        rows = one.schema.read(data)
        found = one.predict(rows.inputs).values
        place = {str(name): k for k, name in enumerate(rows.ids)}
        for member, values in zip(one.members, found, strict=True):
            path = RunFolder(run).store.folder(member.stage) / PREDICTIONS
            with path.open(newline="", encoding="utf-8") as file:
                kept = [row for row in csv.DictReader(file) if row["split"] == "test"]
            assert kept
            told = [float(row["prediction"]) for row in kept]
            mine = values[[place[row["id"]] for row in kept], 0]
            np.testing.assert_allclose(mine, told, rtol=1e-5, atol=1e-6)


def test_encoders_side_by_side(tmp_path: Path) -> None:
    """One of them has weights that each seed draws anew."""
    arms = {
        "mean": {"group": "control", "fit": {"head": "mean"}},
        "both": {"fit": {"encoder": ["identity", MLP], "head": "ridge"}},
        "forest": {
            "fit": {
                "encoder": "identity",
                "head": {
                    "sklearn": {
                        "class": "ensemble.ExtraTreesRegressor",
                        "options": {"n_estimators": 5},
                    }
                },
            }
        },
    }
    run = ran(write_small(tmp_path, arms=arms, stages={}, baseline="both", axes=ONE))
    for arm in ("both", "forest"):
        assert_predicts_as_the_run_did(run, arm, tmp_path / "small.csv", tmp_path / f"{arm}-model")
    first, second = (
        m.fitted.weights() for m in FinishedModel.load(tmp_path / "both-model").members
    )
    drawn = [name for name in first if name.startswith("encoder.1.") and first[name].ndim == 2]
    assert drawn
    assert not any(np.array_equal(first[name], second[name]) for name in drawn)
    with pytest.raises(UserError, match="joins encoders with weights"):
        export_run(run, tmp_path / "onnx", "both", "onnx")
    assert not (tmp_path / "onnx").exists()
    export_run(run, tmp_path / "onnx", "forest", "onnx")
    assert (tmp_path / "onnx" / "model.onnx").is_file()


def beside(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    smiles = ["C" * (k // 6 + 1) + ("O", "N", "Cl", "F", "Br", "S")[k % 6] for k in range(72)]
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "solvent", "kelvin", "y"])
        for number, text in enumerate(smiles):
            solvent, kelvin = draw.choice(["water", "ethanol"]), draw.choice([280, 300, 320])
            y = 4.0 * (solvent == "water") + (kelvin - 300) / 20 + draw.normal() / 20
            writer.writerow([text, solvent, "" if number == 3 else kelvin, round(y, 4)])
    text: dict[str, Any] = {
        "study": "beside",
        "data": {
            "source": "molecules",
            "path": "rows.csv",
            "smiles": "smiles",
            "target": "y",
            "features": ["solvent", "kelvin"],
            "task": "regression",
        },
        "split": {"kind": "random", "parts": [0.7, 0.15, 0.15]},
        "metric": "mae",
        "baseline": "plain",
        "axes": ONE,
        "stages": {"rnc": {"encoder": GIN, "objective": "rnc", **SHORT}},
        "arms": {
            "plain": {"fit": {"encoder": GIN, **SHORT}},
            "frozen": {"pretrain": "rnc", "fit": {"train": "head", **SHORT}},
            "ridge": {"group": "control", "fit": {"encoder": "morgan", "head": "ridge"}},
            "list": {"fit": {"encoder": ["morgan", "descriptors"], "head": "ridge"}},
            "mean": {"group": "control", "fit": {"head": "mean"}},
        },
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    return path


def test_columns_beside_molecules(tmp_path: Path) -> None:
    run = ran(beside(tmp_path))
    for arm in ("plain", "frozen", "ridge", "list"):
        assert_predicts_as_the_run_did(run, arm, tmp_path / "rows.csv", tmp_path / f"{arm}-model")
    model = FinishedModel.load(tmp_path / "ridge-model")
    assert [column.name for column in model.schema.columns] == ["solvent", "kelvin"]
    (tmp_path / "new.csv").write_text("smiles,solvent,kelvin\nCCO,acetone,300\nCC,water,300\n")
    told = predict_file(run, "ridge", tmp_path / "new.csv", tmp_path / "predicted.csv")
    assert "column 'solvent': 1 row has a category that the model does not know" in told
    with pytest.raises(UserError, match="columns beside its molecules"):
        export_run(run, tmp_path / "onnx", "ridge", "onnx")
    for given in (["CCO", "C"], np.array(["CCO"])):
        with pytest.raises(UserError, match=r"molecules alone; .* 'solvent', 'kelvin': give a"):
            Estimator(model).predict(given)
    with pytest.raises(UserError, match=r"^X: no column 'solvent'.*lacks 'kelvin'"):
        Estimator(model).predict({"smiles": ["CCO", "C"]})


def test_what_a_program_made_does_not_leave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nearfar.extensions import registry

    monkeypatch.setattr(registry, "_of_the_process", {})
    name = "python-Ridge-0123456789abcdef"
    add_process_part("heads", name, PlugIn(Ridge, Origin("python:Ridge", "0123456789abcdef")))
    own = {"fit": {**small()["arms"]["ridge"]["fit"], "head": name}}
    mean = {"group": "control", "fit": {"head": "mean"}}
    arms = {"own": own, "mean": mean}
    run = ran(write_small(tmp_path, arms=arms, stages={}, baseline="own", axes=ONE))
    model = FinishedModel.from_run(run, "own")
    with pytest.raises(UserError, match="was made in this Python program"):
        model.save(tmp_path / "model")
    registry._of_the_process.clear()
    with pytest.raises(UserError, match="was made in a Python program"):
        FinishedModel.from_run(run, "own")
