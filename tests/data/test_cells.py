"""Cells are read alike wherever they come from, and every column has a kind."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from nearfar.data.read.cells import date, is_pair, limit, measure, number, truth
from nearfar.data.read.columns import BadRows
from nearfar.data.read.dates import date_layout
from nearfar.data.read.decimals import ambiguous, decimal_sign, plain_number
from nearfar.data.read.header import unit_in
from nearfar.data.read.kinds import column_kind, column_kinds
from nearfar.data.read.settle import settled
from nearfar.data.read.table import Table
from nearfar.data.table_form import TableForm


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(("1.5", 1.5), (" -2 ", -2.0), ("1e5", 1e5), ("+.5", 0.5), ("7.", 7.0), ("−3", -3.0)),
        *(("inf", float("inf")), ("-Infinity", float("-inf")), (True, 1.0), (3, 3.0)),
        *((text, None) for text in ("1_000", "١٢٣", "0x10", "１２", "1,5", "1 000", "5 mg", "<5")),
        *((text, None) for text in ("", "nan", "e5", ".", "-", "1e", "²")),
        *((10**400, None), (None, None), (float("nan"), None)),
    ],
)
def test_number(cell: Any, value: float | None) -> None:
    assert number(cell) == value


def test_limits_units_and_truths() -> None:
    assert all(map(limit, ["<5", "> 100", "≥3", "<=0.1", "~2"]))
    assert not any(map(limit, ["5", "<LOD", "a<5", 5, None]))
    found = {
        text: measure(text)
        for text in ("12%", "$5", "5 mg", "3.5µM", "€ 7", "5", "mg", "0x1", "3rd", "11TH")
    }
    assert found == {
        "12%": "%",
        "$5": "$",
        "5 mg": "mg",
        "3.5µM": "µM",
        "€ 7": "€",
        "5": None,
        "mg": None,
        "0x1": None,
        "3rd": None,
        "11TH": None,
    }
    assert [measure(c) for c in ("5 ± 0.2", "5.1+/-0.2 mg", "1.5(2)", "(1.50)", "(a)", "f(2)")] == [
        *("±", "+/-", "(…)", "(…)", None, None)
    ]
    assert all(map(is_pair, ["3/8", "18-25", "1:4", "0.5 to 1.5", "-1--0.5"]))
    assert not any(map(is_pair, ["5", "-5", "1/8/2020", "2020-01-31", "a-b", "18-", 5, None]))
    assert [truth(c) for c in ("TRUE", "no", "y", False, "maybe", 1)] == [
        *(True, False, True, False, None, None)
    ]


def test_dates() -> None:
    assert date("2020-01-31T12:00:00Z") == dt.datetime(2020, 1, 31, 12)
    assert date("31.01.2020", "%d.%m.%Y") == date(dt.date(2020, 1, 31))
    assert date("20200131") is None


@pytest.mark.parametrize(
    "cell",
    [
        "2024-07-01T00:00:00+02:00",
        "2024-07-01 00:00:00-0700",
        dt.datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        pd.Timestamp("2024-07-01", tz="Asia/Tokyo"),
    ],
)
def test_midnight_of_a_time_zone_is_midnight(cell: Any) -> None:
    assert date(cell) == dt.datetime(2024, 7, 1)


@pytest.mark.parametrize(
    ("text", "comma", "point"),
    [
        ("3,14", "3.14", None),
        ("1.234,5", "1234.5", None),
        ("1,234.5", None, "1234.5"),
        ("1,234", "1.234", "1234"),
        ("1 234 567", "1234567", "1234567"),
        ("0,123", "0.123", None),
        ("1,23,4", None, None),
        ("x", None, None),
    ],
)
def test_decimal_signs(text: str, comma: str | None, point: str | None) -> None:
    assert (plain_number(text, ","), plain_number(text, ".")) == (comma, point)


def test_sign_of_a_column_is_told_only_where_it_is_certain() -> None:
    assert decimal_sign(["1,5", "2,25", "3"]) == ","
    assert decimal_sign(["1.5", "1,234.5"]) == "."
    assert decimal_sign(["1,234", "5,678"]) is None
    assert ambiguous(["1,234", "5,678"]) == "1,234"
    assert ambiguous(["1,234", "5,6"]) is None


KINDS: dict[str, tuple[str, list[Any], str]] = {
    "numbers": ("x", ["1.5", "2", "", "1e3"], "number"),
    "numbers and a word": ("x", ["1.5", "2", "3", "high"], "number"),
    "0/1": ("x", [0, 1, 1, 0, 1], "number"),
    "codes": ("plz", ["02134", "10001", "02134"], "category"),
    "long ids": ("x", ["90071992547409930", "90071992547409931", "1"], "id"),
    "long ints": ("x", [2**60, 2**60 + 1, 5], "id"),
    "counter from 0": ("n", list(range(9)), "counter"),
    "counter from 1": ("n", [str(k) for k in range(1, 9)], "counter"),
    "shuffled index": ("Unnamed: 0", ["4", "1", "9"], "counter"),
    "index": ("index", [3, 1, 2], "counter"),
    "row names of a subset": ("rownames", ["292", "297", "17"], "counter"),
    "index that pandas saved": ("__index_level_0__", [7, 3, 9], "counter"),
    "index of frames put together": ("__index_level_0__", [0, 1, 2, 0, 1], "counter"),
    "index of measured times": ("__index_level_0__", [0.5, 1.5, 2.25], "number"),
    "row_num": ("row_num", [31, 4, 12], "counter"),
    "row index": ("Row Index", [31, 4, 12], "counter"),
    "df_index": ("df_index", [31, 4, 12], "counter"),
    "original_index": ("original_index", [31, 4, 12], "counter"),
    "idx": ("idx", [31, 4, 12], "counter"),
    "_idx": ("_idx", [31, 4, 12], "counter"),
    "first column without a name, of readr": ("...1", [31, 4, 12], "counter"),
    "number sign": ("#", [31, 4, 12], "counter"),
    "repeated idx": ("idx", [3, 3, 4], "number"),
    "row_length": ("row_length", [31, 4, 12], "number"),
    "shuffled X1": ("X1", [3, 0, 4, 1, 2], "counter"),
    "shuffled Column1": ("Column1", ["3", "5", "4", "1", "2"], "counter"),
    "shuffled X": ("X", [3.0, 5.0, 4.0, 1.0, 2.0], "counter"),
    "feature X1": ("X1", [3, 5, 4, 1, 12], "number"),
    "repeated X1": ("X1", [3, 5, 4, 1, 1], "number"),
    "few X1": ("X1", [3, 1, 2], "number"),
    "shuffled x": ("x", [3, 0, 4, 1, 2], "number"),
    "long negative codes": ("x", ["-90071992547409930", "-90071992547409931", "1"], "id"),
    "numbers of customers": ("Kunden-Nr", [10_000 + 7 * k for k in range(30)], "id"),
    "ids": ("PatientID", [str(500 - k) for k in range(30)], "id"),
    "years": ("year", list(range(1950, 1990)), "number"),
    "repeated numbers": ("plate nr", [k // 2 for k in range(30)], "number"),
    "acid": ("Acid", [7 * k for k in range(30)], "number"),
    "counter with gaps": ("nr", ["1", "", "3", "4", None, "6", "7"], "counter"),
    "counter that begins with a gap": ("n", [None, *range(1, 9)], "counter"),
    "counter that leaves out gaps": ("n", [1, 2, None, 3, 4, 5], "counter"),
    "shuffled index with a gap": ("", ["4", "1", "", "9"], "counter"),
    "ids with a gap": ("id", ["1000", "", *(str(1000 + 3 * k) for k in range(1, 30))], "id"),
    "repeated ids with a gap": ("id", [17, None, 17, 4], "number"),
    "measured, with a gap": ("id", [1.5, None, 2.5, 3.25], "number"),
    "whole numbers with a gap": ("x", [7, None, 3, 12, 40, 5], "number"),
    "index that is measured": ("index", [1.3, 1.5, 1.4], "number"),
    "ids by name": ("patient_id", [17, 23, 4], "id"),
    "repeated ids": ("patient_id", [17, 17, 4], "number"),
    "text ids": ("sample", ["S001", "S017", "S3"], "id"),
    "words": ("colour", ["red", "blue", "red", "blue"], "category"),
    "text": ("t", ["one thing", "another thing", "a third"], "text"),
    "truths": ("b", ["yes", "No", "yes"], "boolean"),
    "booleans": ("b", [True, False, None], "boolean"),
    "dates": ("d", ["2020-01-01", "2020-02-01", None], "date"),
    "other dates": ("d", ["31.01.2020", "01.02.2020"], "date"),
    "date objects": ("d", [dt.date(2020, 1, 1), dt.datetime(2021, 1, 1)], "date"),
    "constant": ("c", [7, 7, None], "constant"),
    "constant text": ("c", ["7.0", "7"], "constant"),
    "empty": ("e", ["", None, " "], "empty"),
    "lists": ("l", [[1], [2]], "other"),
    "percent": ("p", ["12%", "13%", "12%"], "text"),
    "underscores": ("u", ["1_000 a", "2_000 b"], "text"),
    "pixels": ("pixels", ["70 80 82 72 58 58 60 63", "151 150 147 155 148 133 111 140"], "other"),
    "spectra": ("s", ["0.1, 2e-3, 1, 4, 5, 6, 7, 8.5", "1, 2, 3, 4, 5, 6, 7, 8, 9", None], "other"),
    "a word in a row of numbers": ("w", ["1 2 3 4 5 6 7 eight", "2 2 3 4 5 6 7 8"], "text"),
}


@pytest.mark.parametrize("case", KINDS)
def test_kind_of_a_column(case: str) -> None:
    name, cells, kind = KINDS[case]
    assert column_kind(name, cells).kind == kind


def test_notes_of_columns() -> None:
    assert "2 cells are limits" in column_kind("x", ["1", "<5", "<5", "3", "4"]).note
    assert "'mg'" in column_kind("x", ["5 mg", "6 mg"]).note
    assert "'±'" in column_kind("x", ["5 ± 1", "6 ± 1", "7 ± 2"]).note
    assert "SELFIES" in column_kind("x", ["[C][O]", "[C][=C][Ring1][Branch1]"]).note
    assert not column_kind("x", ["[a] b", "[C][O]"]).note
    pixels = [" ".join(map(str, range(k, k + 2304))) for k in range(3)]
    assert column_kind("x", pixels).note.startswith("2304 numbers in a cell: give each a column")
    assert "may be decimal or between thousands" in column_kind("x", ["1,234", "5,678"]).note
    assert "month first" in column_kind("d", ["01/02/2020", "03/04/2020"]).note
    decided = column_kind("d", ["01/02/2020", "13/04/2020"])
    assert (decided.layout, decided.note) == ("%d/%m/%Y", "")


@pytest.mark.parametrize(
    ("years", "first", "last"),
    [
        (["50", "65", "72", "89"], 1950, 1989),
        (["30", "45", "55", "70", "82", "95", "10"], 1930, 2010),
        (["50", "51", "65"], 1950, 1965),
        (["95", "10", "30", "50", "65"], 1995, 2065),
        (["71", "24"], 1971, 2024),
        (["25", "28", "35"], 2025, 2035),
        (["31", "40"], 2031, 2040),
    ],
)
def test_years_of_two_digits_lie_in_one_hundred_years(
    years: list[str], first: int, last: int
) -> None:
    cells = [f"12.03.{year}" for year in years]
    layout, note = date_layout(cells)
    found = [date(cell, layout).year for cell in cells]  # type: ignore[union-attr]
    assert (min(found), max(found)) == (first, last)
    assert note == (f"years of two digits are read as {first} to {last}" if "," in layout else "")


def test_a_leap_day_is_not_moved_to_a_year_that_has_none() -> None:
    assert date_layout(["29.02.00", *(f"1.3.{y}" for y in (20, 40, 60, 71))])[1] == ""


def table(**columns: list[Any]) -> Table:
    return Table("t", columns, len(next(iter(columns.values()))))


def test_kinds_of_a_table_but_some() -> None:
    found = column_kinds(table(a=["1", "2.5"], y=["x", "z"]), but=["y"])
    assert [(kind.name, kind.kind, kind.missing, kind.distinct) for kind in found] == [
        ("a", "number", 0, 2)
    ]


def test_first_of_numbered_columns_is_no_counter() -> None:
    ranks = {"X1": [3, 1, 5, 2, 4], "X2": [2, 5, 1, 4, 3]}
    assert [kind.kind for kind in column_kinds(table(**ranks), but=[])] == ["number", "number"]
    found = column_kinds(table(X1=ranks["X1"], size=ranks["X2"]), but=[])
    assert [kind.kind for kind in found] == ["counter", "number"]


def test_words_for_missing_depend_on_the_column() -> None:
    read = settled(
        table(
            x=["1", "none", "NA", "?", "2.5", "3"],
            t=["none", "null", "NA", "dent", "scratch", "na"],
            d=["2020-01-01", "null", "2020-01-03", "NaT", "2020-01-03", "2020-01-04"],
        ),
        TableForm(),
    )
    assert read.columns["x"] == ["1", None, None, None, "2.5", "3"]
    assert read.columns["t"] == ["none", "null", None, "dent", "scratch", "na"]
    assert read.columns["d"][1] is read.columns["d"][3] is None
    assert read.missing["x"] == {"none": 1, "NA": 1, "?": 1}
    assert read.kept["t"] == {"none": 1, "null": 1, "na": 1}


def test_what_is_missing_can_be_said() -> None:
    columns = {"t": ["none", "NA", "b"], "x": ["-999", "-999.0", "2"], "n": [-999, 1, 2]}
    read = settled(table(**columns), TableForm(missing=("none", -999.0)))
    assert read.columns == {"t": [None, "NA", "b"], "x": [None, None, "2"], "n": [None, 1, 2]}


def test_decimal_commas_are_written_with_points_in_columns_of_numbers_alone() -> None:
    read = settled(table(x=["3,14", "1.234,5", "2"], t=["a", "b,c", "1,5"]), TableForm(decimal=","))
    assert read.columns == {"x": ["3.14", "1234.5", "2"], "t": ["a", "b,c", "1,5"]}


def test_points_stand_between_thousands_where_decimals_have_a_comma() -> None:
    columns = {
        "x": ["3.758", "465", "-1.250"],
        "w": ["1,5", "3.75", "2"],
        "n": [1.25, 3.5, "2.750"],
    }
    copied = {name: [*cells] for name, cells in columns.items()}
    read = settled(table(**copied), TableForm(decimal=","))
    assert read.columns["x"] == ["3758", "465", "-1250"]
    assert read.columns["n"] == [1.25, 3.5, "2750"]
    kind = column_kind("w", read.columns["w"])
    assert (kind.kind, kind.odd) == ("number", 1)
    assert "1 number has a decimal point, such as '3.75', where others have a comma" in kind.note
    bad = BadRows(read, "drop")
    assert np.isnan(bad.numbers("w", "feature")).tolist() == [False, True, False]
    reason = "feature 'w' is '3.75', not a number: numbers here have a decimal comma"
    assert bad.given().reasons == {1: reason}
    assert read.as_written() == columns


@pytest.mark.parametrize(
    ("decimal", "cells"),
    [
        (",", ["-999,0", "1,5", "-999", "-999,00"]),
        (".", ["-999.0", "1,200.5", "-999", "-999.00"]),
    ],
)
def test_numbers_that_mean_missing_are_found_as_the_file_writes_them(
    decimal: str, cells: list[Any]
) -> None:
    for missing in (("", "-999"), ("", -999.0)):
        read = settled(table(x=[*cells]), TableForm(decimal=decimal, missing=missing))
        assert [cell is None for cell in read.columns["x"]] == [True, False, True, True]
    thousands = settled(table(x=["9.999", "1,5", "2"]), TableForm(decimal=",", missing=(9999.0,)))
    assert thousands.columns["x"] == [None, "1.5", "2"]


def test_true_and_false_are_the_same_from_text_and_from_values() -> None:
    read = settled(table(a=["TRUE", "false", ""], b=[True, False, None]), TableForm())
    assert read.columns["a"] == read.columns["b"] == [True, False, None]


def test_names_that_the_source_gives_are_left() -> None:
    named = table(label=["NA", "b", "?"])
    named.class_names = {"label": ("NA", "b", "?")}
    assert settled(named, TableForm()).columns["label"] == ["NA", "b", "?"]


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("Temp (K)", "K"),
        ("T [°C]", "°C"),
        ("rate (mol/L/s)", "mol/L/s"),
        ("log S (mol/L)", None),
        ("y", None),
        ("run (2)", None),
    ],
)
def test_unit_in_a_header(column: str, unit: str | None) -> None:
    assert unit_in(column) == unit
