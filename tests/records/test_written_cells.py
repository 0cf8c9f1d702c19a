"""Cells of CSV files that a spreadsheet would compute are text there, and come back unchanged."""

import csv
from pathlib import Path

import pytest
from pyarrow import parquet

from nearfar.records.cells import quoted, unquoted
from nearfar.records.outputs import write_columns
from nearfar.records.stage_files import (
    CLASSES_HEADER,
    read_prediction_rows,
    read_predictions,
    write_predictions,
)
from nearfar.records.tables import Record, read_results, write_results

FORMULAS = ['=HYPERLINK("http://x","y")', "+cmd", "-1+2", "@SUM(A1)", "\tx", "\r=x", "＝1"]
PLAIN = ["plain", "-1.5", "+3", "-1,5", "-2e-3", "-", "--", "-inf", "+50%", "a=b", "", "'s", "−1"]


def cells_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("text", [*FORMULAS, *(f"'{text}" for text in FORMULAS), "''=x"])
def test_formulas_are_quoted_and_come_back(text: str) -> None:
    assert quoted(text) == f"'{text}"
    assert unquoted(quoted(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_numbers_and_other_text_stay(text: str) -> None:
    assert quoted(text) == text
    assert unquoted(text) == text


def test_results_keep_names_that_are_formulas(tmp_path: Path) -> None:
    record = Record(FORMULAS[0], 0, "", "test", "@y", "mae", "-m", -1.5, "abc")
    path = tmp_path / "results.csv"
    write_results(path, [record])
    assert read_results(path) == [record]
    row = cells_of(path)[1]
    assert row[0] == f"'{FORMULAS[0]}"
    assert row[4:8] == ["'@y", "mae", "'-m", "-1.5"]


def test_results_of_before_are_read(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_results(path, [Record("a", 0, "", "test", "y", "mae", "m", 1.0, "abc")])
    path.write_text(path.read_text(encoding="utf-8").replace("\na,", "\n=a,"), encoding="utf-8")
    assert read_results(path)[0].arm == "=a"


def test_predictions_of_classes_that_are_formulas_come_back(tmp_path: Path) -> None:
    classes = [FORMULAS[0], "plain"]
    write_predictions(
        tmp_path, CLASSES_HEADER, [("=id", "test", "@y", classes[0], "plain", -0.5, 1, 0.5)]
    )
    (row,) = read_prediction_rows(tmp_path, "@y", "test")
    assert (row["id"], row["truth"]) == ("=id", classes[0])
    read = read_predictions(tmp_path, "@y", classes)
    assert read is not None
    assert (read.truth, read.prediction) == ({"=id": 0.0}, {"=id": 1.0})


def test_predictions_for_a_user_hold_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    write_columns(path, {"=name": ["=1+1", "x"], "y_pred": [-1.5, None]})
    assert cells_of(path) == [["'=name", "y_pred"], ["'=1+1", "-1.5"], ["x", ""]]


def test_large_numbers_of_the_input_pass_through_to_parquet(tmp_path: Path) -> None:
    """Such as ids of 64 bits without a sign; what no number of parquet holds is a text."""
    write_columns(tmp_path / "p.parquet", {"id": [2**64 - 1, 1, None], "x": [2**70, 1.5, None]})
    columns = parquet.read_table(tmp_path / "p.parquet").to_pydict()
    assert columns == {"id": [2**64 - 1, 1, None], "x": [str(2**70), "1.5", None]}
