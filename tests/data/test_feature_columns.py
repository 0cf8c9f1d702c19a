"""Which columns of a table are features, of which kind, and what their cells become."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nearfar.data import Columns, DataOptions, Dataset, Vectors, load_dataset, load_inputs
from nearfar.data.read.kinds import column_kind
from nearfar.errors import UserError

ROWS = 40


def frame() -> pd.DataFrame:
    """A column of every kind, and some that say nothing of a row."""
    rng = np.random.default_rng(0)
    words = ["red", "green", "blue", "grey", "old", "new", "small", "large"]
    size = rng.normal(size=ROWS).round(3)
    size[3] = np.nan
    return pd.DataFrame(
        {
            "Unnamed: 0": np.arange(ROWS),
            "size": size,
            "colour": rng.choice(["red", "green", "blue"], ROWS),
            "zip": rng.choice(["01234", "98765", "00001"], ROWS),
            "open": rng.choice([True, False], ROWS),
            "when": pd.date_range("2020-01-01 06:00", periods=ROWS).strftime("%Y-%m-%d %H:%M"),
            "note": [" ".join(rng.choice(words, 6)) for _ in range(ROWS)],
            "person": [f"Name{k} Surname{k}" for k in range(ROWS)],
            "sample": [f"S-{k:03}" for k in range(ROWS)],
            "same": 7,
            "nothing": None,
            "y": rng.normal(size=ROWS).round(3),
        }
    )


def read(folder: Path, table: pd.DataFrame, ending: str = "csv", **more: Any) -> Dataset:
    path = folder / f"t.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path, index=False)
    given = {"source": "table", "path": path.name, "target": "y"}
    return load_dataset(DataOptions(**{**given, **more}), folder)


def test_columns_of_every_kind_are_features_and_the_others_are_told(tmp_path: Path) -> None:
    dataset = read(tmp_path, frame())
    assert isinstance(dataset.inputs, Columns)
    kinds = {column.name: column.kind for column in dataset.inputs.columns}
    assert kinds == {
        "size": "number",
        "colour": "category",
        "zip": "category",
        "open": "boolean",
        "when": "date",
        "note": "text",
    }
    assert len(dataset) == ROWS, "a gap among features drops no row"
    assert dataset.source["columns_not_used"] == (
        "Unnamed: 0 (counts the rows), person (names the rows: different texts of few words), "
        "sample (names the rows), same (is the same in every row), nothing (is empty)"
    )
    assert np.isnan(dataset.inputs.columns[0].cells[3])
    assert dataset.inputs.columns[4].cells[1] == (18262 + 1) * 86400 + 6 * 3600
    json.dumps(dataset.source)


def test_index_that_pandas_saves_in_parquet_is_no_feature(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"noise": rng.normal(size=ROWS), "y": np.repeat(["a", "b"], ROWS // 2)})
    table.sample(frac=0.8, random_state=1).to_parquet(tmp_path / "t.parquet")
    options = DataOptions(source="table", path="t.parquet", target="y", task="classification")
    source = load_dataset(options, tmp_path).source
    assert source["features"] == ["noise"]
    assert source["columns_not_used"] == "__index_level_0__ (counts the rows)"


def test_csv_and_parquet_give_the_same_cells(tmp_path: Path) -> None:
    chosen = ["size", "colour", "zip", "open", "when", "note"]
    digests = {read(tmp_path, frame(), end, features=chosen).digest for end in ("csv", "parquet")}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("column", "cell"), [("size", 9.0), ("colour", "mauve"), ("note", "x"), ("open", None)]
)
def test_every_cell_is_in_the_digest(tmp_path: Path, column: str, cell: Any) -> None:
    table = frame()
    before = read(tmp_path, table).digest
    table = table.astype({column: object})
    table.loc[5, column] = cell
    assert read(tmp_path, table).digest != before


def test_complete_numbers_are_vectors_as_ever(tmp_path: Path) -> None:
    table = frame().dropna(subset=["size"])
    dataset = read(tmp_path, table, features=["size"])
    assert isinstance(dataset.inputs, Vectors)
    assert dataset.inputs.values[:, 0].tolist() == table["size"].astype("float32").tolist()
    assert isinstance(read(tmp_path, frame(), features=["size"]).inputs, Columns)


def test_columns_that_tell_rows_apart_are_used_where_they_are_named(tmp_path: Path) -> None:
    named = ["Unnamed: 0", "sample", "same", "person"]
    dataset = read(tmp_path, frame(), features=named)
    assert [column.kind for column in dataset.inputs.columns] == [
        "number",
        "text",
        "number",
        "text",
    ]
    assert "columns_not_used" not in dataset.source
    with pytest.raises(UserError, match=r"column 'nothing' \(data: features\) is empty"):
        read(tmp_path, frame(), features=["nothing"])


def test_a_word_among_numbers_is_a_bad_row_and_a_gap_is_none(tmp_path: Path) -> None:
    table = frame().astype({"size": object})
    table.loc[7, "size"] = "broken"
    with pytest.raises(
        UserError, match=r"row 8 \(line 9\): feature 'size' is 'broken', not a numb"
    ):
        read(tmp_path, table)
    dataset = read(tmp_path, table, on_bad_rows="drop")
    assert dataset.source["reasons"] == {"feature not a number": 1}
    assert len(dataset) == ROWS - 1


def test_rows_are_taken_with_their_cells(tmp_path: Path) -> None:
    whole = read(tmp_path, frame())
    some = read(tmp_path, frame(), limit={"rows": 10})
    rows = np.array([int(row) - 1 for row in some.ids])
    for mine, all_of_it in zip(some.inputs.columns, whole.inputs.columns, strict=True):
        np.testing.assert_array_equal(mine.cells, all_of_it.cells[rows])
    halves = [read(tmp_path, frame(), half=half) for half in ("first", "second")]
    assert sum(map(len, halves)) == ROWS


def test_rows_to_predict_for_are_read_as_the_training_rows_were(tmp_path: Path) -> None:
    """A column that looks otherwise in the new file is still what it was; order does not matter."""
    training = read(tmp_path, frame())
    new = frame().drop(columns=["y"]).iloc[:2][::-1]
    new["zip"], new["open"] = ["7", "yes"], [1, None]
    new = new[new.columns[::-1]]
    new.to_csv(tmp_path / "new.csv", index=False)
    options = DataOptions(source="table", path="t.csv", target="y")
    rows = load_inputs(options, tmp_path / "new.csv", training.inputs)
    assert isinstance(rows.inputs, Columns)
    found = {column.name: column.cells.tolist() for column in rows.inputs.columns}
    assert list(found) == [column.name for column in training.inputs.columns]
    assert found["zip"] == ["7", "yes"]
    assert found["open"][0] == 1
    assert np.isnan(found["open"][1])
    new.drop(columns="note").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(UserError, match=r"new.csv: no column 'note', which the model takes"):
        load_inputs(options, tmp_path / "new.csv", training.inputs)


def test_columns_beside_molecules_are_told(tmp_path: Path) -> None:
    lines = [f"{'C' * k}O,{'N' * k},{298 + k % 3}.5,{k}.25,r{k % 2}" for k in range(1, 11)]
    header = "smiles,solvent smiles,Temp (K),y,lab"
    (tmp_path / "m.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    options = DataOptions(source="molecules", path="m.csv", target="y", group="lab")
    told = load_dataset(options, tmp_path).source["columns_not_used"]
    assert told == "solvent smiles (SMILES), Temp (K) (numbers)"
    (tmp_path / "m.csv").write_text("smiles,y\nC,1\nCC,2\n", encoding="utf-8")
    options = DataOptions(source="molecules", path="m.csv", target="y")
    assert "columns_not_used" not in load_dataset(options, tmp_path).source


def dated(folder: Path, cells: list[Any], name: str = "new.csv") -> Any:
    """Read dates to predict for, where those of training are as 2024-01-31."""
    days = pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")
    table = pd.DataFrame({"d": days, "b": [True, False] * (ROWS // 2), "y": np.arange(ROWS)})
    training = read(folder, table)
    pd.DataFrame({"d": cells, "b": True}).to_csv(folder / name, index=False)
    options = DataOptions(source="table", path="t.csv", target="y")
    return load_inputs(options, folder / name, training.inputs)


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d %b %Y"])
def test_dates_to_predict_for_may_be_written_in_another_way(tmp_path: Path, form: str) -> None:
    """All in one way that can mean nothing else; this is told."""
    days = pd.to_datetime(["2024-01-31", "2024-02-01"])
    rows = dated(tmp_path, [f"{day:{form}}" for day in days])
    seconds = [(day - pd.Timestamp(0)).total_seconds() for day in days]
    assert rows.inputs.columns[0].cells.tolist() == seconds
    assert rows.inputs.columns[0].layout == "iso"
    said = f"dates are written as {pd.Timestamp('2024-12-31'):{form}}, in training as 2024-12-31"
    assert rows.source["reading"] == [f"column 'd': {said}"]


@pytest.mark.parametrize(
    "cells",
    [["01/02/2024", "03/02/2024"], ["31.01.24"], ["2024-01-31", "31.01.2024"], ["soon"]],
    ids=["day or month", "no century", "several ways", "no date"],
)
def test_dates_that_are_unclear_are_told_as_they_should_be(
    tmp_path: Path, cells: list[str]
) -> None:
    words = (
        f"feature 'd' is '{cells[-1]}', not a date as in training: write dates such as 2024-12-31"
    )
    with pytest.raises(UserError, match=words):
        dated(tmp_path, cells[::-1])


def dated_again(
    folder: Path, usual: str, cells: list[Any], first: str = "2024-01-01", years: str = ""
) -> Any:
    """Read dates to predict for, where those of training are written as ``usual``."""
    days = pd.date_range(first, periods=ROWS).strftime(usual)
    table = pd.DataFrame({"d": days, "b": [True, False] * (ROWS // 2), "y": np.arange(ROWS)})
    training = read(folder, table)
    assert training.inputs.columns[0].layout == usual + years
    pd.DataFrame({"d": cells, "b": True}).to_csv(folder / "new.csv", index=False)
    options = DataOptions(source="table", path="t.csv", target="y", on_bad_rows="drop")
    return load_inputs(options, folder / "new.csv", training.inputs)


def days_of(rows: Any) -> list[str]:
    (column,) = [column for column in rows.inputs.columns if column.name == "d"]
    return [f"{pd.Timestamp(seconds, unit='s'):%Y-%m-%d}" for seconds in column.cells]


@pytest.mark.parametrize(
    ("usual", "cells"),
    [
        ("%d/%m/%Y", ["02/03/2024", "12/31/2024"]),
        ("%m/%d/%Y", ["03/02/2024", "31/12/2024"]),
        ("%d/%m/%y", ["02/03/24", "12/31/24"]),
        ("%d.%m.%Y", ["02.03.2024", "12.31.2024"]),
        ("%d/%m/%Y %H:%M", ["02/03/2024 00:00", "12/31/2024 00:00"]),
        ("%d/%m/%Y", ["02/03/2024", "12/31/2024", "soon", "31/31/2024"]),
    ],
)
def test_dates_of_the_other_order_are_read_in_that_as_a_whole(
    tmp_path: Path, usual: str, cells: list[str]
) -> None:
    """Those whose day could be a month are not swapped; what is no date at all proves nothing."""
    rows = dated_again(tmp_path, usual, cells)
    assert days_of(rows) == ["2024-02-03", "2024-12-31"]
    assert "dates are written as" in rows.source["reading"][0]
    assert rows.source["dropped"] == len(cells) - 2


def test_years_of_two_digits_mean_in_other_rows_what_they_meant_in_training(
    tmp_path: Path,
) -> None:
    births = ("1951-01-25", ", years up to 2001")
    rows = dated_again(tmp_path, "%d/%m/%y", ["02/03/65", "03/04/91"], *births)
    assert days_of(rows) == ["1965-03-02", "1991-04-03"]
    rows = dated_again(tmp_path, "%d/%m/%y", ["02/03/65", "12/31/72"], *births)
    assert days_of(rows) == ["1965-02-03", "1972-12-31"]
    assert "written as 12/31/24, in training as 31/12/24" in rows.source["reading"][0]


SWAPPED = [dt.datetime(2024, 1, 2), dt.datetime(2024, 12, 3), "13/01/2024", "31/05/2024"]


def test_dates_of_which_a_spreadsheet_swapped_some_are_told() -> None:
    kind = column_kind("d", SWAPPED)
    assert kind.kind == "text"
    assert "careful: 2 cells are texts such as '13/01/2024', and 2 are dates" in kind.note
    american = [text.replace("31/05", "05/31").replace("13/01", "01/13") for text in SWAPPED[2:]]
    assert "careful: " in column_kind("d", [*SWAPPED[:2], *american]).note
    assert column_kind("d", [*SWAPPED, dt.datetime(2024, 1, 13)]).kind == "date"
    assert column_kind("d", [*SWAPPED, "02/01/2024"]).kind == "date"


def test_dates_of_which_a_spreadsheet_swapped_some_leave_no_prediction(tmp_path: Path) -> None:
    dated_again(tmp_path, "%d/%m/%Y", ["02/03/2024"])
    options = DataOptions(source="table", path="t.csv", target="y", on_bad_rows="drop")
    training = load_dataset(options, tmp_path)
    pd.DataFrame({"d": SWAPPED, "b": True}).to_excel(tmp_path / "new.xlsx", index=False)
    rows = load_inputs(options, tmp_path / "new.xlsx", training.inputs)
    assert days_of(rows) == ["2024-01-13", "2024-05-31"]
    told = rows.source["dropped_rows"]["1"]
    assert "'2024-01-02 00:00:00', which may be another day" in told


@pytest.mark.parametrize("proof", ["12/31/2024", "12/31/2024 10:00", "12/31/24"])
def test_dates_of_both_orders_leave_no_prediction_where_they_could_mean_another_day(
    tmp_path: Path, proof: str
) -> None:
    rows = dated_again(tmp_path, "%d/%m/%Y", ["31/01/2024", "02/03/2024", "05/05/2024", proof])
    assert days_of(rows) == ["2024-01-31", "2024-05-05"]
    told = rows.source["dropped_rows"]["2"]
    assert "'02/03/2024', which may be another day: in training as 31/12/2024" in told
    assert repr(proof) in told


def test_stray_cells_among_dates_make_bad_rows_of_themselves_alone(tmp_path: Path) -> None:
    cells = ["02/03/2024", "soon", "31/31/2024", "2024-06-01", "04/03/2024"]
    rows = dated_again(tmp_path, "%d/%m/%Y", cells)
    assert days_of(rows) == ["2024-03-02", "2024-03-04"]
    assert "reading" not in rows.source


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["02/03/2024", "31/12/2024", "12/31/2024"], "'31/12/2024' and '12/31/2024': taken as"),
        (["02/03/2024", "31/12/2024", "soon"], "dates, but for cells such as 'soon': taken as"),
        (["soon", "later", "02/03/2024"], ""),
    ],
)
def test_a_column_that_is_nearly_of_dates_is_told(cells: list[str], words: str) -> None:
    kind = column_kind("d", cells)
    assert kind.kind == "text"
    assert words in kind.note
    assert bool(words) == bool(kind.note)


def test_truths_that_are_none_are_told_as_they_should_be(tmp_path: Path) -> None:
    training = read(tmp_path, frame())
    new = frame().drop(columns=["y"]).iloc[:2]
    new["open"] = ["ja", "nein"]
    new.to_csv(tmp_path / "new.csv", index=False)
    options = DataOptions(source="table", path="t.csv", target="y")
    words = "feature 'open' is 'ja', not true or false as in training: write true or false, yes or"
    with pytest.raises(UserError, match=words):
        load_inputs(options, tmp_path / "new.csv", training.inputs)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (["red"], r"feature 'colour' is \['red'\], a list or structure: write one text or number"),
        ({"name": "red"}, "a list or structure"),
        (b"red", "feature 'colour' is b'red', bytes: write one text or number"),
    ],
)
def test_lists_and_bytes_are_no_categories(tmp_path: Path, cell: Any, words: str) -> None:
    """Though their texts could be taken for categories that training did not know."""
    training = read(tmp_path, frame())
    new = frame().drop(columns=["y"]).iloc[:2]
    options = DataOptions(source="table", path="t.csv", target="y")
    for column in ("colour", "note"):
        new.assign(**{column: [cell, None]}).to_parquet(tmp_path / "new.parquet")
        with pytest.raises(UserError, match=words.replace("colour", column)):
            load_inputs(options, tmp_path / "new.parquet", training.inputs)
