"""Which model predicts where none is named, and what is said where it is not there."""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.records.run import RunFolder

NEW = ("y_pred", "y_std", "y_low", "y_high", "unlike", "nearest", "reason")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    arms = {"mean": small()["arms"]["mean"], "ridge": {"fit": small()["arms"]["ridge"]["fit"]}}
    axes = {"seed": {"role": "repeat", "values": 3}}
    study = write_small(tmp_path, arms=arms, stages={}, baseline="ridge", axes=axes)
    return run_whole(Request(str(study), out=tmp_path / "runs")).folder.path


def test_the_recommended_arm_predicts(run: Path, tmp_path: Path) -> None:
    told = predict_file(run, None, tmp_path / "small.csv", tmp_path / "p.csv", None)
    assert "predictions by ridge, 3 models" in told
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 61


def test_a_run_that_recommends_nothing_asks_for_an_arm(run: Path, tmp_path: Path) -> None:
    folder = RunFolder(run)
    with folder.writing():
        folder.write_json("summary.json", {**folder.read_json("summary.json"), "recommended": None})
    with pytest.raises(UserError, match="recommends no arm: name one with --arm"):
        predict_file(run, None, tmp_path / "small.csv", tmp_path / "p.csv", None)


def test_a_model_that_is_gone_is_told_with_a_remedy(run: Path, tmp_path: Path) -> None:
    for model in (run.parent / "stages").iterdir():
        shutil.rmtree(model)
    with pytest.raises(UserError, match="model of seed 0 is not there any more; 'nearfar run'"):
        predict_file(run, "ridge", tmp_path / "small.csv", tmp_path / "p.csv", None)
    shutil.rmtree(run.parent / "stages")
    with pytest.raises(UserError, match="none here: move the folder of runs as a whole"):
        predict_file(run, "ridge", tmp_path / "small.csv", tmp_path / "p.csv", None)
    assert not (tmp_path / "p.csv").exists()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def predicted(run: Path, data: Path, **options: Any) -> list[dict[str, str]]:
    output = data.with_name("made.csv")
    predict_file(run, "ridge", data, output, None, **{"force": True, **options})
    return rows_of(output)


def test_measured_values_and_all_other_columns_pass_through(run: Path, tmp_path: Path) -> None:
    given = rows_of(tmp_path / "small.csv")
    made = predicted(run, tmp_path / "small.csv")
    assert list(made[0]) == ["id", *given[0], *NEW]
    for number, (row, before) in enumerate(zip(made, given, strict=True), start=1):
        assert row["id"] == str(number)
        assert {name: row[name] for name in before} == before
        assert row["y_pred"] != row["y"]
        assert row["reason"] == ""


def test_predicting_the_predictions_keeps_those_of_before(run: Path, tmp_path: Path) -> None:
    first = predicted(run, tmp_path / "small.csv")
    (tmp_path / "made.csv").rename(tmp_path / "again.csv")
    second = predicted(run, tmp_path / "again.csv")
    assert list(second[0]) == [*first[0], *(f"{name}_2" for name in NEW)]
    assert [row["y_pred"] for row in second] == [row["y_pred"] for row in first]
    assert [row["y_pred_2"] for row in second] == [row["y_pred"] for row in first]


def damaged(path: Path, column: str, row: int, cell: str) -> list[dict[str, str]]:
    """Put a cell into row ``row``, from 1, of a table."""
    rows = rows_of(path)
    rows[row - 1][column] = cell
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_a_bad_row_keeps_its_line_with_a_reason(run: Path, tmp_path: Path) -> None:
    whole = predicted(run, tmp_path / "small.csv")
    new = tmp_path / "new.csv"
    shutil.copyfile(tmp_path / "small.csv", new)
    damaged(new, "a", 3, "odd")
    damaged(new, "b", 7, "")
    made = predicted(run, new)
    assert len(made) == len(whole)
    bad = {row["id"]: row for row in made if row["reason"]}
    assert list(bad) == ["3", "7"]
    assert "'odd'" in bad["3"]["reason"]
    assert "missing" in bad["7"]["reason"]
    assert all(row["y_pred"] == row["y_std"] == "" for row in bad.values())
    others = [(row, old) for row, old in zip(made, whole, strict=True) if row["id"] not in bad]
    assert all(row["y_pred"] == old["y_pred"] for row, old in others)
    told = predict_file(run, "ridge", new, tmp_path / "p.csv", None)
    assert "wrote 58 predictions" in told
    assert "2 rows have none, see column 'reason' (the first is row 3: " in told
    with pytest.raises(UserError, match=r"new.csv, row 3 .*; 1 more bad row .*without --strict"):
        predict_file(run, "ridge", new, tmp_path / "strict.csv", None, strict=True)
    assert not (tmp_path / "strict.csv").exists()


def refused(run: Path, tmp_path: Path, output: Path, *, force: bool, data: str = "new.csv") -> str:
    with pytest.raises(UserError) as caught:
        predict_file(run, "ridge", tmp_path / data, output, None, force=force)
    return str(caught.value)


def test_nothing_is_written_over(run: Path, tmp_path: Path) -> None:
    new, training = tmp_path / "new.csv", tmp_path / "small.csv"
    shutil.copyfile(training, new)
    (tmp_path / "link.csv").symlink_to(new)
    (tmp_path / "hard.csv").hardlink_to(new)
    (tmp_path / "kept.csv").write_text("mine\n")
    os.mkfifo(tmp_path / "pipe.csv")
    before = new.read_bytes()
    assert "is there already; --force writes over it" in refused(
        run, tmp_path, tmp_path / "kept.csv", force=False
    )
    own = [run / "results.csv", next((run.parent / "stages").glob("*/predictions.csv"))]
    for path in (*(tmp_path / n for n in ("new.csv", "link.csv", "hard.csv", "small.csv")), *own):
        assert "is read for this" in refused(run, tmp_path, path, force=True), path
    for name, phrase in {
        "pipe.csv": "is no file",
        "": "is a folder",
        "x.xlsx": "cannot write .xlsx; end it in .csv, .tsv or .parquet",
    }.items():
        assert phrase in refused(run, tmp_path, tmp_path / name, force=True)
    assert new.read_bytes() == training.read_bytes() == before
    assert (tmp_path / "kept.csv").read_text() == "mine\n"
    predict_file(run, "ridge", new, tmp_path / "kept.csv", None, force=True)
    assert len(rows_of(tmp_path / "kept.csv")) == 60


def test_parquet_tabs_and_standard_output_say_the_same(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = predicted(run, tmp_path / "small.csv")
    for name in ("p.parquet", "p.tsv", "-"):
        output = Path(name) if name == "-" else tmp_path / name
        predict_file(run, "ridge", tmp_path / "small.csv", output, None)
    assert capsys.readouterr().out == (tmp_path / "made.csv").read_text()
    assert (tmp_path / "p.tsv").read_text() == (tmp_path / "made.csv").read_text().replace(
        ",", "\t"
    )
    table = pq.read_table(tmp_path / "p.parquet").to_pylist()
    assert list(table[0]) == list(made[0])
    assert [row["y_pred"] for row in table] == [float(row["y_pred"]) for row in made]
    assert {row["reason"] for row in table} == {None}


def test_a_column_of_ids_is_not_doubled(run: Path, tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "small.csv")
    lines = [
        "id," + ",".join(rows[0]),
        *(f"K{k}," + ",".join(r.values()) for k, r in enumerate(rows)),
    ]
    (tmp_path / "named.csv").write_text("\n".join(lines) + "\n")
    made = predicted(run, tmp_path / "named.csv")
    assert [row["id"] for row in made[:2]] == ["K0", "K1"]


def test_what_a_table_cannot_hold_is_told_and_nanoseconds_are_kept(
    run: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(tmp_path / "small.csv")
    at = 1_600_000_000_000_000_001 + np.arange(len(table))
    table["at"], table["raw"] = pd.to_datetime(at), [b"\0"] * len(table)
    table["place"] = [{"x": 1}] * len(table)
    table.to_parquet(tmp_path / "typed.parquet")
    told = predict_file(run, "ridge", tmp_path / "typed.parquet", tmp_path / "p.parquet", None)
    assert "columns 'raw', 'place' hold bytes or structures, which the table leaves out" in told
    written = pq.read_table(tmp_path / "p.parquet")
    assert written.column("at").cast("int64").to_pylist() == at.tolist()
    assert not {"raw", "place"} & {*written.column_names}
    plain = predict_file(run, "ridge", tmp_path / "small.csv", tmp_path / "q.csv", None)
    assert "leaves out" not in plain
