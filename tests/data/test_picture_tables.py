"""Tables of pictures: names without paths or endings, roots, Hugging Face's metadata."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from image_examples import encoded, labels_of, load, pixels_of, some_pixels, write_images
from pyarrow import parquet

from nearfar.data import DataOptions, load_inputs
from nearfar.data.inputs.joined import Joined
from nearfar.data.read.images.lookup import PictureNames
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError
from nearfar.models.told import reading_notes
from nearfar.starter.detect import detect
from nearfar.starter.detect_images import are_images
from nearfar.starter.write import write_study

NAMES = [f"pics/deep/{k:02d}.png" for k in range(6)]
LABELS = ["a", "b"] * 3


def table(path: Path, cells: list[str], header: str = "id") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{cell},{label}" for cell, label in zip(cells, LABELS, strict=True)]
    path.write_text("\n".join([f"{header},label", *lines]))
    return path


@pytest.mark.parametrize(
    "cells",
    [
        [f"{k:02d}" for k in range(6)],
        [f"{k:02d}.png" for k in range(6)],
        [f"deep/{k:02d}" for k in range(6)],
        [f"pics\\deep\\{k:02d}.png" for k in range(6)],
    ],
    ids=["stems", "names", "ends of paths", "of Windows"],
)
def test_names_are_found(tmp_path: Path, cells: list[str]) -> None:
    pixels = write_images(tmp_path, NAMES)
    dataset = load(table(tmp_path / "t.csv", cells), target="label")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert labels_of(dataset) == LABELS
    assert dataset.source.get("found_by_name", 6) == 6


LONG_AND_SHORT = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
]
"""Types of texts: pandas and polars write long ones, and categories."""


@pytest.mark.parametrize("kind", LONG_AND_SHORT, ids=str)
@pytest.mark.parametrize("form", ["pics/deep/{:02d}.png", "{:02d}"])
def test_parquet_of_names_is_read_as_csv_is(tmp_path: Path, form: str, kind: pa.DataType) -> None:
    pixels = write_images(tmp_path, NAMES)
    cells = pa.array([form.format(k) for k in range(6)]).cast(kind)
    parquet.write_table(pa.table({"photo": cells, "label": LABELS}), tmp_path / "t.parquet")
    assert are_images(tmp_path / "t.parquet", TableForm())
    for named in ({}, {"image": "photo"}, {"root": str(tmp_path)}):
        dataset = load(tmp_path / "t.parquet", target="label", **named)
        assert np.array_equal(pixels_of(dataset), pixels)
        assert labels_of(dataset) == LABELS


@pytest.mark.parametrize("kind", [*LONG_AND_SHORT, pa.int64(), pa.float64()], ids=str)
@pytest.mark.parametrize("name", ["path", "file", "image"])
def test_a_column_that_is_called_path_may_hold_anything(
    tmp_path: Path, name: str, kind: pa.DataType
) -> None:
    cells = pa.array(["1", "2", "2"]).cast(kind)
    parquet.write_table(pa.table({name: cells, "y": [1, 2, 3]}), tmp_path / "t.parquet")
    assert not are_images(tmp_path / "t.parquet", TableForm())


def test_name_of_several_files(tmp_path: Path) -> None:
    write_images(tmp_path, [*NAMES, "other/03.png"])
    path = table(tmp_path / "t.csv", [f"{k:02d}" for k in range(6)])
    with pytest.raises(UserError, match=r"row 4 .*image '03' may be other/03.png or pics/deep/03"):
        load(path, target="label")
    kept = load(path, target="label", on_bad_rows="drop")
    assert (len(kept), kept.source["reasons"]) == (5, {"name unclear": 1})


@pytest.mark.parametrize("form", ["pics/Deep/ÄB_{}.png", "äb_{}", "deep\\ÄB_{}.Png"])
def test_names_are_found_in_other_letters(tmp_path: Path, form: str) -> None:
    """Capitals for small ones, and accents as a Mac makes them up."""
    pixels = write_images(tmp_path, [f"pics/deep/A\u0308b_{k}.PNG" for k in range(6)])
    path = table(tmp_path / "t.csv", [form.format(k) for k in range(6)])
    dataset = load(path, target="label", image="id")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.source["found_by_name"] == 6


def test_name_of_several_files_in_other_letters(tmp_path: Path) -> None:
    write_images(tmp_path, [*(f"{k}x.PNG" for k in range(6)), "3X.png"])
    path = table(tmp_path / "t.csv", [f"{k}x.png" for k in range(6)])
    with pytest.raises(UserError, match=r"row 4 .*image '3x.png' may be 3X.png or 3x.PNG"):
        load(path, target="label")
    (tmp_path / "3x.png").write_bytes((tmp_path / "3X.png").read_bytes())
    assert len(load(path, target="label")) == 6


def test_the_nearest_name_is_told(tmp_path: Path) -> None:
    write_images(tmp_path, [f"in/photo_{k}.png" for k in range(6)])
    cells = [f"in/photo_{k}.png" for k in range(6)]
    for odd, near in (("in/Photo_2.jpg", "photo_2"), ("in/photo2.png", "photo_[0-9]")):
        path = table(tmp_path / "t.csv", [*cells[:2], odd, *cells[3:]])
        words = f"row 3 .*: image '{odd}' is not there; the nearest name is in/{near}.png"
        with pytest.raises(UserError, match=words):
            load(path, target="label")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("train/0.png", None),
        ("/other/disk/patient7/0.png", None),
        ("train/1.png", None),
        ("../0.png", None),
        ("/of/another/train/images/2.png", None),
        ("/of/another/test/0.png", "test/0.png"),
        ("C:\\photos\\test\\0.png", "test/0.png"),
        ("/of/another/data/1.png", "1.png"),
        ("/of/another/photos/images/2.png", "images/2.png"),
        ("TEST/0.PNG", "test/0.png"),
        ("./test/../1.png", "1.png"),
        ("0.png", "test/0.png"),
        ("/of/another/test/0", "test/0.png"),
        ("train/0", None),
    ],
)
def test_a_path_that_is_not_there_is_no_picture_of_another_folder(
    tmp_path: Path, written: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "test" / "data"
    write_images(base, ["test/0.png", "1.png"])
    if "images" in written:
        base = tmp_path / "test"
        write_images(base, ["images/2.png"])
    monkeypatch.chdir(base)
    for folder in (base, Path()):
        names = PictureNames(folder)
        if found is None:
            with pytest.raises(UserError, match="is not there; the nearest name is "):
                names.path(written)
        else:
            assert names.path(written).resolve() == base / found


def test_pictures_of_a_part_that_are_gone_are_bad_rows(tmp_path: Path) -> None:
    """Those of the same names in the other part stood in for them."""
    for part in ("train", "test"):
        write_images(tmp_path / part, [f"{k}.png" for k in range(6)], seed=len(part))
        table(tmp_path / part / "metadata.csv", [f"{k}.png" for k in range(6)], "file_name")
    (tmp_path / "train" / "2.png").unlink()
    dataset = load(tmp_path, target="label", on_bad_rows="drop")
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["test"] * 6 + ["train"] * 5
    (why,) = dataset.source["dropped_rows"].values()
    assert "row 3 (line 4): image 'train/2.png' is not there; the nearest name is test/2.png" in why
    options = DataOptions(source="images", path="t.csv", on_bad_rows="drop", image="id")
    path = table(tmp_path / "t.csv", ["TEST/0.png", "1.png", *["test/2.png"] * 4])
    (tmp_path / "train" / "1.png").unlink()
    told = reading_notes(load_inputs(options, path, dataset.inputs), "t.csv")
    assert told == ["t.csv: 2 images found by name, not by path, in column 'id'"]


def test_tables_of_several_parts_are_settled_as_one(tmp_path: Path) -> None:
    """By its own cells, 5 and 12 of the one part were numbers, and 007 of the other a code."""
    for part, codes, words in (("train", "007 005 012", "a none b"), ("test", "5 12 7", "1 NA 3")):
        write_images(tmp_path / part, [f"{k}.png" for k in range(6)], seed=len(part))
        lines = [
            f"{k}.png,{'xy'[k % 2]},{codes.split()[k % 3]},{words.split()[k % 3]}" for k in range(6)
        ]
        (tmp_path / part / "metadata.csv").write_text(
            "\n".join(["file_name,label,code,word", *lines])
        )
    dataset = load(tmp_path, target="label", features=["code", "word"])
    assert isinstance(dataset.inputs, Joined)
    code, word = dataset.inputs.columns.columns
    assert (code.kind, set(code.cells)) == ("category", {"007", "005", "012", "5", "12", "7"})
    assert (word.kind, set(word.cells)) == ("category", {"a", "none", "b", "1", "", "3"})
    assert dataset.source["taken_as_missing"] == {"word": {"NA": 2}}
    assert dataset.source["words_kept"] == {"word": {"none": 2}}


def test_pictures_of_a_kind_that_is_not_read_are_pictures(tmp_path: Path) -> None:
    cells = [f"{k}.gif" for k in range(6)]
    for name in cells:
        (tmp_path / name).write_bytes(b"GIF89a")
    path = table(tmp_path / "t.csv", cells)
    with pytest.raises(UserError, match=r"row 1 .*: the image is GIF, which is not read: convert"):
        detect(str(path), ["label"], Path("nowhere"))


def test_root(tmp_path: Path) -> None:
    pixels = write_images(tmp_path / "elsewhere", NAMES)
    path = table(tmp_path / "tables" / "t.csv", NAMES)
    dataset = load(path, target="label", root=str(tmp_path / "elsewhere"))
    assert np.array_equal(pixels_of(dataset), pixels)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load(path, target="label")
    with pytest.raises(UserError, match="no such file or folder"):
        load(path, target="label", root=str(tmp_path / "gone"))
    write_images(tmp_path / "classes", ["a/1.png", "a/2.png", "b/1.png", "b/2.png"])
    with pytest.raises(UserError, match="'root' means nothing to a folder of class folders"):
        load(tmp_path / "classes", root=str(tmp_path))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("parts", [False, True])
def test_metadata_of_image_folders(tmp_path: Path, form: str, parts: bool) -> None:
    places = ["train", "test"] if parts else ["."]
    for part in places:
        folder = tmp_path / part
        write_images(folder, [*NAMES, "left.png"], seed=len(part))
        rows = [(n, k / 2, "ab"[k % 2]) for k, n in enumerate(NAMES)]
        if form == "csv":
            lines = ["file_name,age,label", *(",".join(map(str, row)) for row in rows)]
        else:
            keys = ("file_name", "age", "label")
            lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
        (folder / f"metadata.{form}").write_text("\n".join(lines))
    dataset = load(tmp_path, target="label")
    assert labels_of(dataset) == LABELS * len(places)
    assert dataset.source["layout"] == "a folder of images with metadata"
    shown = "2 (test/left.png, train/left.png)" if parts else "1 (left.png)"
    told = f"images that the metadata do not name are left out: {shown}"
    assert dataset.source["folders"] == [told]
    ages = load(tmp_path, target="age", task="regression").targets[:, 0].tolist()
    assert ages == [0, 0.5, 1, 1.5, 2, 2.5] * len(places)
    if parts:
        assert dataset.parts is not None
        assert dataset.parts.tolist() == ["test"] * 6 + ["train"] * 6
    options = DataOptions(source="images", path=str(tmp_path), target="label")
    (tmp_path / "x.heic").write_bytes(b"none")
    rows = load_inputs(options, tmp_path, dataset.inputs)
    assert len(rows) == len(dataset)
    assert reading_notes(rows, "pics")[:2] == [
        f"pics: {told}",
        "pics: left out: 1 file that is not read as an image (1 × .heic): x.heic",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"file_name": "0.png"\n', "line 1: not valid JSON"),
        ('["file_name"]\n', "line 1: no record, such as"),
        ('{"file_name": "gone.png", "y": 1}\n' * 4, "the image cannot be read: No such file"),
    ],
)
def test_damaged_metadata(tmp_path: Path, content: str, words: str) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / "metadata.jsonl").write_text(content)
    with pytest.raises(UserError) as caught:
        load(tmp_path, target="y", task="regression")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_names_the_picture_with_zeros_before_it(tmp_path: Path) -> None:
    pixels = some_pixels(12)
    for k in range(12):
        (tmp_path / f"{k:03d}.png").write_bytes(encoded(pixels[k]))
    order = [*range(11, -1, -1)]
    frame = pd.DataFrame({"id": order, "label": ["a", "b"] * 6})
    frame.to_csv(tmp_path / "t.csv", index=False)
    finding = detect(str(tmp_path / "t.csv"), ["label"], tmp_path)
    assert finding.data.image == "id"
    assert pixels_of(finding.dataset).tolist() == pixels[order].tolist()
    frame.assign(id=range(12), file=[f"{k:03d}" for k in order]).to_csv(
        tmp_path / "t.csv", index=False
    )
    finding = detect(str(tmp_path / "t.csv"), ["label"], tmp_path)
    assert finding.data.image == "file"  # a name comes before a number that may be one


def test_the_table_of_labels_beside_one_of_names_alone_is_told(tmp_path: Path) -> None:
    for k, pixels in enumerate(some_pixels(12)):
        place = tmp_path / ("train" if k < 8 else "test") / f"{k}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(encoded(pixels))
    frame = pd.DataFrame({"id": range(8), "label": ["a", "b"] * 4})
    frame.to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"id": range(8, 12)}).to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(UserError, match=r"; train\.csv in it lists images, in column 'id'"):
        write_study(tmp_path)
