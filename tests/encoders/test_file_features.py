"""Embeddings from files as an encoder of a study: run, changed, put into use."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.models import FinishedModel
from nearfar.starter.write import write_study
from nearfar.study.load import resolve

FILE = {"file": {"path": "rows.npz"}}


def write_all(folder: Path, **changes: Any) -> Path:
    ridge = {"encoder": FILE, "head": "ridge"}
    arms = {
        "own": {"fit": {"encoder": "identity", "head": "ridge"}},
        "file": {"fit": ridge},
        "both": {"fit": {**ridge, "encoder": ["identity", FILE]}},
        "linear": {"fit": {"encoder": FILE, "epochs": 2, "batch": 16}},
    }
    data = {**small()["data"], "id": "name"}
    axes = {"seed": {"role": "repeat", "values": 2}}
    given = {"arms": arms, "stages": {}, "baseline": "own", "axes": axes, "data": data, **changes}
    study = write_small(folder, **given)
    rows = (folder / "small.csv").read_text().splitlines()[1:]
    target = np.array([float(row.split(",")[3]) for row in rows])
    noise = np.random.default_rng(1).normal(size=(60, 4)) * [1, 1000, 1e-3, 1]
    values = np.column_stack([target, noise])[::-1]
    ids = np.array([f"row {k}" for k in range(60)])[::-1]
    np.savez(folder / "rows.npz", ids=ids, embeddings=values)
    return study


def test_an_arm_on_a_file_is_run_scored_and_predicts(tmp_path: Path) -> None:
    """The file holds the target itself, so that rows joined wrongly would show."""
    axes = {
        "seed": {"role": "repeat", "values": 2},
        "r": {"role": "score", "values": ["all", "seen"]},
    }
    study = write_all(tmp_path, axes=axes, test={"rows": "$r"}, unseen=[1.0, 9.0])
    run = run_whole(Request(str(study), out=tmp_path / "runs"))
    with (run.folder.path / "results.csv").open(encoding="utf-8", newline="") as lines:
        mae = {
            row["arm"]: float(row["value"])
            for row in csv.DictReader(lines)
            if (row["metric"], row["split"], row["condition"]) == ("mae", "test", "r=all")
        }
    assert mae["file"] < mae["own"] / 3
    assert mae["both"] < mae["own"] / 3
    folder, data, out = run.folder.path, tmp_path / "small.csv", tmp_path / "p.parquet"
    said = {"force": True, "embeddings": [tmp_path / "rows.npz"]}
    for arm in ("file", "both", "linear"):
        predict_file(folder, arm, data, out, **said)
        table = pq.read_table(out)
        error = np.abs(np.array(table["y_pred"]) - np.array(table["y"]).astype(float))
        assert arm == "linear" or error.mean() < mae["own"] / 3
    FinishedModel.from_run(folder, "file").save(tmp_path / "model")
    predict_file(tmp_path / "model", None, data, out, **said)
    with pytest.raises(UserError, match=r"reads embeddings from a file \(rows\.npz\): give those"):
        predict_file(folder, "file", data, out, force=True)
    with pytest.raises(UserError, match="own reads no embeddings from a file"):
        predict_file(folder, "own", data, out, **said)
    np.save(tmp_path / "narrow.npy", np.zeros((60, 2)))
    with pytest.raises(UserError, match="2 columns, and the model was trained on 5"):
        predict_file(folder, "file", data, out, force=True, embeddings=[tmp_path / "narrow.npy"])


def test_rows_to_predict_for_without_an_embedding_keep_their_place(tmp_path: Path) -> None:
    arms = {"file": {"fit": {"encoder": FILE, "head": "ridge"}}}
    study = write_all(tmp_path, arms=arms, baseline="file")
    run = run_whole(Request(str(study), out=tmp_path / "runs"), jobs=1).folder.path
    out, files = tmp_path / "p.csv", [tmp_path / "rows.npz"]
    header, *lines = (tmp_path / "small.csv").read_text().splitlines()
    place = header.split(",").index("name")

    def named(line: str, name: str) -> str:
        return ",".join(name if k == place else cell for k, cell in enumerate(line.split(",")))

    chosen = [named(lines[5], ""), lines[7], named(lines[2], "row 99"), lines[3]]
    new = tmp_path / "new.csv"
    new.write_text("\n".join([header, *chosen]))
    told = predict_file(run, "file", new, out, embeddings=files)
    assert "wrote 2 predictions" in told
    assert "2 rows have none, see column 'reason' (the first is row 1: its id is missing)" in told
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["reason"] for row in rows] == [
        "its id is missing",
        "",
        "rows.npz has no row for id 'row 99'",
        "",
    ]
    assert [bool(row["y_pred"]) for row in rows] == [False, True, False, True]
    for row in (rows[1], rows[3]):
        assert abs(float(row["y_pred"]) - float(row["y"])) < 0.1
    with pytest.raises(UserError, match=r"row 1.*its id is missing; 1 more bad row"):
        predict_file(run, "file", new, out, embeddings=files, strict=True, force=True)
    new.write_text("\n".join([header, named(lines[2], "row 99")]))
    with pytest.raises(UserError, match=r"rows\.npz has none of the 1 ids"):
        predict_file(run, "file", new, out, embeddings=files, force=True)


def test_a_changed_file_is_another_run(tmp_path: Path) -> None:
    study = write_all(tmp_path)
    request = Request(str(study), out=tmp_path / "runs")
    first = run_whole(request)
    again = prepare(request)
    assert not again.missing
    assert again.folder.path == first.folder.path
    with np.load(tmp_path / "rows.npz") as file:
        np.savez(tmp_path / "rows.npz", ids=file["ids"], embeddings=file["embeddings"] + 1)
    changed = prepare(request)
    assert changed.folder.path != first.folder.path
    assert "a file of embeddings has other values" in changed.notes[0]
    assert {cell.arm for cell in changed.plan.cells if set(cell.chain) & set(changed.missing)} == {
        "file",
        "both",
        "linear",
    }


def test_a_run_folder_finds_the_file_again(tmp_path: Path) -> None:
    labels = {"role": "compare", "values": ["rows.npz", "more.npz"]}
    arms = {
        "own": {"fit": {"encoder": "identity", "head": "ridge"}},
        "file": {"fit": {"encoder": {"file": {"path": "$which"}}, "head": "ridge"}},
    }
    axes = {"seed": {"role": "repeat", "values": 1}, "which": labels}
    study = write_all(tmp_path, arms=arms, axes=axes)
    with np.load(tmp_path / "rows.npz") as file:
        np.savez(tmp_path / "more.npz", ids=file["ids"], embeddings=file["embeddings"][:, 1:])
    run = run_whole(Request(str(study), out=tmp_path / "runs"), jobs=1)
    again = prepare(Request(str(run.folder.path / "study.yaml"), out=tmp_path / "runs"))
    assert not again.missing
    assert "file [which=more.npz]" in again.plan.arms


def test_mistakes_are_told_before_any_training(tmp_path: Path) -> None:
    study = write_all(tmp_path)
    (tmp_path / "rows.npz").unlink()
    with pytest.raises(UserError, match=r"no such data file: rows\.npz; looked in"):
        prepare(Request(str(study), out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
    raw = yaml.safe_load(study.read_text())
    raw["arms"]["file"]["fit"]["encoder"] = "file"
    with pytest.raises(UserError, match="needs the name of a file of embeddings"):
        resolve(raw, study)
    raw["arms"]["file"]["fit"]["encoder"] = {"file": {"path": "rows.npz", "digest": "0"}}
    with pytest.raises(UserError, match="unknown key 'digest'"):
        resolve(raw, study)
    raw = yaml.safe_load(study.read_text())
    raw["test"] = {"corruption": "feature_noise", "severity": 2}
    with pytest.raises(UserError, match=r"test\.corruption: changes inputs, and arm 'file' reads"):
        resolve(raw, study)


def test_init_takes_a_file_and_finds_the_column_of_its_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path)
    monkeypatch.chdir(tmp_path)
    data, out = Path("small.csv"), Path("mine.yaml")
    path, facts = write_study(data, ["y"], out, embeddings=Path("rows.npz"))
    text = yaml.safe_load(path.read_text())
    assert text["data"]["id"] == "name"
    assert any("joined by id ('ids'), which column 'name' of the data" in fact for fact in facts)
    assert text["arms"]["embeddings SVR"]["fit"]["encoder"] == FILE
    assert text["arms"]["columns and embeddings SVR"]["fit"]["encoder"] == ["identity", FILE]
    np.savez("strange.npz", ids=np.array([f"{k}!" for k in range(60)]), embeddings=np.eye(60))
    with pytest.raises(UserError, match=r"no column of the data has ids of it .* --id COLUMN"):
        write_study(data, ["y"], Path("other.yaml"), embeddings=Path("strange.npz"))
    assert not Path("other.yaml").exists()
