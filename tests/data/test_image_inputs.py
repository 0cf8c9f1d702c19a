"""Images to predict for: a file, a folder, a table, parquet, an array."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import encoded, some_pixels, write_images

from nearfar.data import DataOptions, InputRows, load_dataset, load_inputs
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
    with pytest.raises(UserError, match=r"large.png: the image is 30x30 where 8x8 is wanted"):
        inputs(study, "large.png")
    with pytest.raises(UserError, match=r"grey.png: the image is grey .* where 3 are wanted"):
        inputs(study, "grey.png")
    for name in ("large.png", "grey.png"):
        assert inputs(study, name, size=8, channels=3).inputs.arrays()["pixels"].shape[1:] == (
            3,
            8,
            8,
        )


def test_mistakes(study: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        inputs(study, "gone")
    (study / "new").mkdir()
    with pytest.raises(UserError, match="no image in this folder"):
        inputs(study, "new")
    np.savez(study / "y.npz", y=np.zeros(3))
    with pytest.raises(UserError, match=r"y.npz: no array of images: needs x .*; it has y"):
        inputs(study, "y.npz")
    np.savez(study / "x.npz", x=some_pixels(2, side=4))
    with pytest.raises(UserError, match=r"x.npz, row 1: the image is 4x4 where 8x8"):
        inputs(study, "x.npz")
    write_images(study / "new", ["a.png"])
    (study / "new" / "b.png").write_text("junk")
    (study / "new" / "c.txt").write_text("junk")
    with pytest.raises(UserError, match=r"b.png: the image is not an image"):
        inputs(study, "new")
    rows = inputs(study, "new", on_bad_rows="drop")
    assert (rows.names, rows.source["dropped"]) == (["a.png"], 1)
    assert (rows.source["other_files"], rows.source["other_names"]) == (1, ["c.txt"])
