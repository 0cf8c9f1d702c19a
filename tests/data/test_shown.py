"""Which rows are shown, and their pictures."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_examples import load, write_images
from PIL import Image

from nearfar.data import Dataset, Images, Vectors
from nearfar.data.shown import encoded_picture, shown_rows, thumbnails_of


def dataset(count: int, *, classes: int = 0, test: int | None = None, size: int = 8) -> Dataset:
    """Rows of which the last ``test`` are test rows; class 0 is as frequent as all others."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, size=(count, 3, size, size), dtype=np.uint8)
    numbers = np.maximum(0, np.arange(count) % max(1, 2 * (classes - 1)) - classes + 2)
    parts = None
    if test is not None:
        parts = np.array(["train"] * (count - test) + ["test"] * test)
    return Dataset(
        inputs=Images(pixels),
        ids=[str(row) for row in range(count)],
        names=[""] * count,
        smiles=[],
        source={},
        targets=numbers.astype(np.float64)[:, None],
        target_names=["y"],
        unit="",
        groups=np.arange(count),
        parts=parts,
        digest="",
        classes=tuple(map(str, range(classes))),
    )


def test_a_small_data_set_is_shown_whole() -> None:
    assert shown_rows(dataset(30), most=30).tolist() == list(range(30))


def test_half_of_a_sample_are_predefined_test_rows() -> None:
    rows = shown_rows(dataset(1000, test=300), most=100)
    assert len(set(rows.tolist())) == 100
    assert sorted(rows.tolist()) == rows.tolist()
    assert (rows >= 700).sum() == 50
    few = shown_rows(dataset(1000, test=20), most=100)
    assert ((few >= 980).sum(), len(few)) == (20, 100)
    assert (shown_rows(dataset(1000), most=100) >= 700).sum() < 50


def test_rare_classes_are_shown_as_often_as_frequent_ones() -> None:
    data = dataset(1200, classes=4, test=600)
    rows = shown_rows(data, most=120)
    for part in (rows[rows < 600], rows[rows >= 600]):
        assert np.bincount(data.targets[part, 0].astype(int)).tolist() == [15] * 4


def test_the_choice_depends_on_the_rows_alone() -> None:
    data = dataset(500, classes=3, test=100)
    again = replace(data, inputs=Vectors(np.zeros((500, 2), np.float32), ["a", "b"]))
    assert shown_rows(data, most=50).tolist() == shown_rows(again, most=50).tolist()


@pytest.mark.parametrize("channels", [1, 3])
def test_small_pictures_are_kept_exactly(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(28, 32, channels), dtype=np.uint8)
    file = encoded_picture(pixels)
    assert file.startswith(b"\x89PNG")
    read = np.asarray(Image.open(io.BytesIO(file)))
    assert np.array_equal(read.reshape(pixels.shape), pixels)


def test_large_pictures_are_reduced_and_stored_as_jpeg() -> None:
    data = dataset(3, size=100)
    (file,) = thumbnails_of(data, np.array([1])) or []
    assert Image.open(io.BytesIO(file)).size == (64, 64)
    assert file.startswith(b"\xff\xd8")


def test_rows_that_are_no_images_have_no_pictures() -> None:
    data = replace(dataset(3), inputs=Vectors(np.zeros((3, 2), np.float32), ["a", "b"]))
    assert thumbnails_of(data, np.array([0])) is None


def test_pictures_false_keeps_pictures_out(tmp_path: Path) -> None:
    write_images(tmp_path, [f"{name}/{k}.png" for name in "ab" for k in range(3)])
    rows = np.arange(6)
    assert thumbnails_of(load(tmp_path), rows) is not None
    hidden = load(tmp_path, pictures=False)
    assert thumbnails_of(hidden, rows) is None
    assert hidden.source["private"] == "data: pictures: false"
    assert hidden.digest == load(tmp_path, pictures=True).digest
