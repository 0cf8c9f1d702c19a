"""Measured columns beside molecules and images: seen before the head, learnt from training rows."""

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from image_examples import write_images
from whole_runs import run_whole

from nearfar.data import load_dataset
from nearfar.data.inputs.joined import Joined
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.plan.specs import PretrainSpec
from nearfar.records import read_results
from nearfar.stages.prepare import read_preparation
from nearfar.study.load import load_study

ROWS = 90
SHORT = {"epochs": 2, "batch": 32}
SOLVENTS = {"water": 4.0, "ethanol": -4.0, "": 0.0}
GIN = {"gin": {"layers": 1, "hidden": 8, "out": 8}}
CNN = {"cnn": {}}


def table(path: Path, inputs: list[str], column: str) -> list[dict[str, Any]]:
    """Write rows whose target is told by the columns beside alone, with gaps in both."""
    draw = random.Random(0)
    rows = []
    for text in inputs:
        solvent, kelvin = draw.choice([*SOLVENTS]), draw.choice([280.0, 300.0, 320.0])
        y = round(SOLVENTS[solvent] + (kelvin - 300) / 20 + draw.gauss(0, 0.05), 4)
        rows.append({column: text, "solvent": solvent, "Temp (K)": kelvin, "y": y})
    rows[3]["Temp (K)"] = ""
    write(path, rows)
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def study(folder: Path, data: dict[str, Any], encoder: Any, fixed: str, **more: Any) -> Path:
    views = {"augment": ["flip"]} if data["source"] == "images" else {}
    arms = {
        "plain": {"fit": {"encoder": encoder, **views, **SHORT}},
        "frozen": {"pretrain": "rnc", "fit": {"train": "head", **SHORT}},
        "tuned": {"pretrain": "rnc", "fit": {"train": "last:1", **SHORT}},
        "ridge": {"group": "control", "fit": {"encoder": fixed, "head": "ridge"}},
        "mean": {"group": "control", "fit": {"head": "mean"}},
    }
    text = {
        "study": "beside",
        "data": {"target": "y", "features": ["solvent", "Temp (K)"], "task": "regression", **data},
        "split": {"kind": "random", "parts": [0.7, 0.15, 0.15]},
        "metric": "mae",
        "baseline": "plain",
        "axes": {"seed": {"role": "repeat", "values": 1}, **more},
        "stages": {"rnc": {"encoder": encoder, "objective": "rnc", **SHORT}},
        "arms": arms,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    return path


def errors(prepared: Prepared) -> dict[str, float]:
    rows = read_results(prepared.folder.path / "results.csv")
    return {
        row.arm: row.value
        for row in rows
        if (row.split, row.metric, row.unit) == ("test", "mae", "z")
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def predicted(run: Path, rows: list[dict[str, Any]], arm: str) -> list[float]:
    write(Path("new.csv"), rows)
    predict_file(run, arm, Path("new.csv"), Path("out.csv"), None, force=True)
    with Path("out.csv").open(encoding="utf-8") as file:
        return [float(row["y_pred"]) for row in csv.DictReader(file)]


def test_conditions_beside_molecules(home: Path) -> None:
    tails = ("O", "N", "Cl", "C(=O)O", "F", "Br")
    smiles = ["C" * (k // 6 + 1) + tails[k % 6] for k in range(ROWS)]
    rows = table(home / "m.csv", smiles, "smiles")
    path = study(home, {"source": "molecules", "path": "m.csv"}, GIN, "morgan")
    prepared = run_whole(Request(str(path), device="cpu"))
    found = errors(prepared)
    assert found["ridge"] < 0.3 < found["mean"]
    store = prepared.folder.store
    for step in prepared.plan.steps.values():
        kept = read_preparation(store.folder(step.hash))
        blind = isinstance(step.spec, PretrainSpec) or step.spec.to_plain()["head"] == {"mean": {}}
        assert (kept is None) == blind
    run = prepared.folder.path
    wet = predicted(run, [{**rows[0], "solvent": "water", "Temp (K)": 300}], "ridge")
    dry = predicted(run, [{**rows[0], "solvent": "ethanol", "Temp (K)": 300}], "ridge")
    assert wet[0] - dry[0] > 4
    unseen = {**rows[0], "solvent": "acetone", "Temp (K)": ""}
    for arm in ("plain", "frozen", "tuned", "ridge"):
        assert np.isfinite(predicted(run, [unseen], arm)).all()
    with pytest.raises(UserError, match=r"no column 'Temp \(K\)'"):
        predicted(run, [{"smiles": "CO", "solvent": "water"}], "plain")


def test_columns_beside_images(home: Path) -> None:
    names = [f"p/{k}.png" for k in range(ROWS)]
    write_images(home, names)
    rows = table(home / "t.csv", names, "path")
    noisy = {
        "corruption": {"role": "score", "values": ["gaussian_noise"]},
        "severity": {"role": "score", "values": [0, 3]},
    }
    path = study(home, {"source": "images", "path": "t.csv"}, CNN, "pixels", **noisy)
    prepared = run_whole(Request(str(path), device="cpu", arms=["plain", "tuned", "ridge"]))
    run = prepared.folder.path
    wet = predicted(run, [{**rows[0], "solvent": "water"}], "ridge")
    dry = predicted(run, [{**rows[0], "solvent": "ethanol"}], "ridge")
    assert wet[0] > dry[0]


def test_columns_are_part_of_the_rows(home: Path) -> None:
    smiles = ["C" * (k // 2 + 1) + "ON"[k % 2] for k in range(ROWS)]
    table(home / "m.csv", smiles, "smiles")
    path = study(home, {"source": "molecules", "path": "m.csv"}, GIN, "morgan")
    options = load_study(str(path)).study.data
    with_them = load_dataset(options, home)
    assert isinstance(with_them.inputs, Joined)
    assert with_them.source["features"] == ["solvent", "Temp (K)"]
    one = load_dataset(options.model_copy(update={"features": ["solvent"]}), home)
    none = load_dataset(options.model_copy(update={"features": None}), home)
    assert len({with_them.digest, one.digest, none.digest}) == 3
    assert one.source["columns_not_used"] == "Temp (K) (numbers)"
    assert none.source["columns_not_used"] == "solvent (categories), Temp (K) (numbers)"


def test_a_reconstruction_has_no_head_for_columns(home: Path) -> None:
    names = [f"p/{k}.png" for k in range(4)]
    write_images(home, names)
    table(home / "t.csv", names, "path")
    data = {"source": "images", "path": "t.csv", "task": "reconstruction"}
    with pytest.raises(UserError, match="'features' goes with a prediction"):
        load_study(str(study(home, data, CNN, "pixels")))
