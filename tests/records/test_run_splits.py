"""Which rows a training learnt from is read from its stages."""

from pathlib import Path

import pytest

from nearfar.errors import UserError
from nearfar.records import StageRow, write_stages
from nearfar.records.run import RunFolder
from nearfar.records.samples import write_samples
from nearfar.records.splits import read_splits
from nearfar.records.stage_files import NUMBERS_HEADER, write_predictions

IDS = ["=1+2", "b", "+c", "d"]


def made_run(path: Path) -> Path:
    """Write a run of one training, whose predictions name all rows but the last."""
    folder = RunFolder(path)
    parts = zip(IDS, ("train", "validation", "test"), strict=False)
    lines = [(name, part, "y", 1.0, 2.0) for name, part in parts]
    write_predictions(folder.store.folder("a"), NUMBERS_HEADER, lines)
    write_samples(path, {"id": IDS})
    row = StageRow("ridge", 0, "", "fit", "a", "done", "", 0, 0, 0.0, 0, "cpu")
    write_stages(path / "stages.csv", [row])
    with folder.writing():
        folder.write_study({"study": "made"})
    return path


def test_rows_have_the_parts_that_predictions_say(tmp_path: Path) -> None:
    found = read_splits(made_run(tmp_path / "run"))
    assert found["id"] == IDS
    assert found["part"] == ["train", "validation", "test", "left out"]


def test_rows_have_their_names_where_there_are_some(tmp_path: Path) -> None:
    path = made_run(tmp_path / "run")
    assert list(read_splits(path)) == ["id", "seed", "part"]
    names = ["cats/1.png", "cats/2.png", "dogs/1.png", ""]
    write_samples(path, {"id": IDS, "name": names})
    found = read_splits(path)
    assert list(found) == ["id", "name", "seed", "part"]
    assert found["name"] == names


def test_a_damaged_table_is_told_in_a_line(tmp_path: Path) -> None:
    path = made_run(tmp_path / "run")
    table = path / "stages.csv"
    table.write_text(table.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with pytest.raises(UserError, match=r"stages.csv: is damaged"):
        read_splits(path)


def test_rows_that_one_target_leaves_out_have_the_part_that_another_says(tmp_path: Path) -> None:
    path = made_run(tmp_path / "run")
    folder = RunFolder(path)
    write_predictions(folder.store.folder("m"), NUMBERS_HEADER, [("b", "validation", "two", 1, 1)])
    rows = [
        StageRow(arm, 0, "", "fit", stage, "done", "", 0, 0, 0.0, 0, "cpu")
        for arm, stage in (("A", "m"), ("B", "a"))
    ]
    arms = {name: {"own_target": target} for name, target in (("A", "two"), ("B", None))}
    with folder.writing():
        write_stages(path / "stages.csv", rows)
        folder.write_json("plan.json", {"arms": arms})
    assert read_splits(path)["part"] == ["train", "validation", "test", "left out"]
