"""Images of pillow in memory: what their files would show."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nearfar.data.in_memory import pillow_file
from nearfar.data.read.images.decode import decode
from nearfar.data.read.images.stored import Form
from nearfar.errors import UserError
from nearfar.library.frames import as_table
from nearfar.models.given import rows_of
from nearfar.models.schema import InputSchema


@pytest.mark.parametrize("ending", ["png", "tif", "jpg"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "I;16"])
def test_images_of_pillow_stand_as_their_files_do(tmp_path: Path, ending: str, mode: str) -> None:
    if (ending, mode) in {("png", "CMYK"), ("jpg", "RGBA"), ("jpg", "I;16")}:
        pytest.skip("no such file")
    rng = np.random.default_rng(0)
    bands = {"L": (), "I;16": (), "RGB": (3,)}.get(mode, (4,))
    high, kind = (60000, np.uint16) if mode == "I;16" else (255, np.uint8)
    pixels = rng.integers(0, high, (4, 6, *bands)).astype(kind)
    form = Form(channels=1 if not bands else 4 if mode == "RGBA" else 3, range=(0, 60000))
    for orientation in (1, 3, 6, 8):
        path = tmp_path / f"{orientation}.{ending}"
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels, mode if mode == "CMYK" else None).save(path, exif=exif)
        with Image.open(path) as image:
            content = pillow_file(image)
            found = decode(content, form)
        np.testing.assert_array_equal(found, decode(path, form))
        assert found.shape[1:] == ((6, 4) if orientation > 4 else (4, 6))


def test_upright_images_keep_their_bytes() -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert pillow_file(image) == buffer.getvalue()


VALUES = np.arange(48).reshape(6, 8) * 80


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16L", "I;16B", "I;16N", "F"])
def test_images_of_many_bits_keep_their_values(mode: str) -> None:
    kinds = {"I": "i4", "F": "f4", "I;16B": ">u2", "I;16L": "<u2"}
    values = VALUES.astype(kinds.get(mode, "=u2"))
    image = Image.frombytes(mode, (8, 6), values.tobytes())
    found = decode(pillow_file(image), Form(range=(0, 4095)))
    np.testing.assert_array_equal(found[0], (VALUES / 4095 * 255).round())


def test_palettes_with_transparency_keep_it() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
    image = Image.fromarray(pixels).convert("P").convert("PA")
    found = decode(pillow_file(image), Form(channels=4))
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGBA")).transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "RGB", "RGBA", "RGBa", "RGBX"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_of_every_other_mode_are_read(mode: str, channels: int) -> None:
    assert decode(pillow_file(Image.new(mode, (8, 6))), Form(channels=channels)).shape[1:] == (6, 8)


def test_an_image_that_no_file_holds_is_told() -> None:
    with pytest.raises(UserError, match=r"X: a pillow image of mode L and size \(0, 5\) cannot be"):
        pillow_file(Image.new("L", (0, 5)))


FRAMES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "mapping": dict,
    "records": lambda columns: [{"image": image} for image in columns["image"]],
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("held", ["pillow images", "arrays"])
def test_a_column_of_images_is_told_with_the_way_out(kind: str, held: str) -> None:
    image: Any = Image.new("L", (8, 8)) if held == "pillow images" else np.zeros((8, 8), np.uint8)
    given = FRAMES[kind]({"image": [None, image]})
    model = InputSchema("image", {"source": "images", "image": "image"}, shape=(1, 8, 8))
    said = f"X: column 'image' holds {held}, which a column cannot: give these as a list"
    with pytest.raises(UserError, match=said):
        rows_of(model, given)
    if kind == "pandas":
        with pytest.raises(UserError, match=said):
            as_table("X", given)


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_nothing_in_place_of_an_image_is_told_by_its_row(nothing: Any) -> None:
    model = InputSchema("image", {"source": "images"}, shape=(1, 8, 8))
    with pytest.raises(UserError, match=r"X\[1\] is \S+, no image: leave it out, or give a path"):
        rows_of(model, [Image.new("L", (8, 8)), nothing])
