"""Images of pillow in memory: what their files would show."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearfar.data.in_memory import pillow_file
from nearfar.data.read.images.decode import decode
from nearfar.data.read.images.stored import Form


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
