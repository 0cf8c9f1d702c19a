"""What stands beside the rows in people's tables: totals, merged cells, notes, inner records."""

import json
import random
from pathlib import Path

import datasets
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearfar.data.load import load_dataset
from nearfar.data.options import DataOptions
from nearfar.data.read.decimals import grouped_points
from nearfar.data.read.images.tables import has_images, holds_images
from nearfar.data.read.saved import saved_start
from nearfar.data.read.tables import read_file
from nearfar.data.table_form import TableForm

ROWS = 12


def frame() -> pd.DataFrame:
    draw = random.Random(1)
    values = {name: [round(draw.gauss(3, 1), 2) for _ in range(ROWS)] for name in ("x", "y")}
    return pd.DataFrame({"who": [f"w{k % 4}" for k in range(ROWS)], **values})


def kept(folder: Path, *rows: object, name: str = "t.csv") -> tuple[int, list[str]]:
    """Return how many rows are read of a table that ends with ``rows``, and what is told."""
    whole = pd.concat([frame(), *[pd.DataFrame([row]) for row in rows]])
    if name.endswith(".csv"):
        whole.to_csv(folder / name, index=False)
    else:
        whole.to_excel(folder / name, index=False)
    table = read_file(folder / name)
    assert {len(cells) for cells in table.columns.values()} == {table.length}
    return table.length, table.notes


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
@pytest.mark.parametrize("label", ["Total", "Summe:", "Mean", None])
def test_totals_at_the_end_are_no_row(tmp_path: Path, name: str, label: str | None) -> None:
    numbers = frame()[["x", "y"]]
    of = numbers.mean() if label == "Mean" else numbers.sum()
    rows, told = kept(tmp_path, {"who": label, **of.round(4)}, name=name)
    assert rows == ROWS
    assert "the last row holds totals" in told[0]


def test_several_totals_and_what_is_none(tmp_path: Path) -> None:
    numbers = frame()[["x", "y"]]
    below = [{"who": "mean", **numbers.mean()}, {"who": "sd", **numbers.std()}]
    rows, told = kept(tmp_path, *below)
    assert (rows, "the last 2 rows" in told[0]) == (ROWS, True)
    rows, told = kept(tmp_path, {"who": "total", "x": 3.1, "y": 2.2})
    assert (rows, "is called 'total' and does not add up" in told[0]) == (ROWS + 1, True)
    assert kept(tmp_path, {"who": "w1", "x": numbers.x.sum(), "y": 2.2}) == (ROWS + 1, [])
    assert kept(tmp_path, {"who": "w1", "x": numbers.x.sum(), "y": None}) == (ROWS + 1, [])
    assert kept(tmp_path, {"who": "total", **numbers.min()})[0] == ROWS + 1
    assert kept(tmp_path, {"who": "total", **numbers.sum()})[0] == ROWS
    lenient = read_file(tmp_path / "t.csv", TableForm(strict=False))
    assert lenient.length == ROWS + 1


@pytest.mark.parametrize("label", ["Total", "Gesamtergebnis", "Σ", None])
def test_totals_of_what_had_more_digits(tmp_path: Path, label: str | None) -> None:
    moved = frame()[["x", "y"]].sum() + pd.Series({"x": 0.05, "y": -0.04})
    assert kept(tmp_path, {"who": label, **moved.round(2)})[0] == ROWS
    assert kept(tmp_path, {"who": label, **(moved + 0.2).round(2)})[0] == ROWS + 1


def test_means_of_fewer_digits_and_a_remark_below(tmp_path: Path) -> None:
    mean = {"who": "Average", **frame()[["x", "y"]].mean().round(1)}
    assert kept(tmp_path, mean)[0] == ROWS
    assert kept(tmp_path, {**mean, "who": "w1"}) == (ROWS + 1, [])
    total = {"who": "Total", **frame()[["x", "y"]].sum()}
    rows, told = kept(tmp_path, total, {"who": "Source: lab 3"})
    assert (rows, "the last 2 rows hold totals" in told[0]) == (ROWS, True)
    assert kept(tmp_path, {"who": "Source: lab 3"})[0] == ROWS + 1


def test_merged_cells_are_the_value_of_all_their_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["plate", "x", None])
    for k in range(ROWS):
        sheet.append([f"P{k // 3}" if k % 3 == 0 else None, k, None])
    for k in range(0, ROWS, 3):
        sheet.merge_cells(f"A{k + 2}:A{k + 4}")
    sheet.merge_cells("B1:C1")
    book.save(tmp_path / "m.xlsx")
    table = read_file(tmp_path / "m.xlsx")
    assert table.columns["plate"] == [f"P{k // 3}" for k in range(ROWS)]
    assert table.columns["x"] == list(range(ROWS))
    assert "4 merged cells" in " ".join(table.notes)


def test_a_sheet_with_a_title_alone_is_not_the_table(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "s.xlsx") as book:
        pd.DataFrame({"Made by Ann": []}).to_excel(book, sheet_name="About", index=False)
        frame().to_excel(book, sheet_name="Data", index=False)
    table = read_file(tmp_path / "s.xlsx")
    assert table.length == ROWS
    assert "sheet 'Data' is read, not 'About'" in table.notes[0]


def test_a_line_that_says_the_separator_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("sep=;\na;y\n1;2\n3;4\n")
    for form in (TableForm(separator=";"), TableForm(strict=False, needed=frozenset("ay"))):
        assert read_file(tmp_path / "s.csv", form).columns == {"a": ["1", "3"], "y": ["2", "4"]}


def test_records_within_records_are_columns(tmp_path: Path) -> None:
    records = [{"f": {"a": k, "b": {"c": -k}}, "f.x": 1, "g": {"x": {}}, "y": k} for k in range(3)]
    (tmp_path / "n.jsonl").write_text("\n".join(map(json.dumps, records)))
    table = read_file(tmp_path / "n.jsonl")
    assert table.columns["f.a"] == [0, 1, 2]
    assert table.columns["f.b.c"] == [0, -1, -2]
    (tmp_path / "c.json").write_text(json.dumps([{"f": {"a": 1}, "f.a": 2}]))
    assert read_file(tmp_path / "c.json").columns == {"f": [{"a": 1}], "f.a": [2]}


def test_rows_of_zeros_and_ones_are_indicators(tmp_path: Path) -> None:
    marks = [[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]] * 3
    options = {"source": "table", "target": "y", "task": "multilabel", "features": ["x"]}
    pq.write_table(pa.table({"x": range(12), "y": marks}), tmp_path / "l.parquet")
    read = load_dataset(DataOptions(path="l.parquet", **options), tmp_path)
    assert read.target_names == ["0", "1", "2"]
    assert read.targets.tolist() == marks
    numbers = [[0, 1], [1], [0], [1, 0]] * 3
    pq.write_table(pa.table({"x": range(12), "y": numbers}), tmp_path / "n.parquet")
    read = load_dataset(DataOptions(path="n.parquet", **options), tmp_path)
    assert read.targets[:4].tolist() == [[1, 1], [0, 1], [1, 0], [1, 1]]


def test_bytes_that_begin_no_picture_are_no_images(tmp_path: Path) -> None:
    for start, images in ((b"\x89PNG\r\n\x1a\n", True), (b"\x00\x01", False)):
        for kind in (pa.binary(), pa.large_binary()):
            table = pa.table({"raw": pa.array([start + bytes(20)] * 3, kind), "y": [1, 2, 3]})
            pq.write_table(table, tmp_path / "b.parquet")
            assert holds_images(tmp_path / "b.parquet") is images


def test_a_saved_data_set_with_bytes_is_a_table(tmp_path: Path) -> None:
    for start, images in ((b"\x89PNG\r\n\x1a\n", True), (b"\x00\x01", False)):
        rows = {"raw": [start + bytes(20)] * 3, "y": [1, 2, 3]}
        datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / str(images))
        assert has_images(saved_start(tmp_path / str(images))) is images


def test_points_that_may_stand_between_thousands() -> None:
    assert grouped_points(["1.234", "25", "3.000"]) == "1.234"
    assert grouped_points(["1.234", "0.500"]) is None
    assert grouped_points(["1.234", "2.5"]) is None
