"""Rows to predict for have a form of their own: text, separator, decimal sign and sheet."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nearfar.data import DataOptions, Vectors, load_inputs
from nearfar.data.read.text import own_encoding
from nearfar.errors import UserError

SIZE, ROWS = "Größe (m²)", [[120.5, 2.0], [1234.5, 3.0]]


def read(path: Path, columns: tuple[str, ...] = (SIZE, "n"), **said: Any) -> list[list[float]]:
    """The cells of columns, as a study with such options reads them from another file."""
    options = DataOptions(source="table", path="x", target="y", on_bad_rows="drop", **said)
    like = Vectors(np.zeros((1, len(columns))), list(columns))
    inputs = load_inputs(options, path, like).inputs
    assert isinstance(inputs, Vectors)
    return inputs.values.tolist()


def refused(path: Path, **said: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(path, **said)
    return str(caught.value)


TEXT = f"{SIZE};n;Straße\n120,5;2;Köln\n1.234,5;3;Graz\n"


@pytest.mark.parametrize("study", [None, "cp1252", "latin-1", "utf-16", "shift_jis"])
@pytest.mark.parametrize("file", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_as_what_it_is(tmp_path: Path, study: str | None, file: str) -> None:
    (tmp_path / "new.csv").write_bytes(TEXT.encode(file))
    said = {"encoding": study} if study else {}
    assert read(tmp_path / "new.csv", separator=";", decimal=",", **said) == ROWS


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl", "parquet"])
@pytest.mark.parametrize("model", [(" x", "z(m  s)"), ("x", "z(m s)")])
@pytest.mark.parametrize("file", [(" x", "z(m  s)"), ("x", "z(m s)")])
def test_spaces_in_names_of_columns_make_no_other_columns(
    tmp_path: Path, ending: str, model: tuple[str, ...], file: tuple[str, ...]
) -> None:
    frame, path = pd.DataFrame(ROWS, columns=list(file)), tmp_path / f"new.{ending}"
    if ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == "csv":
        frame.to_csv(path, index=False, sep=";")
    else:
        frame.to_excel(path, index=False) if ending == "xlsx" else frame.to_parquet(path)
    assert read(path, model) == ROWS


def test_names_that_differ_in_spaces_are_kept_apart_where_both_are_there(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["x", " x"])
    frame.to_parquet(tmp_path / "new.parquet")
    assert read(tmp_path / "new.parquet", (" x",)) == [[2.0], [3.0]]
    assert read(tmp_path / "new.parquet", (" x", "x")) == [row[::-1] for row in ROWS]
    with pytest.raises(UserError, match="no column 'x '"):
        read(tmp_path / "new.parquet", ("x ",))


def test_columns_are_handed_on_under_their_own_names(tmp_path: Path) -> None:
    pd.DataFrame(ROWS, columns=[" x", "z"]).to_parquet(tmp_path / "new.parquet")
    columns, _ = given(tmp_path / "new.parquet", ("x",))
    assert list(columns) == [" x", "z"]


def test_text_that_is_no_utf8_is_read_as_the_study_says(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes(TEXT.encode("cp1252"))
    assert read(tmp_path / "new.csv", separator=";", decimal=",", encoding="cp1252") == ROWS
    words = "new.csv, line 1: not utf-8 text: save the file as UTF-8"
    assert refused(tmp_path / "new.csv") == words
    (tmp_path / "new.csv").write_bytes(b"a,n\n\xc3(,\x81\n")
    words = "new.csv, line 2: not utf-8 or cp1252 text: save the file as UTF-8"
    assert refused(tmp_path / "new.csv", encoding="cp1252") == words


def test_seven_bits_with_escapes_are_no_utf8() -> None:
    raw = "温度,n\n1,2\n".encode("iso2022_jp")
    assert own_encoding("d", raw, "iso2022_jp") == "iso2022_jp"
    assert own_encoding("d", raw, None) == "utf-8"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("n x\n1\n2\n", ("n x",)),  # no separator at all, and a space within the name
        ("a;n|m\n1;1|2\n2;3|4\n", ("a", "n|m")[:1]),
        ("n;a,b\n1;5,6\n2;7,8\n", ("n",)),
        ("n,t\n1,5 a\n2,6 b\n", ("n",)),
    ],
)
@pytest.mark.parametrize("separator", [";", "\t", None])
def test_the_separator_is_that_by_which_the_columns_are_there(
    tmp_path: Path, text: str, columns: tuple[str, ...], separator: str | None
) -> None:
    (tmp_path / "new.csv").write_text(text, encoding="utf-8")
    said = {"separator": separator} if separator else {}
    assert read(tmp_path / "new.csv", columns, **said) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("cell", "value"), [("1.234", 1.234), ('"1,234"', 1.234), ('"1,5"', 1.5), ("1.5", 1.5)]
)
def test_between_commas_a_point_is_a_decimal_sign(tmp_path: Path, cell: str, value: float) -> None:
    """The study has ``1.234,5``: three digits behind a point would be thousands."""
    (tmp_path / "new.csv").write_text(f"n,b\n{cell},1\n", encoding="utf-8")
    found = read(tmp_path / "new.csv", ("n", "b"), separator=";", decimal=",")
    assert found[0][0] == pytest.approx(value)


def test_words_in_other_columns_do_not_say_the_decimal_sign(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("n;price\n1,5;2.25\n2,5;3.75\n", encoding="utf-8")
    assert read(tmp_path / "new.csv", ("n",), separator=";", decimal=",") == [[1.5], [2.5]]


def book(path: Path, **sheets: dict[str, list[Any]]) -> Path:
    with pd.ExcelWriter(path) as writer:
        for name, columns in sheets.items():
            pd.DataFrame(columns).to_excel(writer, sheet_name=name, index=False)
    return path


@pytest.mark.parametrize("sheet", [None, "Visits 2021", "about"])
def test_the_sheet_is_that_on_which_the_columns_are(tmp_path: Path, sheet: str | None) -> None:
    path = book(tmp_path / "new.xlsx", about={"by": ["me"]}, rows={SIZE: [120.5], "n": [2]})
    assert read(path, **({"sheet": sheet} if sheet else {})) == ROWS[:1]


def test_a_column_that_is_not_there_is_told_with_what_was_read(tmp_path: Path) -> None:
    path = book(tmp_path / "new.xlsx", about={"by": ["me"]}, rows={"n": [2]})
    words = refused(path, sheet="Visits 2021")
    assert f"new.xlsx: no column '{SIZE}', which the model takes" in words
    assert "(and it lacks 'n') on sheet 'about', which was read; columns: by" in words
    assert "data:" not in words
    (tmp_path / "new.csv").write_text("Report\nGröße (m²),n\n1,2\n", encoding="utf-8")
    assert "stand in row 2, below 'Report'" in refused(tmp_path / "new.csv")


def test_pictures_in_a_table_of_another_form(tmp_path: Path) -> None:
    from PIL import Image

    from nearfar.data import Images

    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / "a.png")
    said = {"separator": ";", "encoding": "cp1252", "image": "Bäume", "target": "y"}
    options = DataOptions(source="images", path="x", on_bad_rows="drop", **said)
    like = Images(np.zeros((1, 1, 4, 4), np.uint8))
    (tmp_path / "new.csv").write_text("Bäume,z\na.png,ä\n", encoding="utf-8")
    book(tmp_path / "new.xlsx", about={"by": ["me"]}, rows={"Bäume": ["a.png"]})
    for name in ("new.csv", "new.xlsx"):
        assert len(load_inputs(options, tmp_path / name, like)) == 1


def given(path: Path, columns: tuple[str, ...], **said: Any) -> tuple[dict[str, list[Any]], str]:
    """All cells of a file as they are handed on, and how it was read."""
    options = DataOptions(source="table", path="x", target="y", on_bad_rows="drop", **said)
    rows = load_inputs(options, path, Vectors(np.zeros((1, len(columns))), list(columns)))
    assert rows.given is not None
    return dict(rows.given.columns), "\n".join(rows.source.get("reading", []))


PARTS = {
    "n": ["1,5", "1.234,5"],
    "Katalog": ["1.234", "5.678"],
    "Probe": ["1,2", "1,3"],
    "Preis": ["00,50", "3,00"],
    "gross": ["TRUE", "false"],
    "Rest": ["NA", "(5)"],
    "Liste": ["[1, 2]", "['a']"],
    "Dauer": ["1 days 02:03:04", "0 days 00:00:01"],
}


@pytest.mark.parametrize("study", [None, ".", ","])
@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_cells_are_handed_on_as_they_are_written(
    tmp_path: Path, study: str | None, ending: str
) -> None:
    path, frame = tmp_path / f"new.{ending}", pd.DataFrame(PARTS)
    if ending == "csv":
        frame.to_csv(path, sep=";", index=False)
    elif ending == "json":
        frame.to_json(path, orient="records")
    else:
        frame.to_parquet(path)
    said = {"decimal": study} if study else {}
    assert read(path, ("n",), **said) == [[1.5], [1234.5]]
    cells, told = given(path, ("n",), **said)
    assert cells == PARTS
    here = "numbers such as '1,5' are read with a decimal comma, by the cells of this file"
    assert told == ("" if study == "," else f"{here}, not by the study")


def test_a_decimal_point_where_the_study_has_commas_is_told(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("n,part\n1.5,1.234\n2,1.235\n", encoding="utf-8")
    cells, told = given(tmp_path / "new.csv", ("n",), separator=";", decimal=",")
    assert cells == {"n": ["1.5", "2"], "part": ["1.234", "1.235"]}
    assert "numbers such as '1.5' are read with a decimal point" in told
    (tmp_path / "new.csv").write_text("n,part\n1,1.234\n2,1.235\n", encoding="utf-8")
    assert "decimal" not in given(tmp_path / "new.csv", ("n",), separator=";", decimal=",")[1]


def test_a_row_with_too_few_or_too_many_fields_keeps_its_cells(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("n,name,z\n1,a,TRUE\n2\n3,b,false,x,y\n4,c,true\n")
    options = DataOptions(source="table", path="x", target="y", on_bad_rows="drop")
    rows = load_inputs(options, tmp_path / "new.csv", Vectors(np.zeros((1, 1)), ["n"]))
    assert rows.given is not None
    assert rows.ids == ["1", "4"]
    assert rows.given.columns == {
        "n": ["1", "2", "3", "4"],
        "name": ["a", None, "b", "c"],
        "z": ["TRUE", None, "false", "true"],
    }
    assert rows.given.reasons == {
        1: "1 field where the header has 3",
        2: "5 fields where the header has 3; without a column: 'x', 'y'",
    }
