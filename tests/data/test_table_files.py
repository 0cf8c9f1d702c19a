"""Tables in files of many kinds hold the same; damaged or misnamed ones give one line."""

import bz2
import gzip
import json
import lzma
import random
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather
from rdkit import Chem

from nearfar.data import DataOptions, load_dataset
from nearfar.data.read.embeddings import read_embeddings
from nearfar.data.read.guess import guessed_form
from nearfar.data.read.tables import read_file
from nearfar.data.read.text import likely_separator, read_text
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

FRAME = pd.DataFrame(
    {
        "a": [1.5, None, -3.25, 4e-7],
        "b": [10, 20, 30, 45],
        "t": ["red", "größer", "a,b", 'say "x"\ntwice'],
        "truth": [True, False, True, True],
    }
)
EXPECTED = {
    "a": [1.5, None, -3.25, 4e-7],
    "b": [10, 20, 30, 45],
    "t": FRAME["t"].tolist(),
    "truth": [True, False, True, True],
}


def csv_text(**more: object) -> str:
    return str(FRAME.to_csv(index=False, **more))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("d.csv", csv_text())
        packed.writestr("__MACOSX/._d.csv", "x")


WRITERS: dict[str, Callable[[Path], object]] = {
    "d.csv": lambda p: p.write_text(csv_text(), encoding="utf-8"),
    "bom.csv": lambda p: p.write_text(csv_text(), encoding="utf-8-sig"),
    "utf16.csv": lambda p: p.write_bytes(csv_text().encode("utf-16")),
    "utf16le.csv": lambda p: p.write_bytes(csv_text().encode("utf-16-le")),
    "utf16be.csv": lambda p: p.write_bytes(csv_text().encode("utf-16-be")),
    "mac.csv": lambda p: p.write_bytes(csv_text(lineterminator="\r").encode()),
    "windows.csv": lambda p: p.write_bytes(csv_text(lineterminator="\r\n").encode()),
    "d.tsv": lambda p: p.write_text(csv_text(sep="\t"), encoding="utf-8"),
    "d.csv.gz": lambda p: p.write_bytes(gzip.compress(csv_text().encode())),
    "d.csv.bz2": lambda p: p.write_bytes(bz2.compress(csv_text().encode())),
    "d.csv.xz": lambda p: p.write_bytes(lzma.compress(csv_text().encode())),
    "d.zip": zipped,
    "d.csv.zip": zipped,
    "d.parquet": lambda p: FRAME.to_parquet(p),
    "d.xlsx": lambda p: FRAME.to_excel(p, index=False),
    "d.jsonl": lambda p: FRAME.to_json(p, orient="records", lines=True),
    "records.json": lambda p: FRAME.to_json(p, orient="records"),
    "columns.json": lambda p: FRAME.to_json(p),
    "split.json": lambda p: FRAME.to_json(p, orient="split", index=False),
}


def plain(cells: list[object]) -> list[object]:
    """Cells with the numbers in texts as numbers, so that text files compare with others."""
    from nearfar.data.read.cells import is_missing, number

    return [
        None if is_missing(c) else c if isinstance(c, bool) or number(c) is None else number(c)
        for c in cells
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_holds_the_same(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    table = read_file(tmp_path / name)
    assert {key: plain(cells) for key, cells in table.columns.items()} == EXPECTED
    assert table.length == 4


def refused(path: Path, form: TableForm | None = None) -> str:
    with pytest.raises(UserError) as caught:
        read_file(path, form)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return text


@pytest.mark.parametrize(
    ("written", "called", "words"),
    [
        ("d.parquet", "d.csv", "is a parquet file: end its name in .parquet"),
        ("d.xlsx", "d.csv", "is an Excel workbook: end its name in .xlsx"),
        ("d.csv.gz", "d.csv", "is a gzip file: call it d.csv.gz"),
        ("d.csv", "d.xlsx", "is not an Excel workbook"),
        ("d.csv", "d.csv.gz", "is no gzip file"),
        ("d.csv", "d.xls", "d.xls is an old Excel file, which is not read: save it as .xlsx or"),
        ("d.xlsx", "d.xls", "is an Excel workbook: end its name in .xlsx"),
    ],
)
def test_content_of_another_kind_is_named(
    tmp_path: Path, written: str, called: str, words: str
) -> None:
    WRITERS[written](tmp_path / "made")
    if written == "d.xlsx":
        WRITERS[written](tmp_path / "made.xlsx")
        (tmp_path / "made.xlsx").rename(tmp_path / "made")
    (tmp_path / "made").rename(tmp_path / called)
    assert words in refused(tmp_path / called)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files by their names, large enough to be damaged in many ways."""
    folder = tmp_path_factory.mktemp("whole")
    found = {}
    for name in ("d.csv.gz", "d.csv.bz2", "d.csv.xz", "d.zip", "d.parquet", "d.xlsx", "d.jsonl"):
        WRITERS[name](folder / name)
        found[name] = (folder / name).read_bytes()
    molecule = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    found["d.sdf"] = (f"{molecule}> <y>\n1.5\n\n$$$$\n" * 3).encode()
    return found


def test_damaged_files_give_one_line_with_their_name(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    """Torn off, overwritten, or with bytes changed: read, or refused in one line."""
    rng = random.Random(0)
    said: list[tuple[str, str]] = []
    for name, raw in whole.items():
        path = tmp_path / name
        for turn in range(24):
            broken = bytearray(raw)
            if turn % 3 == 0:
                del broken[rng.randrange(1, len(raw)) :]
            elif turn % 3 == 1:
                start = rng.randrange(len(raw))
                broken[start : start + 20] = rng.randbytes(20)
            else:
                for _ in range(5):
                    broken[rng.randrange(len(raw))] = rng.randrange(256)
            path.write_bytes(bytes(broken))
            try:
                read_file(path)
            except UserError as error:
                said.append((name, str(error)))
    assert len(said) > 60
    assert [text for name, text in said if "\n" in text or name not in text] == []


def test_zip_of_several_files_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as packed:
        packed.writestr("a.csv", "x,y\n1,2\n")
        packed.writestr("b.csv", "x,y\n1,2\n")
    words = "two.zip holds 2 files (a.csv, b.csv): unpack it and name one"
    assert refused(tmp_path / "two.zip") == words
    (tmp_path / "two.zip").rename(tmp_path / "a.csv.zip")
    assert "holds 2 files (a.csv, b.csv)" in refused(tmp_path / "a.csv.zip")


@pytest.mark.parametrize("name", ["p.zip", "p.csv.zip"])
def test_zip_of_images_is_to_be_unpacked_into_a_folder(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as packed:
        for member in ("cat/1.png", "dog/1.gif", "readme.txt"):
            packed.writestr(member, b"x")
    words = "holds 2 images (cat/1.png, dog/1.gif, readme.txt): unpack it and name the folder"
    assert refused(tmp_path / name) == f"{name} {words}"
    with zipfile.ZipFile(tmp_path / name, "w") as packed:
        packed.writestr("1.png", b"x")
    assert (
        refused(tmp_path / name) == f"{name} holds 1 image (1.png): unpack it and name the folder"
    )


def test_pictures_and_archives_are_no_tables(tmp_path: Path) -> None:
    for name, content in (("a.png", b"x"), ("a.gif", b"x"), ("a.csv", b"GIF89a" + bytes(9))):
        (tmp_path / name).write_bytes(content)
        assert "not a table" in refused(tmp_path / name)
    (tmp_path / "photo").write_bytes(b"\xff\xd8\xff" + bytes(9))
    assert refused(tmp_path / "photo").startswith("photo is a JPEG image, not a table")
    for name in ("a.tar", "a.tar.gz", "a.tgz", "a.7z"):
        (tmp_path / name).write_bytes(b"x")
        assert f"{name} is an archive: unpack it and name the file or" in refused(tmp_path / name)


def test_sheets_and_formulas_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    first.title = "notes"
    first.append([])
    first.append(["x", "day", "y", None])
    first.append([1, pd.Timestamp("2020-01-31").to_pydatetime(), "=A3*2", None])
    first.append([2, None, 7, None])
    first.append([None, None, None, None])
    book.create_sheet("more").append(["z", "y"])
    book["more"].append([5, 6])
    path = tmp_path / "b.xlsx"
    book.save(path)
    table = read_file(path)
    assert list(table.columns) == ["x", "day", "y"]
    assert table.columns["y"] == [None, 7]
    assert table.where(0) == "b.xlsx, row 1 (line 3)"
    told = " ".join(table.notes)
    assert "sheet 'notes' is read, not 'more'" in told
    assert "1 formula has no stored value" in told
    assert read_file(path, TableForm(sheet="more")).columns == {"z": [5], "y": [6]}
    assert "did you mean 'more'" in refused(path, TableForm(sheet="mor"))


def test_sdf_has_properties_and_structures(tmp_path: Path) -> None:
    blocks = []
    for smiles, y in (("CCO", "1.5"), ("c1ccccc1", "-2")):
        molecule = Chem.MolFromSmiles(smiles)
        molecule.SetProp("_Name", f"the {smiles}")
        blocks.append(f"{Chem.MolToMolBlock(molecule)}>  <logS>  (1)\n{y}\n\n> <note>\na\nb\n\n")
    blocks.append("broken\n\n\n  1  0\nM  END\n> <logS>\n3\n\n")
    path = tmp_path / "m.sdf"
    path.write_text("$$$$\n".join([*blocks, ""]), encoding="utf-8")
    table = read_file(path)
    assert table.columns["smiles"] == ["CCO", "c1ccccc1", None]
    assert table.columns["name"][:2] == ["the CCO", "the c1ccccc1"]
    assert table.columns["logS"] == ["1.5", "-2", "3"]
    assert table.columns["note"][0] == "a\nb"
    assert list(table.unreadable) == [2]
    assert table.column("structure", "smiles") == table.columns["smiles"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("CCO ethanol\nC\n", {"smiles": ["CCO", "C"], "name": ["ethanol", None]}),
        ("CCO\tethyl alcohol\nC\tmethane\n", {"name": ["ethyl alcohol", "methane"]}),
        ("CCO ethyl alcohol\nC methane\n", {"name": ["ethyl alcohol", "methane"]}),
        ("SMILES Name \nCCO ethanol\n", {"SMILES": ["CCO"], "Name": ["ethanol"]}),
        ("smiles,y\nCCO,1\n", {"smiles": ["CCO"], "y": ["1"]}),
        ("CCO 1,2-x\nC y\n", {"name": ["1,2-x", "y"]}),
        ("CCO a 1.5\nC b 2\n", {"smiles": ["CCO", "C"], "column 3": ["1.5", "2"]}),
        (
            "CCO\tan alcohol\nC one carbon\nCC |$a;b$|\nCCC |$a;;b$|\tthree\n",
            {
                "smiles": ["CCO", "C", "CC |$a;b$|", "CCC |$a;;b$|"],
                "name": ["an alcohol", "one carbon", None, "three"],
            },
        ),
        ("smiles\ty\tz\nCC\t2\t3\n", {"smiles": ["CC"], "y": ["2"], "z": ["3"]}),
    ],
)
def test_list_of_smiles(tmp_path: Path, text: str, columns: dict[str, list[object]]) -> None:
    path = tmp_path / "m.smi"
    path.write_text(text, encoding="utf-8")
    table = read_file(path)
    assert {key: table.columns[key] for key in columns} == columns


def test_texts_in_json_lines_hold_other_ends_of_lines(tmp_path: Path) -> None:
    """A line ends where JSON Lines ends it; U+2028 and the like may stand in a text."""
    texts = ["one\u2028two", "a\x85b\x0bc", "plain"]
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    (tmp_path / "d.jsonl").write_bytes("\r\n".join(lines).encode())
    table = read_file(tmp_path / "d.jsonl")
    assert table.columns == {"text": texts}
    assert table.lines == [1, 2, 3]


def test_bad_json_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"a": 1}\n{"a" 2}\n', encoding="utf-8")
    assert "d.jsonl, line 2: not valid JSON" in refused(path)
    path.write_text('{"a": 1}\n[1]\n', encoding="utf-8")
    assert "line 2: no record" in refused(path)
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000, encoding="utf-8")
    assert "not valid JSON" in refused(deep)
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"a": 1}), encoding="utf-8")
    assert "'a' holds one value" in refused(one)


def test_a_key_that_stands_twice_in_a_record_is_refused(tmp_path: Path) -> None:
    """As a column is that stands twice in a header: one of the two would go."""
    path = tmp_path / "d.jsonl"
    path.write_text('{"a": 1}\n{"a": 1, "a": 7}\n', encoding="utf-8")
    assert "d.jsonl, line 2: not valid JSON: 'a' stands 2 times in one record" in refused(path)
    for text in ('[{"a": 1, "a": 7}]', '{"a": [1], "a": [7]}', '[{"a": {"b": 1, "b": 2}}]'):
        path = tmp_path / "d.json"
        path.write_text(text, encoding="utf-8")
        assert "stands 2 times" in refused(path)


def test_cells_of_columns_by_label_come_together_by_label(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text('{"a": {"r": 1, "s": 2}, "y": {"s": 20, "r": 10, "t": 30}}', encoding="utf-8")
    assert read_file(path).columns == {"a": [1, 2, None], "y": [10, 20, 30]}


def test_records_by_the_count_of_their_rows(tmp_path: Path) -> None:
    """As pandas writes them with ``orient="index"``."""
    FRAME.to_json(tmp_path / "index.json", orient="index")
    FRAME.to_json(tmp_path / "records.json", orient="records")
    found = read_file(tmp_path / "index.json")
    assert found.columns == read_file(tmp_path / "records.json").columns


def test_encodings_that_are_said(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes("größe,y\nä,1\nö,2\n".encode("cp1252"))
    assert "data: encoding: cp1252" in refused(path)
    assert read_file(path, TableForm(encoding="cp1252")).columns["größe"] == ["ä", "ö"]
    with pytest.raises(UserError, match="no encoding 'cp99'"):
        read_file(path, TableForm(encoding="cp99"))


@pytest.mark.parametrize(
    "text",
    ["x,y,,\n1,2,,\n3,4,,\n,,,\n,,,\n", "x,y\n1,2,\n3,4,\n", " x , y ,\n1,2,\n3,4,\n\n"],
)
def test_empty_columns_and_rows_at_the_end_are_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    table = read_file(tmp_path / "d.csv")
    assert table.columns == {"x": ["1", "3"], "y": ["2", "4"]}
    assert "empty column" in " ".join(table.notes)


def test_headers(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(',,"a\n b",0\n1,2,3,4\n', encoding="utf-8")
    assert list(read_file(path).columns) == ["Unnamed: 0", "Unnamed: 1", "a b", "0"]
    path.write_text("0,1,2\n1.5,2,3\n", encoding="utf-8")
    assert list(read_file(path).columns) == ["0", "1", "2"]
    for first in ("5.1,3.5,setosa", "1,5,9"):
        path.write_text(f"{first}\n1,2,3\n", encoding="utf-8")
        assert "the first row holds numbers" in refused(path)


def test_wavelengths_are_names_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "nir.csv"
    waves = [f"{400.5 + 2 * k}" for k in range(12)]
    path.write_text(f"sample,{','.join(waves)}\na,{','.join('123456789012')}\n")
    assert list(read_file(path).columns) == ["sample", *waves]
    path.write_text(f"sample,{','.join(reversed(waves))}\na,{','.join('123456789012')}\n")
    assert list(read_file(path).columns) == ["sample", *reversed(waves)]
    path.write_text(f"a,{','.join(['412.7', *waves])}\n" * 3)
    assert "the first row holds numbers" in refused(path)


@pytest.mark.parametrize(
    ("text", "columns", "told"),
    [
        ("# made today\na,b\n1,2\n", ["a", "b"], "the first line begins with #"),
        ("# one\n# two, three\na;b\n1;2\n", ["a", "b"], "the first 2 lines begin with #"),
        ("# of water\n#id,b\n1,2\n", ["#id", "b"], "the first line begins with #"),
        ("#id,b\n1,2\n", ["#id", "b"], None),
        (
            "# made today\nid,first name,last name\n1,a,b\n",
            ["id", "first name", "last name"],
            "the",
        ),
        ("# one\n\n# two\n\na,b\n1,2\n", ["a", "b"], "the first 2 lines"),
        ("#smiles\nCCO\nCCC\n", ["#smiles"], None),
        ("a,b\n#1,2\n", ["a", "b"], None),
    ],
)
def test_comments_above_the_header_are_left_out_and_told(
    tmp_path: Path, text: str, columns: list[str], told: str | None
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    table = read_file(path, guessed_form(path, TableForm())[0])
    assert list(table.columns) == columns
    assert [note.startswith(told or "-") for note in table.notes] == [True] * (told is not None)
    assert table.lines is not None
    assert table.lines[-1] == text.count("\n")


def test_a_molecule_and_a_number_are_no_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("# no header\nCC1=CC(=O)C=CC1=O,34.14\nCCO,2.5\n")
    assert "the first row holds numbers (CC1=CC(=O)C=CC1=O, 34.14)" in refused(path)


def test_rows_to_predict_for_may_lie_in_another_kind_of_file(tmp_path: Path) -> None:
    form = TableForm(separator=";", decimal=",", sheet="s").lenient(["x"])
    path = tmp_path / "d.csv"
    for text in (
        "x;y\n1,5;2\n1.234,5;3\n",
        'x,y\n1.5,2\n"1,234.5",3\n',
        "x\ty\n1.5\t2\n1234.5\t3\n",
    ):
        path.write_text(text, encoding="utf-8")
        cells = read_file(path, form).columns["x"]
        assert plain(cells) == [1.5, 1234.5]


@pytest.mark.parametrize("name", ["d.parquet", "d.feather"])
@pytest.mark.parametrize("place", ["name", "cell"])
def test_bytes_that_are_no_text_are_one_line_in_every_reader(
    tmp_path: Path, name: str, place: str
) -> None:
    cells = {"name": "label", "cell": "text", place: "QQQQ"}
    image = {"bytes": b"", "path": "a.png"}
    table = pa.table({"image": [image], "n": [1.0], cells["name"]: [cells["cell"]]})
    path = tmp_path / name
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="none", store_schema=False, use_dictionary=False)
    else:
        feather.write_feather(table, path, compression="uncompressed")
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"\xb3\xffQQ"))
    options = DataOptions(source="images", path=name, target="label")
    for read in (read_file, read_embeddings, lambda path: load_dataset(options, path.parent)):
        with pytest.raises(UserError) as told:
            read(path)
        assert path.name in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["d.parquet", "d.feather"])
def test_two_columns_of_one_name_are_one_line_in_every_reader(tmp_path: Path, name: str) -> None:
    options = DataOptions(source="images", path=name, target="label")
    cells = [pa.array([{"bytes": b"", "path": "a.png"}]), pa.array([1]), pa.array(["x"])]
    for names in (["image", "a", "a"], ["image", "image", "label"]):
        table, path = pa.table(cells, names=names), tmp_path / name
        write = pq.write_table if path.suffix == ".parquet" else feather.write_feather
        write(table, path)
        for read in (read_file, read_embeddings, lambda path: load_dataset(options, path.parent)):
            with pytest.raises(UserError, match=r"column '(a|image)' stands 2 times"):
                read(path)


def test_numbers_near_the_largest_are_looked_at_without_a_warning(tmp_path: Path) -> None:
    numbers = ["1e300", "-1e300", "2e300", "1e308", "1e308"]
    lines = ["name,a", *(f"{k},{cell}" for k, cell in enumerate(numbers)), "total,9e305"]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_file(tmp_path / "d.csv")


OUTSIDE = {
    "year 10000": (pa.array([0, 253402300800, None], pa.timestamp("s")), "10000-01-01T00:00:00"),
    "before year 1": (pa.array([0, -(10**18), None], pa.timestamp("us")), "-29719-04-05"),
    "by its zone": (
        pa.array([0, 253402300799, None], pa.timestamp("s", "Asia/Tokyo")),
        "10000-01-01T08:59:59",
    ),
    "day": (pa.array([0, 2**31 - 1, None], pa.date32()), "5881580-07-11"),
    "span": (pa.array([0, 2**62, None], pa.duration("s")), "4611686018427387904 seconds"),
    "category": (
        pa.array([0, 2**40, None], pa.timestamp("s")).dictionary_encode(),
        "36812-02-20T00:36:16",
    ),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_dates_beyond_the_years_of_python_are_texts(tmp_path: Path, case: str) -> None:
    column, text = OUTSIDE[case]
    pq.write_table(pa.table({"d": column, "y": [1, 2, 3]}), tmp_path / "d.parquet")
    first, beyond, gap = read_file(tmp_path / "d.parquet").columns["d"]
    assert beyond.startswith(text)
    assert not isinstance(first, str)
    assert gap is None


def test_a_date_within_a_list_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    lists = pa.array([[0], [2**62]], pa.list_(pa.timestamp("us")))
    pq.write_table(pa.table({"d": lists, "y": [1, 2]}), tmp_path / "d.parquet")
    with pytest.raises(UserError, match=r"d\.parquet: column 'd' holds dates or times"):
        read_file(tmp_path / "d.parquet")


WITH_NAMES = {
    "in quotes": 'x,y\n"7",1.5,2\n"3",1.6,3\n',
    "words": "x\ty\na\t1.5\t2\nb\t1.6\t3\n",
    "counted": "x y\n" + "".join(f"{k} 1.{k} {k}\n" for k in range(1, 7)),
}
OTHERWISE = {
    "decimal commas": "x,y\n1,5,2\n7,5,3\n3,5,4\n9,5,4\n8,5,4\n",
    "one of them twice": "x,y\na,1,2\na,1,3\n",
    "some rows": "x,y\na,1,2\n1,3\n",
    "one row": "x,y\na,1,2\n",
}


@pytest.mark.parametrize("case", WITH_NAMES)
def test_names_of_rows_that_the_header_leaves_out_are_read_as_r_does(
    tmp_path: Path, case: str
) -> None:
    (tmp_path / "d.txt").write_text(WITH_NAMES[case])
    text = WITH_NAMES[case]
    separator = likely_separator("d.txt", text, ",")
    table = read_text(tmp_path / "d.txt", text.encode(), TableForm(), separator)
    assert list(table.columns) == ["", "x", "y"]
    assert not table.ragged
    assert "names of the rows" in table.notes[0]


@pytest.mark.parametrize("case", OTHERWISE)
def test_one_field_too_many_is_no_name_of_a_row_where_it_may_be_something_else(
    tmp_path: Path, case: str
) -> None:
    (tmp_path / "d.csv").write_text(OTHERWISE[case])
    table = read_file(tmp_path / "d.csv")
    assert list(table.columns) == ["x", "y"]
    assert table.ragged[0].startswith("3 fields where the header has 2")


def test_an_empty_trailing_field_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x,y\na,1,\nb,2,\n")
    assert read_file(tmp_path / "d.csv").columns == {"x": ["a", "b"], "y": ["1", "2"]}
