"""What a row to predict for means never depends on the rows beside it, in a file or a frame."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nearfar.data import Columns, DataOptions, Vectors, load_dataset
from nearfar.data.inputs.columns import NUMERIC
from nearfar.data.inputs.joined import Joined
from nearfar.errors import UserError
from nearfar.models import InputSchema
from nearfar.models.given import rows_of

ROWS = 30
POINTS = {
    "grade": ["none", "mild", "severe", "NA"],
    "cause": ["null", "wear", "None", "crack"],
    "known": ["true", "false", "unknown"],
    "stated": ["TRUE", "false", "?", "FALSE"],
    "agreed": ["yes", "no", "n/a"],
    "maybe": ["no", "yes", "maybe"],
    "zip": ["01234", "98765", "null"],
    "booked": ["(1.50)", "2.50", "3", "none", "(0.25)"],
    "share": ["12%", "7%", "55.5%"],
    "price": ["$5", "$7.25", "$1,100"],
    "total": ["1,250.5", "1,250", "999", "(3,000)"],
    "took": ["1 days 02:03:04", "0 days 00:00:05", "NaT"],
    "day": ["31.12.2020", "01.02.2021", "null", "05.06.2021"],
}
COMMAS = {
    "grade": ["none", "mild", "severe"],
    "size": ["1,5", "2,25", "-3,0"],
    "km": ["250.000", "1.250.000", "465", "3.758"],
    "booked": ["(1,50)", "2,50", "(1.250)", "none"],
    "share": ["12,5%", "7%", "55,5%"],
    "price": ["5,10 €", "7,25 €", "1.100 €"],
    "known": ["true", "false", "unknown"],
}


def table(cells: dict[str, list[str]]) -> pd.DataFrame:
    made = {name: [some[k % len(some)] for k in range(ROWS)] for name, some in cells.items()}
    return pd.DataFrame({**made, "y": [str(k) for k in range(ROWS)]})


def schema_of(folder: Path, made: pd.DataFrame, **more: Any) -> InputSchema:
    made.to_csv(folder / "t.csv", index=False, sep=";")
    features = [name for name in made if name != "y"]
    given = {"source": "table", "path": "t.csv", "target": "y", "separator": ";"}
    options = DataOptions(**{**given, "features": features, **more})
    schema = InputSchema.of(options, load_dataset(options, folder).inputs)
    return InputSchema.from_plain(json.loads(json.dumps(schema.to_plain())))


def cells_of(rows: Any) -> dict[str, list[Any]]:
    assert not rows.given.reasons
    assert isinstance(rows.inputs, Columns | Vectors)
    columns = Columns.of_any(rows.inputs).columns
    return {
        c.name: [round(float(v), 9) if c.kind in NUMERIC else v for v in c.cells] for c in columns
    }


@pytest.mark.parametrize(
    ("cells", "more"),
    [
        (POINTS, {"decimal": "."}),
        ({k: v for k, v in POINTS.items() if k != "total"}, {}),
        (POINTS, {"decimal": ".", "missing": ["", "NA", "null", "?", "n/a", "NaT", "none"]}),
        (COMMAS, {"decimal": ","}),
        ({**COMMAS, "north": ["48.1371", "48.137", "47.9", "NA"]}, {"decimal": ","}),
        ({"north": ["48.1371", "48.137"], "size": COMMAS["size"]}, {"decimal": ","}),
        ({"km": COMMAS["km"], "size": COMMAS["size"]}, {"decimal": ","}),
    ],
)
def test_rows_one_by_one_are_read_as_all_together(
    tmp_path: Path, cells: dict[str, list[str]], more: dict[str, Any]
) -> None:
    made = table(cells)
    schema = schema_of(tmp_path, made, **more)
    asked = made.drop(columns="y").head(8)
    asked.to_csv(tmp_path / "all.csv", index=False, sep=";")
    whole = cells_of(schema.read(tmp_path / "all.csv"))
    trained = load_dataset(
        schema.data_options().model_copy(update={"path": "t.csv", "target": "y"}), tmp_path
    )
    for column in Columns.of_any(trained.inputs).columns:  # type: ignore[arg-type]
        np.testing.assert_array_equal(column.cells[:8], whole[column.name])
    doors: dict[str, list[dict[str, list[Any]]]] = {"file": [], "frame": []}
    for k in range(len(asked)):
        asked.iloc[[k]].to_csv(tmp_path / "one.csv", index=False, sep=";")
        doors["file"].append(cells_of(schema.read(tmp_path / "one.csv")))
        doors["frame"].append(cells_of(rows_of(schema, asked.iloc[[k]])))
    for door, each in doors.items():
        found = {name: [row[name][0] for row in each] for name in whole}
        for name in whole:
            np.testing.assert_array_equal(found[name], whole[name], f"{name} by the {door}")


def test_truth_values_of_a_frame_are_the_categories_that_training_had(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, table({"known": POINTS["known"]}))
    frame = pd.DataFrame({"known": [True, False]})
    assert cells_of(rows_of(schema, frame)) == {"known": ["true", "false"]}
    assert cells_of(rows_of(schema, frame.head(1))) == {"known": ["true"]}


def test_a_bad_row_changes_no_other(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, table({k: POINTS[k] for k in ("booked", "took", "grade")}))
    rows = [("(1.50)", "1 days 02:03:04", "none"), ("abc", "later", "mild"), ("<5", "7", "2")]
    asked = pd.DataFrame(rows, columns=["booked", "took", "grade"])
    asked.to_csv(tmp_path / "all.csv", index=False, sep=";")
    read = schema.read(tmp_path / "all.csv")
    assert read.given is not None
    assert sorted(read.given.reasons) == [1, 2]
    assert isinstance(read.inputs, Columns)
    assert [column.cells.tolist() for column in read.inputs.columns] == [
        [-1.5],
        [86400.0 + 2 * 3600 + 184],
        ["none"],
    ]


def test_points_that_no_cell_of_the_file_explains_are_told(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, table(COMMAS), decimal=",", features=["km", "size"])
    for text, told in (("km;size\n250.000;5\n", ["as 250000"]), ("km;size\n1;2,5\n", [])):
        (tmp_path / "one.csv").write_text(text, encoding="utf-8")
        notes = schema.read(tmp_path / "one.csv").source.get("reading", [])
        assert [word in note for note, word in zip(notes, told, strict=True)] == [True] * len(told)


@pytest.mark.parametrize("name", ["metadata.csv", "t.parquet"])
def test_columns_beside_images_are_read_one_by_one(tmp_path: Path, name: str) -> None:
    made = table({"grade": POINTS["grade"], "booked": POINTS["booked"]})
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    if name == "metadata.csv":
        made = made.assign(file_name="a.png")
    else:
        content = (tmp_path / "a.png").read_bytes()
        made["image"] = [{"bytes": content, "path": None}] * ROWS
        (tmp_path / "a.png").unlink()

    def write(rows: pd.DataFrame) -> None:
        if name == "metadata.csv":
            rows.to_csv(tmp_path / name, index=False)
        else:
            rows.to_parquet(tmp_path / name)

    write(made)
    given = {"source": "images", "path": ".", "target": "y", "task": "regression"}
    options = DataOptions(**{**given, "features": ["grade", "booked"]})
    schema = InputSchema.of(options, load_dataset(options, tmp_path).inputs)
    write(made.head(1))
    inputs = schema.read(tmp_path).inputs
    assert isinstance(inputs, Joined)
    assert [column.cells.tolist() for column in inputs.columns.columns] == [["none"], [-1.5]]


@pytest.mark.parametrize("gap", ["size", "sound", "day", "colour", "remark"])
def test_a_cell_that_no_row_of_training_lacked_makes_a_bad_row(tmp_path: Path, gap: str) -> None:
    """In any company: all numbers, or beside texts, as where a column has gaps of its own."""
    cells = {
        "size": [f"{k}.5" for k in range(ROWS)],
        "sound": ["true", "false"],
        "day": [f"2024-05-{1 + k:02}" for k in range(ROWS)],
        "colour": ["red", "green", "blue"],
        "remark": [f"the piece no {k} was kept in the {k % 7}th box of oak" for k in range(ROWS)],
        "holey": ["1", "", "3"],
    }
    made = table(cells)
    schema = schema_of(tmp_path, made)
    asked = made.drop(columns="y").head(3)
    asked.loc[2, gap] = ""
    asked.to_csv(tmp_path / "asked.csv", index=False, sep=";")
    read = schema.read(tmp_path / "asked.csv")
    assert read.given is not None
    assert [*read.given.reasons] == [2]
    why = f"feature '{gap}' is missing, and no row of the model's training lacked it"
    assert read.given.reasons[2] == why
    with pytest.raises(UserError, match=rf"X\[2\]: {why}"):
        rows_of(schema, asked.replace("", None))
    holey = asked.head(2)
    assert rows_of(schema, holey).given.reasons == {}, "a gap in a column that had some is none"
