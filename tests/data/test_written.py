"""Cells that are written otherwise than what they are: lists, spans of time, brackets; totals."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nearfar.data.read.hugging_face import read_folder
from nearfar.data.read.settle import settled
from nearfar.data.read.table import Table
from nearfar.data.read.tables import read_file
from nearfar.data.table_form import TableForm
from nearfar.starter.write import write_study


def read(cells: list[Any]) -> tuple[list[Any], list[str]]:
    table = settled(Table("t", {"c": list(cells)}, len(cells)), TableForm())
    return table.columns["c"], table.notes


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["['a', 'b']", "[]", None, '["c"]'], [["a", "b"], [], None, ["c"]]),
        (["['a']", "NA", "['b']"], [["a"], None, ["b"]]),
        (["[0, 1]", "[1, 1]"], [[0, 1], [1, 1]]),
        (["[Na+]", "[U]"], ["[Na+]", "[U]"]),
        (["['a']", "b"], ["['a']", "b"]),
        (["[[1]]", "[__import__('os')]"], ["[[1]]", "[__import__('os')]"]),
        (["['\\d']"], [["\\d"]]),
        (["[" * 9000 + "]"], ["[" * 9000 + "]"]),
    ],
)
def test_lists_as_text_are_lists(cells: list[Any], values: list[Any]) -> None:
    assert read(cells) == (values, [])


@pytest.mark.parametrize("name", ["d.csv", "d.parquet", "d.feather", "d.xlsx"])
def test_spans_of_time_are_seconds_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    spans = [dt.timedelta(seconds=5.5), dt.timedelta(days=-1, hours=2), dt.timedelta(days=3)]
    frame = pd.DataFrame({"a": [1, 2, 3], "took": pd.to_timedelta(spans)})
    write = {".csv": "to_csv", ".xlsx": "to_excel"}.get(Path(name).suffix, f"to_{name[2:]}")
    more = {"index": False} if write in {"to_csv", "to_excel"} else {}
    if name == "d.xlsx":
        frame["took"] = frame["took"].astype(str)
    getattr(frame, write)(tmp_path / name, **more)
    table = read_file(tmp_path / name)
    assert table.columns["took"] == [5.5, -79200.0, 259200.0]
    assert table.notes == ["column 'took': spans of time, in seconds"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["(1.5)", "2", None, " (3) "], ["-1.5", "2", None, "-3"]),
        (["(1,133.0)", "2,000.5"], ["-1,133.0", "2,000.5"]),
        (["(1.5)", "NA", "2", "none"], ["-1.5", None, "2", None]),
        (["(1)", "(2)"], ["(1)", "(2)"]),
        (["(1)", "2", "(a)"], ["(1)", "2", "(a)"]),
        (["1.5(2)", "2", "(3)"], ["1.5(2)", "2", "(3)"]),
    ],
)
def test_numbers_in_brackets_among_others_are_negative(cells: list[Any], values: list[Any]) -> None:
    found, notes = read(cells)
    assert found == values
    assert len(notes) == (values[0][0] == "-")


def test_spans_of_time_may_be_missing() -> None:
    assert read(["0 days 00:00:01", "NaT", "1 days 00:00:00"])[0] == [1.0, None, 86400.0]


@pytest.mark.parametrize("word", ["Total", "Mean"])
def test_totals_of_each_file_of_a_folder_are_left_out(tmp_path: Path, word: str) -> None:
    for part in ("north", "south"):
        x = [1.25, 2.5, 7.0, 3.5] if part == "north" else [9.5, 1.0, 4.75]
        rows = pd.DataFrame({"city": [f"{part}{k}" for k in range(len(x))], "x": x, "y": x[::-1]})
        last = rows[["x", "y"]].agg("sum" if word == "Total" else "mean")
        rows.loc[len(rows)] = [word, *last]
        rows.to_csv(tmp_path / f"{part}.csv", index=False)
    table = read_folder(tmp_path, TableForm())
    assert (table.length, word in table.columns["city"]) == (7, False)
    told = "left out: the last row holds totals of the rows above"
    files = ["north.csv", "south.csv"]
    assert [note.split(" (")[0] for note in table.notes] == [f"{name}: {told}" for name in files]


def test_a_category_called_total_stays(tmp_path: Path) -> None:
    rows = pd.DataFrame({"kind": ["a", "total", "b", "total", "a"], "x": [1.0, 9, 2, 8, 3]})
    rows.to_csv(tmp_path / "one.csv", index=False)
    table = read_folder(tmp_path, TableForm())
    assert (table.columns["kind"].count("total"), table.notes) == (2, [])


def test_lists_as_text_are_several_labels_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = ["cat", "dog", "fox"]
    frame = pd.DataFrame({"x": [k * 0.37 % 1 for k in range(60)], "z": [*range(30)] * 2})
    frame["tags"] = [str(kinds[k % 3 : k % 3 + 1 + k % 2]) for k in range(60)]
    frame.to_csv("d.csv", index=False)
    _, facts = write_study(Path("d.csv"), ["tags"])
    assert any(fact.startswith("3 labels in 60 rows") for fact in facts)
