"""Images to predict for: a file, a folder, a table, parquet, an array."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import encoded, some_pixels, write_images
from PIL import Image

from nearfar.data import DataOptions, InputRows, load_dataset, load_inputs
from nearfar.data.read.images.decode import decode
from nearfar.data.read.images.stored import Form
from nearfar.errors import UserError

NAMES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(3)]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_images(tmp_path / "train", NAMES)
    return tmp_path


def inputs(folder: Path, path: str, **more: Any) -> InputRows:
    options = DataOptions(source="images", path=str(folder / "train"), **more)
    return load_inputs(options, folder / path, load_dataset(options, folder).inputs)


def test_loose_images(study: Path) -> None:
    pixels = write_images(study / "new", ["a.png", "deep/b.png"], seed=5)
    rows = inputs(study, "new")
    assert np.array_equal(rows.inputs.arrays()["pixels"], pixels)
    assert (rows.names, rows.ids) == (["a.png", "deep/b.png"], ["1", "2"])
    one = inputs(study, "new/a.png")
    assert np.array_equal(one.inputs.arrays()["pixels"], pixels[:1])
    assert one.names == ["a.png"]


def test_table_parquet_and_array(study: Path) -> None:
    pixels = write_images(study, ["a.png", "b.png"], seed=6)
    (study / "t.csv").write_text("file\nb.png\na.png\n")
    assert np.array_equal(inputs(study, "t.csv").inputs.arrays()["pixels"], pixels[::-1])
    cells = [{"bytes": encoded(one), "path": ""} for one in pixels]
    pq.write_table(pa.table({"img": cells}), study / "t.parquet")
    np.savez(study / "x.npz", x=pixels)
    np.savez(study / "test.npz", x_test=pixels.transpose(0, 2, 3, 1))
    for name in ("t.parquet", "x.npz", "test.npz"):
        assert np.array_equal(inputs(study, name).inputs.arrays()["pixels"], pixels), name


def test_they_take_the_form_of_the_study(study: Path) -> None:
    write_images(study, ["large.png"], side=30)
    write_images(study, ["grey.png"], channels=1)
    for name, done in (("large.png", "resized"), ("grey.png", "grey repeated in three channels")):
        rows = inputs(study, name)
        assert rows.inputs.arrays()["pixels"].shape[1:] == (3, 8, 8)
        assert rows.source["images"] == {done: 1}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "CMYK", "P", "1", "L"])
def test_a_picture_of_any_mode_is_brought_to_the_studys_channels(study: Path, mode: str) -> None:
    name = "odd.tif" if mode == "CMYK" else "odd.png"
    Image.fromarray(some_pixels(1)[0].transpose(1, 2, 0)).convert(mode).save(study / name)
    rows = inputs(study, name, on_bad_rows="drop")
    assert rows.inputs.arrays()["pixels"].shape == (1, 3, 8, 8)
    assert rows.source["images"], mode


def test_mistakes(study: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        inputs(study, "gone")
    (study / "new").mkdir()
    with pytest.raises(UserError, match="no image in this folder"):
        inputs(study, "new")
    for place in (study / "new", study):
        (place / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(UserError, match=r"new: no image in this folder that is read: 1 is GIF"):
        inputs(study, "new")
    with pytest.raises(
        UserError, match=r"a.gif: GIF is not read: convert it to png or jpg; images"
    ):
        inputs(study, "a.gif")
    np.savez(study / "y.npz", y=np.zeros(3))
    with pytest.raises(UserError, match=r"y.npz: no array of images: needs x .*; it has y"):
        inputs(study, "y.npz")
    np.savez(study / "x.npz", x=some_pixels(2, side=4))
    assert inputs(study, "x.npz").source["images"] == {"resized": 2}
    (study / "new" / "a.gif").unlink()
    write_images(study / "new", ["a.png"])
    (study / "new" / "b.png").write_text("junk")
    (study / "new" / "c.txt").write_text("junk")
    with pytest.raises(UserError, match=r"b.png: the image is not an image"):
        inputs(study, "new")
    rows = inputs(study, "new", on_bad_rows="drop")
    assert (rows.names, rows.source["dropped"]) == (["a.png"], 1)
    assert (rows.source["other_files"], rows.source["other_names"]) == (1, ["c.txt"])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (6, 10), (10, 6)])
def test_images_of_any_size_become_as_large_as_the_studys(
    tmp_path: Path, height: int, width: int
) -> None:
    """By the same rule as ``size``: where that is said of a square one, the pixels are the same."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (3, height, width), dtype=np.uint8)
        (tmp_path / "train" / name).write_bytes(encoded(pixels))
    new = write_images(tmp_path / "new", ["a.png", "b.png"], side=30)
    rows = inputs(tmp_path, "new", on_bad_rows="drop")
    pixels = rows.inputs.arrays()["pixels"]
    assert pixels.shape == (2, 3, height, width)
    assert rows.source["images"] == {"resized": 2}
    assert np.array_equal(pixels[0], decode(encoded(new[0]), Form(size=(height, width))))
    if height == width:
        said = inputs(tmp_path, "new", size=8).inputs.arrays()["pixels"]
        assert np.array_equal(pixels, said)
    assert "images" not in inputs(tmp_path, f"train/{NAMES[0]}").source


def test_where_no_image_can_be_used_the_commonest_reason_is_told(study: Path) -> None:
    (study / "new").mkdir()
    for name in "bcd":
        Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(study / f"new/{name}.png")
    (study / "new" / "a.png").write_text("junk")
    with pytest.raises(UserError) as caught:
        inputs(study, "new", on_bad_rows="drop")
    said = str(caught.value)
    assert "new/b.png: the image has more than 8 bits a channel, the study's images have 8" in said
    assert said.endswith("no row of the data can be used (3 of 4 are so; 1 × no image)")


def test_an_image_without_a_prediction_keeps_its_name(study: Path) -> None:
    write_images(study / "new", ["b.png"])
    (study / "new" / "a.png").write_text("junk")
    given = inputs(study, "new", on_bad_rows="drop").given
    assert given is not None
    assert given.columns == {"name": ["a.png", "b.png"]}
