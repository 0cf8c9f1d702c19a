"""results.csv and stages.csv: fixed order, nine digits, and back."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from nearfar.records import (
    Record,
    StageRow,
    read_results,
    read_stages,
    write_results,
    write_stages,
)
from nearfar.records.tables import write_rows

RECORD = Record("L1", 0, "", "test", "y", "mae", "z", 0.25, "ab12")
ROW = StageRow("L1", 0, "", "fit", "ab12", "done", "", 3, 12, 1.5, 99, "cpu")
HARD = 'arm, with "quotes", a\nline and é [x=1]'


def test_results_are_sorted_and_hold_nine_digits(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    records = [
        replace(RECORD, seed=10),
        replace(RECORD, seed=2, value=1 / 3),
        replace(RECORD, arm="A", value=123456789012.0),
    ]
    write_results(path, records)
    assert path.read_text(encoding="utf-8") == (
        "arm,seed,condition,split,target,metric,unit,value,stage\n"
        "A,0,,test,y,mae,z,1.23456789e+11,ab12\n"
        "L1,2,,test,y,mae,z,0.333333333,ab12\n"
        "L1,10,,test,y,mae,z,0.25,ab12\n"
    )
    again = tmp_path / "again.csv"
    write_results(again, list(reversed(records)))
    assert again.read_bytes() == path.read_bytes()


def test_results_come_back(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    records = sorted(
        [
            RECORD,
            replace(RECORD, arm=HARD, condition="a=1;b=é", value=-1e-300),
            replace(RECORD, metric="r2", unit="", value=-2.0),
        ]
    )
    write_results(path, records)
    assert read_results(path) == records
    write_results(path, read_results(path))
    assert read_results(path) == records
    write_results(path, [])
    assert read_results(path) == []


def test_stages_come_back(tmp_path: Path) -> None:
    path = tmp_path / "stages.csv"
    rows = sorted(
        [
            ROW,
            replace(ROW, stage="pretrain:rnc", status="failed", reason="OSError: no, space\nleft"),
            replace(ROW, arm=HARD, seed=7, seconds=0.001),
        ]
    )
    write_stages(path, rows)
    assert read_stages(path) == rows


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_value_is_read_as_one(value: float, tmp_path: Path) -> None:
    write_results(tmp_path / "r.csv", [replace(RECORD, value=value)])
    assert read_results(tmp_path / "r.csv")[0].value == value


def test_rows_of_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    write_rows(path, ["epoch", "name", "value"], [(1, "a,b", 1 / 3), (20, "c", 5e-20)])
    assert path.read_text() == 'epoch,name,value\n1,"a,b",0.333333333\n20,c,5e-20\n'
