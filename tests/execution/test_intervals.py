"""Intervals, sets and flags as a user meets them: from a run to a table of predictions."""

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from whole_runs import run_whole

from nearfar.data import InputRows, Vectors
from nearfar.execution.predict import predict_file
from nearfar.execution.predicted import predicted_columns
from nearfar.execution.prepared import Request
from nearfar.models import Predictions

GOLDEN = Path(__file__).parents[1] / "models" / "golden"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Two numbers, a category, a number that they make with noise of 1, a class, one of 8 sites."""
    rng = np.random.default_rng(seed)
    lines = ["a,b,kind,y,c,site"]
    for k, (a, b) in enumerate(rng.normal(size=(rows, 2))):
        kind = "pqr"[rng.integers(3)]
        y = 3 * a - b + rng.normal()
        lines.append(f"{a:.5f},{b:.5f},{kind},{y:.5f},{'low' if y < -1 else 'high'},{k % 8}")
    path.write_text("\n".join(lines) + "\n")


def made_run(folder: Path, split: dict[str, Any] | None = None, **data: Any) -> Path:
    write_rows(folder / "rows.csv", 300, 0)
    write_rows(folder / "new.csv", 1000, 1)
    head = "logistic" if data.get("task") else "ridge"
    study = {
        "study": "made",
        "data": {"source": "table", "path": "rows.csv", "features": ["a", "b", "kind"], **data},
        "split": split or {"kind": "folds", "folds": 3},
        "baseline": "fit",
        "arms": {"fit": {"fit": {"encoder": "identity", "head": head}}},
        "axes": {"seed": {"role": "repeat", "values": 3}},
    }
    (folder / "made.yaml").write_text(yaml.safe_dump(study))
    return run_whole(Request(str(folder / "made.yaml"), out=folder / "runs")).folder.path


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_an_interval_holds_the_truth_of_new_rows_as_often_as_it_says(
    tmp_path: Path, level: float
) -> None:
    run, output = made_run(tmp_path, target="y"), tmp_path / "p.csv"
    told = predict_file(run, "fit", tmp_path / "new.csv", output, None, level)
    rows = rows_of(output)
    held = np.mean([float(r["y_low"]) <= float(r["y"]) <= float(r["y_high"]) for r in rows])
    assert abs(held - level) < 0.04
    assert f"intervals that hold the truth in {100 * level:g}% of rows" in told
    assert "by the errors on 300 tested rows" in told
    assert np.mean([row["unlike"] == "1" for row in rows]) < 0.04


def test_a_set_holds_the_class_of_new_rows_and_its_mean_size_is_told(tmp_path: Path) -> None:
    run, output = made_run(tmp_path, target="c", task="classification"), tmp_path / "p.csv"
    told = predict_file(run, "fit", tmp_path / "new.csv", output)
    rows = rows_of(output)
    sets = [row["c_set"].split(" | ") for row in rows]
    assert np.mean([row["c"] in names for row, names in zip(rows, sets, strict=True)]) > 0.87
    assert f"of {np.mean([*map(len, sets)]):.3g} classes on average" in told
    assert all(row["c_pred"] in names for row, names in zip(rows, sets, strict=True))


def test_a_row_far_from_training_and_a_new_category_are_told(tmp_path: Path) -> None:
    run, output = made_run(tmp_path, target="y"), tmp_path / "p.csv"
    (tmp_path / "odd.csv").write_text("kind,b,a\np,0,0\np,0,1000\nzebra,0,0\n")
    told = predict_file(run, "fit", tmp_path / "odd.csv", output)
    assert [row["unlike"] for row in rows_of(output)][:2] == ["0", "1"]
    assert "unlike the training rows (column 'unlike')" in told
    assert "column 'kind': 1 row" in told
    assert "'zebra'" in told


def test_too_few_errors_for_a_level_are_told(tmp_path: Path) -> None:
    run, output = made_run(tmp_path, target="y"), tmp_path / "p.csv"
    told = predict_file(run, "fit", tmp_path / "new.csv", output, None, 0.999)
    assert "y_low" not in rows_of(output)[0]
    assert "no intervals at 99.9%: they need 999 held-out rows, and there are 300 (300 te" in told


def test_where_groups_are_counted_groups_are_told(tmp_path: Path) -> None:
    split = {"kind": "folds", "folds": 3, "by": "group"}
    run, output = made_run(tmp_path, split, target="y", group="site"), tmp_path / "p.csv"
    told = predict_file(run, "fit", tmp_path / "new.csv", output)
    assert "need 9 held-out groups, and there are 8, of 300 tested rows; a low" in told


@pytest.mark.parametrize("arm", ["ridge", "gin"])
def test_a_chain_of_300_carbon_atoms_is_no_molecule_like_those_of_training(
    tmp_path: Path, arm: str
) -> None:
    with zipfile.ZipFile(GOLDEN / "0.1.0-molecules.zip") as archive:
        archive.extractall(tmp_path)
    (tmp_path / "chain.csv").write_text(f"smiles\nCCCCO\n{'C' * 300}\n")
    run = tmp_path / "runs" / "molecules-full"
    told = predict_file(run, arm, tmp_path / "chain.csv", tmp_path / "p.csv")
    assert [row["unlike"] for row in rows_of(tmp_path / "p.csv")] == ["0", "1"]
    assert "1 of 2 rows is unlike the training rows" in told


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (("a b", "c", "d"), ["a b | c", "d"]),
        (("a | b", "ü", "d"), ['["a | b", "ü"]', '["d"]']),
        (("a |", "b", "[d]"), ['["a |", "b"]', '["[d]"]']),
        (("a", '["b"]', "d"), ['["a", "[\\"b\\"]"]', '["d"]']),
    ],
)
def test_sets_can_be_read_back_whatever_classes_are_called(
    names: tuple[str, ...], cells: list[str]
) -> None:
    rows = InputRows(Vectors(np.zeros((2, 1)), ["x"]), ["1", "2"], ["", ""], [], {})
    there = np.array([[True, True, False], [False, False, True]])
    found = Predictions(np.full((1, 2, 3), 1 / 3), ("c",), names, sets={"c": there})
    assert predicted_columns(rows, found)["c_set"] == cells
