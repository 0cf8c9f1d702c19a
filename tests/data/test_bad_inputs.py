"""Every mistake in a data file gives one clear line that says where it is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearfar.data import DataOptions, Images, Vectors, load_dataset, load_inputs
from nearfar.data.read.embeddings import read_embeddings
from nearfar.errors import UserError

DROP_HINT = " (data: on_bad_rows: drop leaves out bad rows)"


def write(folder: Path, content: str | bytes, name: str = "d.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def options(source: str = "molecules", path: str = "d.csv", **more: object) -> DataOptions:
    return DataOptions(source=source, path=path, **{"target": "y", **more})


def message(folder: Path, chosen: DataOptions) -> str:
    with pytest.raises(UserError) as caught:
        load_dataset(chosen, folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


GOOD = "C,1\nCC,2\n"
ROWS = {
    "unparsable SMILES": ("C1CC,3", "SMILES 'C1CC' cannot be read", "molecule not readable"),
    "missing SMILES": (",3", "smiles 'smiles' is missing", "smiles missing"),
    "undescribable atom": (
        "[Os+7],3",
        "SMILES '[Os+7]': an atom has formal_charge 7, which no atom feature covers",
        "molecule not readable",
    ),
    "missing target": ("CCC,", "target 'y' is missing", "target missing"),
    "missing target by name": ("CCC,N/A", "target 'y' is missing", "target missing"),
    "NaN target": ("CCC,NaN", "target 'y' is missing", "target missing"),
    "non-numeric target": ("CCC,high", "target 'y' is 'high', not a number", "target not a number"),
    "decimal comma": (
        'CCC,"1,5"',
        "target 'y' is '1,5', not a number: with decimal commas, set data: decimal: \",\"",
        "target not a number",
    ),
    "limit": (
        "CCC,<5",
        "target 'y' is '<5', a limit and no number: write a number in its place, or leave the row "
        "out",
        "target censored",
    ),
    "unit": (
        "CCC,5 mg",
        "target 'y' is '5 mg', not a number: leave the bare number, in one unit",
        "target not a number",
    ),
    "underscore": ("CCC,1_000", "target 'y' is '1_000', not a number", "target not a number"),
    "other digits": ("CCC,١٢", "target 'y' is '١٢', not a number", "target not a number"),
    "infinite target": (
        "CCC,-inf",
        "target 'y' is '-inf', not a finite number",
        "target not finite",
    ),
    "too few fields": ("CCC", "1 field where the header has 2", "wrong number of fields"),
    "too many fields": (
        "CCC,3,4",
        "3 fields where the header has 2; without a column: '4'",
        "wrong number of fields",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_bad_row_of_molecules(tmp_path: Path, case: str) -> None:
    row, words, reason = ROWS[case]
    write(tmp_path, f"smiles,y\n{GOOD}{row}\nCCCC,4\n")
    assert message(tmp_path, options()) == f"d.csv, row 3 (line 4): {words}{DROP_HINT}"
    dataset = load_dataset(options(on_bad_rows="drop"), tmp_path)
    assert dataset.ids == ["1", "2", "4"]
    assert dataset.targets.tolist() == [[1], [2], [4]]
    assert len(dataset.inputs) == len(dataset.smiles) == len(dataset.groups) == 3
    assert dataset.source["read"] == 4
    assert dataset.source["dropped"] == 1
    assert dataset.source["reasons"] == {reason: 1}
    assert dataset.source["dropped_rows"] == {"3": words}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("x", "feature 'a' is 'x', not a number"),
        ("inf", "feature 'a' is 'inf', not a finite number"),
        ("1e300", "feature 'a' is 1e+300, beyond float32 (at most 3.4e+38)"),
    ],
)
def test_bad_feature(tmp_path: Path, cell: str, words: str) -> None:
    write(tmp_path, f"a,b,y\n1,2,3\n{cell},5,6\n7,8,9\n")
    chosen = options("table")
    assert message(tmp_path, chosen) == f"d.csv, row 2 (line 3): {words}{DROP_HINT}"
    dataset = load_dataset(options("table", on_bad_rows="drop"), tmp_path)
    assert dataset.ids == ["1", "3"]


@pytest.mark.parametrize("others", ["3", "x"])
def test_a_target_too_large_to_be_scaled_is_a_bad_row(tmp_path: Path, others: str) -> None:
    """Whether the column is read at once or cell by cell."""
    write(tmp_path, f"a,b,y\n1,2,3\n4,5,-1e308\n7,8,{others}\n5,5,5\n6,1,7\n")
    words = "target 'y' is -1e+308, beyond float32 (at most 3.4e+38)"
    assert f"row 2 (line 3): {words}" in message(tmp_path, options("table"))
    dataset = load_dataset(options("table", on_bad_rows="drop"), tmp_path)
    assert "2" not in dataset.ids


def test_first_bad_row_and_how_many_more(tmp_path: Path) -> None:
    """A bad target in an earlier row comes before a bad molecule; a row counts once."""
    write(tmp_path, "smiles,y\nC,\nC1C,\nCC,2\nC1C,3\n")
    assert message(tmp_path, options()) == (
        f"d.csv, row 1 (line 2): target 'y' is missing; 2 more bad rows{DROP_HINT}"
    )
    dataset = load_dataset(options(on_bad_rows="drop"), tmp_path)
    assert dataset.source["reasons"] == {"molecule not readable": 2, "target missing": 1}


def test_no_good_row(tmp_path: Path) -> None:
    write(tmp_path, "smiles,y\nC,high\nCC,low\n")
    expected = "d.csv, row 1 (line 2): target 'y' is 'high', not a number; "
    for action in ("error", "drop"):
        text = message(tmp_path, options(on_bad_rows=action))
        assert text == expected + "no row of the data can be used"


@pytest.mark.parametrize("column", ["group", "part", "name"])
def test_unknown_column_and_its_nearest_name(tmp_path: Path, column: str) -> None:
    write(tmp_path, f"smiles,y,colour\n{GOOD.replace(chr(10), ',a' + chr(10))}")
    text = message(tmp_path, options(**{column: "color"}))
    assert text == (
        f"d.csv: no column 'color' (data: {column}); did you mean 'colour'? "
        "columns: colour, smiles, y"
    )


def test_unknown_columns_of_smiles_target_and_features(tmp_path: Path) -> None:
    write(tmp_path, f"SMILES,logS,x\n{GOOD.replace(chr(10), ',1' + chr(10))}")
    assert "no column 'smiles' (data: smiles)" in message(tmp_path, options())
    assert "no column 'logs' (data: target); did you mean 'logS'" in message(
        tmp_path, options(smiles="SMILES", target="logs")
    )
    assert "no column 'xx' (data: features)" in message(
        tmp_path, options("table", target="logS", features=["xx"])
    )


@pytest.mark.parametrize(("cell", "words"), [("later", "is 'later'; allowed"), ("", "is missing")])
def test_bad_part(tmp_path: Path, cell: str, words: str) -> None:
    write(tmp_path, f"smiles,y,p\nC,1,train\nCC,2,{cell}\n")
    text = message(tmp_path, options(part="p"))
    assert text.startswith(f"d.csv, row 2 (line 3): part 'p' {words}")


def test_missing_group(tmp_path: Path) -> None:
    write(tmp_path, "smiles,y,g\nC,1,a\nCC,2,\n")
    assert "row 2 (line 3): group 'g' is missing" in message(tmp_path, options(group="g"))


FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "d.csv is empty"),
    "blank": ("\n\n", "d.csv is empty"),
    "header only": ("smiles,y\n", "d.csv has a header and no rows"),
    "duplicate header": ("smiles,y,y\nC,1,2\n", "d.csv: column 'y' stands 2 times in the header"),
    "duplicate unused header": ("smiles,y,a,a\nC,1,2,3\n", "column 'a' stands 2 times"),
    "latin-1": (
        "smiles,y,n\nC,1,a\nCC,2,Äther\n".encode("latin-1"),
        "d.csv, line 3: not UTF-8 text (byte 0xc4): save the file as UTF-8",
    ),
    "NUL bytes": ("smiles,y\nC,1\nC\0C,2\n", "d.csv, line 3: a NUL byte: the file is damaged"),
    "no header": ("1.5,2\n3.5,4\n", "d.csv: the first row holds numbers (1.5, 2): put a row with"),
    "semicolons": ("smiles;y\nC;1\n", "are its fields separated by ';'? then set data: separator"),
    "tabs": ("smiles\ty\nC\t1\n", "are its fields separated by tab?"),
    "open quote": ('smiles,y\nC,1\nCC,"2\nCCC,3\n', "d.csv, line 3: not valid CSV: unexpected end"),
}


@pytest.mark.parametrize("case", FILES)
def test_unusable_file(tmp_path: Path, case: str) -> None:
    content, words = FILES[case]
    write(tmp_path, content)
    for action in ("error", "drop"):
        assert words in message(tmp_path, options(on_bad_rows=action))


def test_no_such_file_names_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path / "home"))
    text = message(tmp_path / "study", options(path="gone.csv"))
    assert text.startswith("no such data file: gone.csv; looked in ")
    assert str(tmp_path / "study") in text
    assert str(tmp_path / "home") in text
    assert text.endswith("samples (shipped: esol.csv)")
    absolute = tmp_path / "gone.csv"
    expected = f"no such file or folder: {absolute}"
    assert message(tmp_path, options(path=str(absolute))) == expected


def test_a_name_like_the_one_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep" / "Photos").mkdir(parents=True)
    (tmp_path / "deep" / ".photo").touch()
    text = message(tmp_path, options(path="deep/photo"))
    assert text.startswith("no such data file: deep/photo; did you mean 'deep/Photos'? looked in ")
    (tmp_path / "data.csv").touch()
    wrong = tmp_path / "dato.csv"
    said = f"{wrong}; did you mean '{tmp_path / 'data.csv'}'?"
    assert message(tmp_path, options(path=str(wrong))) == f"no such file or folder: {said}"
    monkeypatch.chdir(tmp_path)
    images = Images(np.zeros((1, 1, 4, 4), np.uint8))
    for source, like in (("table", Vectors([[0]], ["a"])), ("images", images)):
        asked = DataOptions(source=source, path="x", target="y")
        with pytest.raises(UserError, match=r": dato.csv; did you mean 'data.csv'\?$"):
            load_inputs(asked, Path("dato.csv"), like)
    with pytest.raises(UserError, match=r": dato.csv; did you mean 'data.csv'\?$"):
        read_embeddings(Path("dato.csv"))


def test_impossible_path(tmp_path: Path) -> None:
    for path in ("C" * 5000, "a\0b"):
        assert message(tmp_path, options(path=path)).startswith("no such data file: ")


@pytest.mark.parametrize("given", ["tables", "."])
def test_a_folder_of_tables_that_are_not_one(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ``.`` the library says that its "dataset_name should be specified"."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "a.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    (folder / "b.csv").write_text("z\n1\n", encoding="utf-8")
    monkeypatch.chdir(folder if given == "." else tmp_path)
    assert message(Path(), options(path=given)).endswith(
        "tables is a folder of files that do not make one table: name one of them: a.csv, b.csv"
    )


def test_directory_without_data(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    assert "d.csv is a folder that `datasets` cannot read" in message(tmp_path, options())


def test_unknown_format(tmp_path: Path) -> None:
    write(tmp_path, "smiles,y\nC,1\n", "d.dbx")
    text = message(tmp_path, options(path="d.dbx"))
    assert text.startswith("cannot tell the format of d.dbx: end it in .csv, .tsv, .txt, .xlsx")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("d.xls", "an old Excel file"), ("d.ods", "an OpenDocument spreadsheet")),
        *(("d.numbers", "a Numbers spreadsheet"), ("d.RDS", "a file of R"), ("d.mat", "a file of")),
        *(("d.sav", "a file of SPSS"), ("d.h5", "an HDF5 file"), ("d.pkl", "a Python pickle")),
        ("d.rds.gz", "a file of R"),
    ],
)
def test_files_of_other_programs_are_to_be_saved_otherwise(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    text = message(tmp_path, options(path=name))
    assert text.startswith(f"{name} is {kind}")
    assert text.endswith(", which is not read: save it as .xlsx or .csv")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "smiles,y\nC,1\n")

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert message(tmp_path, options()) == f"cannot read {tmp_path / 'd.csv'}: Permission denied"


def test_bad_parquet(tmp_path: Path) -> None:
    write(tmp_path, "smiles,y\nC,1\n", "d.parquet")
    assert "d.parquet is not a parquet file" in message(tmp_path, options(path="d.parquet"))
    write(tmp_path, b"", "d.parquet")
    assert message(tmp_path, options(path="d.parquet")) == "d.parquet is empty"
    pq.write_table(pa.table({"smiles": pa.array([], pa.string())}), tmp_path / "d.parquet")
    assert message(tmp_path, options(path="d.parquet")) == "d.parquet has no rows"
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["y", "y"])
    pq.write_table(twice, tmp_path / "d.parquet")
    assert "column 'y' stands 2 times" in message(tmp_path, options(path="d.parquet"))
    assert "'separator' is for CSV" in message(tmp_path, options(path="d.parquet", separator=";"))


def test_bad_row_of_parquet_has_its_number(tmp_path: Path) -> None:
    columns = {"smiles": ["C", "CC"], "y": [1.0, float("inf")]}
    pq.write_table(pa.table(columns), tmp_path / "d.parquet")
    text = message(tmp_path, options(path="d.parquet"))
    assert text == f"d.parquet, row 2: target 'y' is inf, not a finite number{DROP_HINT}"


def test_no_feature_column(tmp_path: Path) -> None:
    write(tmp_path, "a,y\nx,1\nz,2\n")
    said = message(tmp_path, options("table"))
    assert "no column besides the target to learn from: a (names the rows" in said


def test_bad_molecules_write_nothing_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "smiles,y\nC,1\nC1C,2\nc1cccc1,3\n")
    load_dataset(options(on_bad_rows="drop"), tmp_path)
    assert capfd.readouterr().err == ""


def test_options_import_neither_torch_nor_rdkit() -> None:
    code = (
        "import sys, nearfar.data, nearfar.data.options;"
        "print([m for m in ('torch', 'rdkit', 'pyarrow', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
