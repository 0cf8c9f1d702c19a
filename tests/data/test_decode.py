"""Pictures become pixels: formats, channels, sizes; damaged and forged ones are refused."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from image_examples import encoded, header_of, picture, some_pixels
from PIL import Image

from nearfar.data.read.images.decode import decode
from nearfar.data.read.images.stored import MOST_PIXELS, BadImageError, Form

KEEP = Form()


def saved(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_come_back_exactly(kind: str, channels: int, tmp_path: Path) -> None:
    pixels = some_pixels(1, channels=channels)[0]
    content = encoded(pixels, kind)
    assert np.array_equal(decode(content, KEEP), pixels)
    (tmp_path / "x").write_bytes(content)
    assert np.array_equal(decode(tmp_path / "x", KEEP), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_close(kind: str) -> None:
    flat = np.full((3, 16, 16), 90, dtype=np.uint8)
    assert np.abs(decode(encoded(flat, kind), KEEP).astype(int) - 90).max() <= 3


def test_channels_are_converted() -> None:
    colour = np.zeros((3, 4, 4), dtype=np.uint8)
    colour[0] = 200
    grey = decode(encoded(colour), Form(channels=1))
    assert grey.shape == (1, 4, 4)
    assert (grey == round(0.299 * 200)).all()
    back = decode(encoded(grey), Form(channels=3))
    assert (back == grey).all()
    assert back.shape == (3, 4, 4)


def test_transparent_pixels_lie_on_white() -> None:
    layered = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert (decode(saved(layered), Form(channels=3)) == 255).all()
    opaque = Image.new("RGBA", (4, 4), (10, 20, 30, 255))
    assert decode(saved(opaque), Form(channels=3))[:, 0, 0].tolist() == [10, 20, 30]
    with pytest.raises(BadImageError, match=r"4 channels \(RGBA\).* set data: channels"):
        decode(saved(opaque), KEEP)


def test_palette_is_colour_and_one_bit_is_grey() -> None:
    palette = picture(some_pixels(1)[0]).quantize(8)
    assert np.array_equal(
        decode(saved(palette), KEEP), np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    )
    line = Image.new("1", (3, 3), 1)
    assert decode(saved(line), KEEP).tolist() == [[[255] * 3] * 3]


def test_upright_as_the_camera_says() -> None:
    lying = Image.new("RGB", (6, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(saved(lying, "JPEG", exif=exif), KEEP).shape == (3, 6, 4)


def test_resizing_is_antialiased() -> None:
    stripes = np.zeros((1, 64, 64), dtype=np.uint8)
    stripes[:, :, ::2] = 255
    small = decode(encoded(stripes), Form(size=8))
    assert small.shape == (1, 8, 8)
    assert np.abs(small[:, :, 1:-1].astype(int) - 128).max() <= 8
    wide = decode(encoded(np.full((3, 4, 40), 9, dtype=np.uint8)), Form(size=10))
    assert wide.shape == (3, 10, 10)
    assert (wide == 9).all()
    large = decode(encoded(np.full((3, 900, 900), 120, dtype=np.uint8), "JPEG"), Form(size=16))
    assert large.shape == (3, 16, 16)


@pytest.mark.parametrize("width", [8_000, 30_000, 500_000])
def test_bomb_is_refused_by_its_header(width: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(BadImageError) as caught:
            decode(header_of(width, 8_000), KEEP)
    assert caught.value.reason == "image too large"
    assert "above the limit of 60,000,000 pixels" in str(caught.value)
    assert MOST_PIXELS < 8_000 * 8_000


GOOD = encoded(some_pixels(1, side=32)[0])
DAMAGED = {
    "empty": (b"", "no image"),
    "text": (b"hello, this is no image", "no image"),
    "truncated": (GOOD[: len(GOOD) // 2], "image damaged"),
    "truncated JPEG": (encoded(some_pixels(1, side=32)[0], "JPEG")[:400], "image damaged"),
    "checksum": (GOOD[:60] + b"\0\0\0\0" + GOOD[64:], "image damaged"),
    "GIF": (saved(Image.new("P", (4, 4)), "GIF"), "no image"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_and_strange_pictures(case: str) -> None:
    content, reason = DAMAGED[case]
    with pytest.raises(BadImageError) as caught:
        decode(content, KEEP)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match="No such file"):
        decode(tmp_path / "gone.png", KEEP)
