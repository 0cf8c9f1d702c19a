"""Every mistake in a data set of images gives one clear line that names the file."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import encoded, header_of, idx, load, some_pixels, write_idx, write_images

from nearfar.analysis.notes import dropped
from nearfar.data import DataOptions, SplitOptions, split_rows
from nearfar.errors import UserError
from nearfar.starter.counts import class_fact

NAMES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(3)]
HINT = " (data: on_bad_rows: drop leaves out bad rows)"


def message(path: Path | str, **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(path, **more)
    text = str(caught.value)
    assert "\n" not in text
    return text


def grey(name: Path) -> None:
    name.write_bytes(encoded(some_pixels(1, channels=1)[0]))


def larger(name: Path) -> None:
    name.write_bytes(encoded(some_pixels(1, side=9)[0]))


def truncated(name: Path) -> None:
    name.write_bytes(name.read_bytes()[:90])


def text(name: Path) -> None:
    name.write_text("no image")


def bomb(name: Path) -> None:
    name.write_bytes(header_of(12_000, 8_000))


BAD = {
    "decompression bomb": (bomb, "is 12000x8000, above the limit of 60,000,000 pixels"),
    "grey among coloured": (grey, "is grey (1 channel) where 3 are wanted: set data: channels"),
    "another size": (larger, "is 9x9 where 8x8 is wanted: set data: size"),
    "truncated": (truncated, "cannot be decoded: "),
    "no image": (text, "is not an image (png, jpg, webp, bmp, tif, ppm, pgm, pbm or npy)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_image_is_named_or_dropped(tmp_path: Path, case: str) -> None:
    spoil, words = BAD[case]
    pixels = write_images(tmp_path, NAMES)
    spoil(tmp_path / "cat/1.png")
    said = message(tmp_path)
    assert said.startswith(f"{tmp_path / 'cat/1.png'}: the image {words}")
    assert said.endswith(HINT)
    dataset = load(tmp_path, on_bad_rows="drop")
    assert dataset.ids == ["1", "3", "4", "5", "6"]
    assert np.array_equal(dataset.inputs.arrays()["pixels"], pixels[[0, 2, 3, 4, 5]])
    assert dataset.targets[:, 0].tolist() == [0, 0, 1, 1, 1]
    assert (dataset.source["read"], dataset.source["dropped"]) == (6, 1)
    assert str(tmp_path / "cat/1.png") in dataset.source["dropped_rows"]["2"]


def by_table(folder: Path) -> Path:
    rows = [f"{name},{name.split('/')[0]}" for name in [*NAMES, "fox/0.png", "fox/1.png"]]
    (folder / "t.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    return folder / "t.csv"


@pytest.mark.parametrize("tabled", [False, True])
def test_a_class_that_loses_every_image_is_none(tmp_path: Path, tabled: bool) -> None:
    write_images(tmp_path, [*NAMES, "fox/0.png", "fox/1.png"])
    for k in range(3):
        truncated(tmp_path / f"cat/{k}.png")
    path = by_table(tmp_path) if tabled else tmp_path
    chosen = {"target": "label"} if tabled else {}
    dataset = load(path, on_bad_rows="drop", **chosen)
    assert dataset.classes == ("dog", "fox")
    assert dataset.targets[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert dataset.source["classes_lost"] == {"cat": 3}
    said = "no row can be used of 'cat' (of 3), which is no class of the study"
    assert f"careful: {said}" in class_fact(dataset, "images")
    assert f"No{said[2:]}." in dropped(dataset.source)
    for k in range(2):
        truncated(tmp_path / f"fox/{k}.png")
    assert (
        "is 'dog' in every row that is left; of the others no row can be used, the first is "
        in (said := message(path, on_bad_rows="drop", **chosen))
    )
    assert ("t.csv, row 1 (line 2): " if tabled else f"{tmp_path / 'cat/0.png'}: ") in said


def test_empty_folder(tmp_path: Path) -> None:
    assert message(tmp_path) == f"{tmp_path}: the folder is empty"


def test_images_without_class_folders(tmp_path: Path) -> None:
    write_images(tmp_path, ["1.png", "2.png"])
    ways = "a folder for each class, or beside them a table (.csv) of file names and labels"
    assert message(tmp_path).endswith(f"1.png: not in the folder of a class: images need {ways}")
    assert f"one image is no data set: images need {ways}" in message(tmp_path / "1.png")
    np.save(tmp_path / "x.npy", some_pixels(2))
    assert "write images x and labels y into one .npz file" in message(tmp_path / "x.npy")
    (tmp_path / "x.bin").write_text("x")
    assert "cannot tell how x.bin holds images" in message(tmp_path / "x.bin")


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(80)
UNREAD = {
    "HEIC": HEIC,
    "AVIF": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif" + bytes(80),
    "GIF": b"GIF89a" + bytes(80),
    "DICOM": bytes(128) + b"DICM" + bytes(80),
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@pytest.mark.parametrize(("kind", "ending"), [*((k, k.lower()) for k in UNREAD), ("DICOM", "dcm")])
def test_pictures_of_kinds_that_are_not_read_are_called_so(
    tmp_path: Path, kind: str, ending: str
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"1.{ending}").write_bytes(UNREAD[kind])
    words = "convert them to png or jpg; images are png, jpg, webp, bmp, tif, ppm, pgm, pbm or npy"
    folder = f"no image in this folder that is read: 2 are {kind} (cat/1.{ending}, …): {words}"
    assert message(tmp_path) == f"{tmp_path}: {folder}"
    one = tmp_path / "cat" / f"1.{ending}"
    assert message(one).startswith(f"{one}: {kind} is not read: convert it to png or jpg; images")
    write_images(tmp_path, ["cat/2.png", "cat/3.png"])
    told = f"one class; no image in the folder dog (other files: 1, 1 of them {kind}, which is not"
    assert told in message(tmp_path)


@pytest.mark.parametrize("kind", UNREAD)
def test_pictures_under_a_wrong_ending_are_told_by_their_first_bytes(
    tmp_path: Path, kind: str
) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / "cat/1.png").write_bytes(UNREAD[kind])
    words = f"the image is {kind}, which is not read: convert it to png or jpg"
    assert message(tmp_path) == f"{tmp_path / 'cat/1.png'}: {words}{HINT}"


def test_what_is_no_image_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    for content, words in (
        (b"<!DOCTYPE html><html></html>", "the image is a web page, not an image (png"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer: run `git lfs pull`"),
        (b"\x89PNG and junk", "the image begins as a PNG image, and is damaged"),
    ):
        (tmp_path / "cat/1.png").write_bytes(content)
        assert words in message(tmp_path)


def test_one_class_is_no_classification(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES[:3])
    assert "'class' is 'cat' in every row: one class" in message(tmp_path)


def table(folder: Path, *lines: str) -> Path:
    write_images(folder, ["a.png", "b.png", "c.png", "d.png"])
    path = folder / "t.csv"
    path.write_text("\n".join(["image,y", *lines]))
    return path


def test_missing_file_and_missing_label_in_a_table(tmp_path: Path) -> None:
    path = table(tmp_path, "a.png,0", "gone.png,1", "c.png,", ",1", "d.png,1", "b.png,0")
    said = message(path, target="y")
    assert said == f"t.csv, row 3 (line 4): target 'y' is missing{HINT}"
    kept = load(path, target="y", on_bad_rows="drop")
    assert kept.ids == ["1", "5", "6"]
    assert kept.source["reasons"] == {
        "image missing": 1,
        "not readable": 1,
        "target missing": 1,
    }
    path = table(tmp_path, "a.png,0", "gone.png,1", "c.png,0", "d.png,1")
    expected = "t.csv, row 2 (line 3): the image cannot be read: No such file or directory: "
    expected += str(tmp_path / "gone.png")
    assert message(path, target="y") == expected + HINT


def test_target_of_a_table(tmp_path: Path) -> None:
    path = table(tmp_path, "a.png,1.5", "b.png,2.5", "c.png,1.5", "d.png,2.5")
    said = message(path, target="y")
    assert "holds numbers such as 1.5, not classes: set data: task: regression" in said
    assert "4 different values in 4 rows" in message(
        table(tmp_path, *(f"{k}.png,{k}" for k in "abcd")), target="y"
    )
    assert message(path) == "t.csv: set data: target to the column to predict: image, y"
    assert "no column 'yy' (data: target); did you mean 'y'?" in message(path, target="yy")
    assert "no column 'im' (data: image)" in message(path, target="y", image="im")
    (tmp_path / "u.csv").write_text("a,b\n1,2\n")
    assert "no column holds paths of images" in message(tmp_path / "u.csv", target="a")


def test_label_out_of_range(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", some_pixels(4, 1)[:, 0], [0, 1, 2, 1], False)
    names = tmp_path / "names.txt"
    names.write_text("0 a\n1 b\n")
    said = message(tmp_path, mapping=str(names))
    assert said.startswith(f"{tmp_path.name}, row 3: target 'class' is 2; there are 2 classes")
    assert len(load(tmp_path, mapping=str(names), on_bad_rows="drop")) == 3
    for content, words in (
        ("0 a\n2 b\n", "there are 2 classes, 0 to 2"),
        (
            "1 a\n2 b\n3 c\n",
            "holds the numbers 0 to 2, and the names of the classes are for 1 to 3",
        ),
        ("0 a\n1 a\n", "two classes are called 'a'"),
        ("0 a\n0 b\n", "two classes have the number 0"),
        ("0 a\nb\n", "line 2"),
        ("", "names no class"),
    ):
        names.write_text(content)
        assert words in message(tmp_path, mapping=str(names))


def test_class_that_training_lacks(tmp_path: Path) -> None:
    parts = [f"{part}/{name}" for part in ("train", "test") for name in NAMES]
    write_images(tmp_path, [*parts, "test/fox/1.png", "test/fox/2.png"])
    dataset = load(tmp_path)
    with pytest.raises(UserError, match="class 'fox' has 2 rows in the test part and none for tra"):
        split_rows(dataset, SplitOptions(kind="predefined", validation=0.5), 0)


IDX = {
    "cut short": (lambda raw: raw[:-3], "ends after 189 of 192 bytes"),
    "too long": (lambda raw: raw + b"x", "goes on after the 192 bytes"),
    "labels as images": (
        lambda raw: idx(np.zeros(3)),
        "not an IDX file of numbers in 3 dimensions",
    ),
    "huge": (
        lambda raw: raw[:4] + b"\x7f\xff\xff\xff" * 3 + raw[16:],
        "its header gives the sizes",
    ),
}


@pytest.mark.parametrize("case", IDX)
def test_damaged_idx_files(tmp_path: Path, case: str) -> None:
    change, words = IDX[case]
    write_idx(tmp_path, "train", some_pixels(3, 1)[:, 0], [0, 1, 0], False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    assert message(tmp_path).startswith(f"{path}: ")
    assert words in message(tmp_path)


def test_incomplete_idx_files(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", some_pixels(3, 1)[:, 0], [0, 1, 0], False)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(2)))
    assert message(tmp_path).endswith("3 images and 2 labels")
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert "no file train-labels-idx1-ubyte (or .gz)" in message(tmp_path)
    write_idx(tmp_path, "b-train", some_pixels(3, 1)[:, 0], [0, 1, 0], False)
    assert "several sets" in message(tmp_path)
    assert "no set of IDX files 'c'" in message(tmp_path, subset="c")
    broken = tmp_path / "broken"
    write_idx(broken, "train", some_pixels(3, 1)[:, 0], [0, 1, 0], True)
    path = broken / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:40])
    assert message(broken).startswith(f"cannot read {path}: ")


NPZ: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"x": np.full((2, 4, 4), np.nan), "y": [0, 1]}, "some values are no finite numbers"),
    "texts": ({"x": np.full((2, 4, 4), "a"), "y": [0, 1]}, "images must be numbers, not <U1"),
    "shape": ({"x": np.zeros((2, 4), np.uint8), "y": [0, 1]}, "has shape (2, 4)"),
    "labels": ({"x": np.zeros((2, 4, 4), np.uint8), "y": [0]}, "y: has shape (1,) for 2 images"),
    "no labels": (
        {"x": np.zeros((2, 4, 4), np.uint8)},
        "no array of labels: needs arrays x and y (or",
    ),
    "pickled": (
        {"x": np.zeros((2, 4, 4), np.uint8), "y": np.array([0, "a"], dtype=object)},
        "array 'y' holds Python objects, which are never unpickled",
    ),
}


@pytest.mark.parametrize("case", NPZ)
def test_wrong_arrays(tmp_path: Path, case: str) -> None:
    arrays, words = NPZ[case]
    np.savez(tmp_path / "a.npz", **arrays)
    assert words in message(tmp_path / "a.npz")


def test_no_npz(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"hello")
    assert "a.npz: not an .npz file of arrays" in message(tmp_path / "a.npz")


class Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_malicious_batch_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path.parent / "was-run"
    good = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(good))
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({**good, b"x": Runs(mark)}))
    said = message(tmp_path)
    assert said.startswith(f"{tmp_path / 'data_batch_1'}: not a pickle of plain arrays, refused: ")
    assert not mark.exists()


def test_damaged_batches(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(b"12345")
    assert "needs batches data_batch_… and test_batch" in message(tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(b"12345")
    assert "5 bytes are no whole number of images" in message(tmp_path)
    (tmp_path / "py").mkdir()
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / "py" / name).write_bytes(pickle.dumps({b"data": [1], b"labels": [1]}))
    assert "needs 'data', uint8 (n, 3072), and n 'labels'" in message(tmp_path / "py")


def test_wrong_parquet_files(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"x")
    assert "a.parquet is not a whole parquet file" in message(tmp_path / "a.parquet", target="y")
    pq.write_table(pa.table({"z": [1, 2], "y": [0, 1]}), tmp_path / "a.parquet")
    assert "no column of images: set data: image to one of z, y" in message(tmp_path, target="y")
    cells = [{"bytes": encoded(one), "path": ""} for one in some_pixels(4)]
    good = pa.table({"img": cells, "y": ["a", "b", "a", "b"]})
    pq.write_table(good, tmp_path / "a.parquet")
    pq.write_table(good, tmp_path / "train-0.parquet")
    assert "a.parquet: named after no part" in message(tmp_path, target="y")
    (tmp_path / "a.parquet").unlink()
    cells[2] = {"bytes": b"junk", "path": ""}
    pq.write_table(pa.table({"img": cells, "y": ["a", "b", "a", "b"]}), tmp_path / "test-0.parquet")
    said = message(tmp_path, target="y")
    assert said.startswith(f"{tmp_path / 'test-0.parquet'}, row 3: the image is not an image")
    pq.write_table(pa.table({"img": cells, "z": [1, 2, 3, 4]}), tmp_path / "test-0.parquet")
    assert "its files differ in their columns" in message(tmp_path, target="y")


def test_options_that_mean_nothing_to_the_layout(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    for option in ({"target": "y"}, {"transposed": True}, {"subset": "x"}, {"group": "g"}):
        key = next(iter(option))
        said = message(tmp_path, **option)
        assert f"data: '{key}' means nothing to a folder of class folders" in said
    assert "task: regression needs 'target'" in message(tmp_path, task="regression")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"channels": 0}, "channels"),
        ({"range": [5, 5]}, "needs a lower and a higher number, not 5 and 5"),
        ({"size": 0}, "size"),
        ({"smiles": "s"}, "data source 'images' has no option 'smiles'"),
        ({"task": "ranking"}, "task"),
        ({"target": ["a", "b"]}, "a classification has one 'target'"),
        ({"target": "a", "unit": "mm"}, "'unit' goes with regression"),
        ({"target": "a", "image": "a"}, "'a' is named twice in data"),
        ({"limit": {}}, "limit needs 'train'"),
        ({"limit": {"rows": 5, "test": 5}}, "either 'rows' or numbers"),
        ({"limit": {"train": 1}}, "limit"),
        ({"limit": {"train": 1.5}}, "limit"),
        ({"limit": {"trian": 5}}, "trian"),
    ],
)
def test_impossible_options(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        DataOptions.model_validate({"source": "images", "path": "x", **given})
    assert words in str(caught.value)


def test_fixed_sources_have_one_task() -> None:
    for source, task in (("cifar10", "regression"), ("diabetes", "classification")):
        with pytest.raises(ValueError, match=f"data source '{source}' is for "):
            DataOptions.model_validate({"source": source, "task": task})
