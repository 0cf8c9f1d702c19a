"""Pictures in files and in memory decoded into pixels."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Encoded = bytes | Path | Pixels
"""A picture as it is stored: the content of an image file, where that file is, or pixels."""

MOST_PIXELS = 50_000_000
"""A picture whose header says more is refused before it is decoded."""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "RGB": 3, "RGBA": 3, "CMYK": 3, "YCbCr": 3, "LAB": 3}
_CONVERTED = frozenset({"LA", "La", "RGBA", "RGBa", "PA", "CMYK", "LAB"})
_PEEKED = 100


class BadImageError(Exception):
    """A picture that cannot be used: ``reason`` is counted, the message is shown."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Form:
    """What the pixels of a row shall look like.

    ``size``: height and width after resizing, or None to keep them. ``channels``: 1 (grey) or 3
    (RGB) after conversion, or None to keep them, which refuses transparency and CMYK.
    """

    size: int | None = None
    channels: int | None = None


def decode(encoded: Encoded, form: Form) -> Pixels:
    """Return the pixels of a picture, turned upright as its EXIF data say.

    Palettes become RGB; transparent pixels, where converted, lie on white. Resizing is PIL's
    antialiased bicubic, to ``size`` × ``size`` whatever the proportions.

    Returns:
        uint8 (channels, height, width).

    Raises:
        BadImageError: if it is no picture, is damaged, too large, or of another kind than ``form``.
    """
    from PIL import Image, ImageOps

    if isinstance(encoded, np.ndarray):
        grey = len(encoded) == 1
        return _pixels(Image.fromarray(encoded[0] if grey else encoded.transpose(1, 2, 0)), form)
    try:
        source = io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
        with Image.open(source, formats=_FORMATS) as image:
            _check_header(image, form)
            if form.size is not None:
                image.draft(None, (4 * form.size, 4 * form.size))
            ImageOps.exif_transpose(image, in_place=True)
            return _pixels(image, form)
    except BadImageError:
        raise
    except Exception as error:  # PIL's decoders raise whatever a damaged file makes them raise
        raise _unreadable(error) from error


def _check_header(image: Any, form: Form) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadImageError(
            "image too large",
            f"is {width}x{height}, above the limit of {MOST_PIXELS:,} pixels",
        )
    if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        raise BadImageError("several pictures", f"holds {image.n_frames} pictures, not one")
    if image.format == "WEBP" and getattr(image, "is_animated", False):
        raise BadImageError("several pictures", "is an animation, not one picture")
    if image.mode not in _CHANNELS and image.mode not in _CONVERTED:
        raise BadImageError(
            "wrong channels", f"has pixels of mode {image.mode}; allowed: 8 bits, 1 or 3 channels"
        )
    if form.channels is None and (image.mode in _CONVERTED or "transparency" in image.info):
        shown = image.mode if image.mode in _CONVERTED else "with transparency"
        raise BadImageError(
            "wrong channels",
            f"has {len(image.getbands())} channels ({shown}), not 1 or 3: set data: channels",
        )


def _pixels(image: Any, form: Form) -> Pixels:
    from PIL import Image

    if image.mode in {"LA", "La", "RGBA", "RGBa", "PA"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(white, layered).convert(
            "L" if image.mode in {"L", "LA", "La", "1"} else "RGB"
        )
    channels = form.channels or _CHANNELS[image.mode]
    image = image.convert("L" if channels == 1 else "RGB")
    if form.size is not None and image.size != (form.size, form.size):
        image = image.resize((form.size, form.size), Image.Resampling.BICUBIC, reducing_gap=3.0)
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def _unreadable(error: Exception) -> BadImageError:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError):
        return BadImageError("image too large", f"is above the limit of {MOST_PIXELS:,} pixels")
    if isinstance(error, UnidentifiedImageError):
        return BadImageError("no image", "is not an image (png, jpg, webp, bmp or tif)")
    if isinstance(error, OSError) and error.strerror:
        file = f": {error.filename}" if error.filename else ""
        return BadImageError("not readable", f"cannot be read: {error.strerror}{file}")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return BadImageError("image damaged", f"cannot be decoded: {lines[0]}")


def decode_all(
    pictures: Iterable[tuple[int, Encoded | None]],
    rows: int,
    form: Form,
    bad: Callable[[int, str, str], None],
    room: Callable[[tuple[int, ...]], Pixels],
    expected: tuple[int, int, int] | None = None,
) -> tuple[Pixels, list[int]]:
    """Decode pictures once, into one array.

    All must have the same shape: ``expected``, or else the shape that most of the first hundred
    readable ones have.

    Args:
        pictures: position in the table and picture, at most ``rows`` of them; None is missing.
        rows: how many there are.
        form: what the pixels shall look like.
        bad: called with the position, reason and message of every picture that cannot be used.
        room: gives an array of a shape to write into.
        expected: channels, height, width.

    Returns:
        Pixels uint8 (good, channels, height, width), and the positions of the good pictures.
    """
    found = _decoded(pictures, form, bad)
    with _no_bomb_warnings():
        first = []
        if expected is None:
            for item in found:
                first.append(item)
                if len(first) == _PEEKED:
                    break
            if not first:
                return np.empty((0, 1, 1, 1), dtype=np.uint8), []
            expected = Counter(array.shape for _, array in first).most_common(1)[0][0]
        pixels = room((rows, *expected))
        good: list[int] = []
        for position, array in chain(first, found):
            if array.shape != expected:
                bad(position, *_misfit(array.shape, expected))
                continue
            pixels[len(good)] = array
            good.append(position)
    return pixels[: len(good)], good


def _decoded(
    pictures: Iterable[tuple[int, Encoded | None]],
    form: Form,
    bad: Callable[[int, str, str], None],
) -> Iterator[tuple[int, Pixels]]:
    for position, encoded in pictures:
        if encoded is None:
            bad(position, "image missing", "the image is missing")
            continue
        try:
            array = decode(encoded, form)
        except BadImageError as error:
            bad(position, error.reason, f"the image {error}")
            continue
        yield position, array


def _misfit(shape: tuple[int, ...], expected: tuple[int, ...]) -> tuple[str, str]:
    if shape[0] != expected[0]:
        kinds = {1: "is grey (1 channel)", 3: "is in colour (3 channels)"}
        return (
            "wrong channels",
            f"the image {kinds[shape[0]]} where {expected[0]} are wanted: set data: channels",
        )
    return (
        "size differs",
        f"the image is {shape[2]}x{shape[1]} where {expected[2]}x{expected[1]} is wanted: "
        "set data: size",
    )


@contextmanager
def _no_bomb_warnings() -> Iterator[None]:
    """Silence PIL's own warning: ``MOST_PIXELS`` is the limit, and lies below PIL's."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        yield
