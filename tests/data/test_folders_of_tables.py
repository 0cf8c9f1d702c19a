"""Folders of text tables are read by the rules of a single one."""

from pathlib import Path

import pandas as pd
import pytest

from nearfar.data import Columns, DataOptions, load_dataset, load_inputs
from nearfar.errors import UserError


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "jsonl"])
def test_a_folder_of_tables_is_read_as_one_table_is(tmp_path: Path, ending: str) -> None:
    """As `datasets` reads them, None was a gap, and 007 the number 7."""
    rows = [(f"{7 * k % 13:03}", ("None", "NA", "b")[k % 3], k % 5, k) for k in range(30)]
    names = ["code", "word", "z", "y"]
    frame = pd.DataFrame(rows, columns=names)
    pieces = {"t": frame, "parts/train": frame[:20], "parts/test": frame[20:]}
    (tmp_path / "parts").mkdir()
    for name, piece in pieces.items():
        path = tmp_path / f"{name}.{ending}"
        if ending == "jsonl":
            piece.to_json(path, orient="records", lines=True)
        else:
            piece.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    options = {"target": "y", "features": names[:3]}
    whole = load_dataset(DataOptions(source="table", path=f"t.{ending}", **options), tmp_path)
    parts = load_dataset(DataOptions(source="table", path="parts", **options), tmp_path)
    assert parts.parts is not None
    assert parts.parts.tolist() == ["train"] * 20 + ["test"] * 10
    assert isinstance(whole.inputs, Columns)
    assert isinstance(parts.inputs, Columns)
    for one, other in zip(whole.inputs.columns, parts.inputs.columns, strict=True):
        assert (one.kind, one.cells.tolist()) == (other.kind, other.cells.tolist())
    assert {"007", "None", ""} <= {*parts.inputs.columns[0].cells, *parts.inputs.columns[1].cells}
    rows_again = load_inputs(
        DataOptions(source="table", path="parts", **options), tmp_path / "parts", whole.inputs
    )
    assert isinstance(rows_again.inputs, Columns)
    assert rows_again.inputs.columns[0].cells.tolist() == whole.inputs.columns[0].cells.tolist()


def test_a_row_of_a_folder_of_tables_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "train.csv").write_text("x,y\n1,2\n2,3\n3,4\n", encoding="utf-8")
    (tmp_path / "parts" / "test.csv").write_text("x,y\n1,2\n2,odd\n", encoding="utf-8")
    options = DataOptions(source="table", path="parts", target="y")
    with pytest.raises(UserError, match=r"^test.csv, row 2 \(line 3\): target 'y' is 'odd'"):
        load_dataset(options, tmp_path)
