"""Pictures as they are stored: opened, turned upright, and what their headers say."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nearfar.data.read.image_kinds import READ, START, unread_kind
from nearfar.data.read.images.depth import Range
from nearfar.data.read.images.halved import can_be_whole, in_range, is_halved, whole_values
from nearfar.data.read.images.tiffs import read_tiff, tiff_look
from nearfar.data.read.packed import kind_of

Pixels = npt.NDArray[np.uint8]
Encoded = bytes | Path | Pixels
"""A picture as it is stored: the content of an image file, where that file is, or pixels."""

MOST_PIXELS = 60_000_000
"""A picture whose header says more is refused before it is decoded."""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM")
_NUMPY = b"\x93NUMPY"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"RIFF", *_TIFF, _NUMPY)
"""What files of pictures begin with."""

DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_CHANNELS = {"1": 1, "L": 1, "P": 3, "RGB": 3, "YCbCr": 3, "LAB": 3, "HSV": 3}
_LAYERED = {"LA": 2, "La": 2, "PA": 4, "RGBA": 4, "RGBa": 4}
MOST_CHANNELS = 16
"""An axis of an array that is not named holds channels if it is no longer."""

FIRST_PAGE = "first of several pages used"
PAGES = "pages taken as channels"
UPPER_BITS = "16 bits a colour beside transparency, of which the upper 8 are used"
UPRIGHT = "turned upright as Exif says"


class BadImageError(Exception):
    """A picture that cannot be used: ``reason`` is counted, the message is shown."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Form:
    """What the pixels of a row shall look like.

    ``size``: height and width after resizing, one number where they are equal, or None to keep
    them. ``channels``: 1 (grey), 3 (RGB), 2 or 4 (these with transparency) or the number of any
    other picture; None keeps what is there, which refuses transparency and CMYK. ``range``: of
    pictures of more than 8 bits, what becomes 0 and 255. ``pages``: whether the first page of
    several is meant, or all as channels. ``channel_axis``: where arrays of three dimensions have
    their channels; None finds out.
    """

    size: int | tuple[int, int] | None = None
    channels: int | None = None
    range: Range | None = None
    pages: Literal["first", "channels"] | None = None
    channel_axis: Literal["first", "last"] | None = None

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width after resizing."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


@dataclass(frozen=True)
class Look:
    """What a header says: upright size in pixels, what the channels are, their number and depth."""

    width: int
    height: int
    kind: str
    """``grey``, ``colour``, ``grey with transparency``, ``transparent``, ``CMYK``, ``channels``."""
    channels: int
    deep: bool = False
    pages: int = 1


def has_signature(path: Path) -> bool:
    """Tell whether a file begins as files of pictures do."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return begins_a_picture(start)


def begins_a_picture(start: bytes) -> bool:
    """Tell whether bytes, 16 at least, are the begin of a picture's file."""
    if start.startswith(b"RIFF"):
        return start[8:12] == b"WEBP"
    if start.startswith(b"BM"):  # the header's size follows the place of the pixels
        return len(start) > 15 and start[14] in (12, 40, 52, 56, 64, 108, 124)
    return start.startswith(SIGNATURES)


def _start(encoded: bytes | Path, count: int = 8) -> bytes:
    if isinstance(encoded, bytes):
        return encoded[:count]
    with encoded.open("rb") as file:
        return file.read(count)


@contextmanager
def _open(encoded: bytes | Path) -> Iterator[Any]:
    """Open a picture with PIL; its header alone is read."""
    from PIL import Image

    source = io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        with Image.open(source, formats=_FORMATS) as image:
            yield image


def look(encoded: Encoded, form: Form) -> Look:
    """Return what a picture's header says.

    Raises:
        BadImageError: if it is no picture, or its header is damaged.
    """
    if isinstance(encoded, np.ndarray):
        channels, height, width = encoded.shape
        return Look(width, height, _kind_of(channels), channels)
    try:
        start = _start(encoded)
        if start.startswith(_NUMPY):
            array = _array(encoded, form)
            height, width, channels = array.shape
            return Look(width, height, _kind_of(channels), channels, array.dtype.kind not in "b")
        if start.startswith(_TIFF) and _beyond_pil(encoded):
            height, width, channels, deep, pages = tiff_look(encoded)
            channels = pages if form.pages == "channels" and pages > 1 else channels
            return Look(width, height, _kind_of(channels), channels, deep, pages)
        with _open(encoded) as image:
            return _look(image, form)
    except BadImageError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them raise
        raise unreadable(error, encoded) from error


def _look(image: Any, form: Form) -> Look:
    width, height = image.size
    deep = image.mode in DEEP_MODES or can_be_whole(image)  # before Exif is read, and with it all
    if image.format != "TIFF" and image.getexif().get(0x0112) in (5, 6, 7, 8):
        width, height = height, width
    pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    if form.pages == "channels" and pages > 1:
        return Look(width, height, _kind_of(pages), pages, deep, pages)
    if image.mode in _LAYERED or "transparency" in image.info:
        grey = image.mode in {"LA", "La", "L", "1"}
        kind, channels = ("grey with transparency", 2) if grey else ("transparent", 4)
    elif image.mode == "CMYK":
        kind, channels = "CMYK", 4
    else:
        channels = _CHANNELS.get(image.mode, 1)
        kind = _kind_of(channels)
    return Look(width, height, kind, channels, deep, pages)


def _kind_of(channels: int) -> str:
    return {1: "grey", 3: "colour"}.get(channels, "channels")


def _beyond_pil(encoded: bytes | Path) -> bool:
    """Tell whether a TIFF file holds what PIL does not read, or reads as something else."""
    try:
        with _open(encoded) as image:
            bits, sample = image.tag_v2.get(258, (8,)), image.tag_v2.get(339, (1,))
            bits = bits if isinstance(bits, tuple) else (bits,)
            sample = sample if isinstance(sample, tuple) else (sample,)
            wide = max(bits) > 8 and image.mode not in DEEP_MODES
            return (
                wide or (max(bits) == 8 and sample[0] == 2) or (bits == (32,) and image.mode == "I")
            )
    except Exception:  # PIL cannot identify it
        return True


def opened(encoded: bytes | Path, form: Form) -> tuple[Any, list[str]]:
    """Open and decode a picture.

    Returns:
        A PIL image of 8 bits, or an array (height, width, channels) of any type; and what was done.

    Raises:
        BadImageError: if it is no picture, is damaged, or too large.
    """
    from PIL import ImageOps

    try:
        start = _start(encoded)
        if start.startswith(_NUMPY):
            array = _array(encoded, form)
            _check_size(array.shape[1], array.shape[0])
            return np.array(array), []
        if start.startswith(_TIFF) and _beyond_pil(encoded):
            height, width, *_, pages = tiff_look(encoded)
            _check_size(width, height)
            together = form.pages == "channels" and pages > 1
            several = [PAGES if together else FIRST_PAGE] if pages > 1 else []
            return read_tiff(encoded, together), several
        if start.startswith(_TIFF) and isinstance(encoded, Path):
            encoded = encoded.read_bytes()  # PIL maps files, and scrambles those that lie on a side
        with _open(encoded) as image:
            _check_size(*image.size)
            whole, halved = can_be_whole(image), is_halved(image)
            done = [UPPER_BITS] if halved and not whole else []
            pages = getattr(image, "n_frames", 1) if image.format in {"TIFF", "WEBP"} else 1
            if pages > 1:
                done.append(PAGES if form.pages == "channels" else FIRST_PAGE)
            if image.getexif().get(0x0112, 1) in range(2, 9):
                done.append(UPRIGHT)
            if pages > 1 and form.pages == "channels":
                return _stacked(image, pages), done
            if whole:
                with _open(encoded) as again:
                    return whole_values(image, again), done
            if form.sides is not None:
                image.draft(None, (4 * form.sides[1], 4 * form.sides[0]))
            if image.format == "TIFF":
                image.load()  # which turns it; what is turned before would be turned twice
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode in DEEP_MODES:
                return _values(image), done
            image.load()
            if halved and form.range is not None:
                layered = image.convert("RGBA") if image.mode == "RGB" else image
                return in_range(layered, form.range), done
            return image, done
    except BadImageError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them raise
        raise unreadable(error, encoded) from error


def _values(image: Any) -> npt.NDArray[Any]:
    return np.array(image)[:, :, None]


def _stacked(image: Any, pages: int) -> npt.NDArray[Any]:
    """Return the pages of a picture as channels, (height, width, pages).

    Raises:
        BadImageError: if they differ in size, or are not grey.
    """
    from PIL import ImageOps

    planes = []
    for page in range(pages):
        image.seek(page)
        image.load()
        plane = ImageOps.exif_transpose(image)
        if plane.mode not in DEEP_MODES | {"L", "1"}:
            raise BadImageError("wrong channels", f"page {page + 1} is not grey ({plane.mode})")
        planes.append(np.array(plane))
    if len({(plane.shape, plane.dtype) for plane in planes}) > 1:
        raise BadImageError("wrong channels", "pages differ in size or depth: they are no channels")
    return np.stack(planes, axis=-1)


def _array(encoded: bytes | Path, form: Form) -> npt.NDArray[Any]:
    """Return an array file as (height, width, channels), mapped where it is a file.

    Raises:
        BadImageError: if it is no picture, or its channels cannot be told.
    """
    try:
        if isinstance(encoded, bytes):
            array = np.load(io.BytesIO(encoded), allow_pickle=False)
        else:
            array = np.load(encoded, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadImageError("image damaged", f"is no array of numbers: {_line(error)}") from error
    if array.dtype.kind not in "buif":
        raise BadImageError("wrong channels", f"is an array of type {array.dtype}, not of numbers")
    return channels_last(array, form.channel_axis)


def channels_last(
    array: npt.NDArray[Any], axis: Literal["first", "last"] | None
) -> npt.NDArray[Any]:
    """Return one picture's array as (height, width, channels).

    Args:
        array: (height, width), or these with an axis of channels before or after them.
        axis: which that is; None takes the shorter of the first and the last axis, at most 16.

    Raises:
        BadImageError: if the shape is another one, or does not tell.
    """
    shown = "x".join(map(str, array.shape))
    if array.ndim == 2 and array.size:
        return array[:, :, None]
    if array.ndim != 3 or not array.size:
        raise BadImageError("no image", f"is an array of shape {shown}, no picture")
    first, last = array.shape[0], array.shape[2]
    if axis is None and (first == last or min(first, last) > MOST_CHANNELS):
        raise BadImageError(
            "channels unclear",
            f"is an array of shape {shown}, which does not tell its channels: "
            "set data: channel_axis to first or last",
        )
    if axis == "first" or (axis is None and first < last):
        return np.moveaxis(array, 0, 2)
    return array


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise BadImageError(
            "image too large",
            f"is {width}x{height}, above the limit of {MOST_PIXELS:,} pixels: make it smaller",
        )


def unreadable(error: Exception, encoded: bytes | Path | None = None) -> BadImageError:
    """Return in one line why a picture cannot be decoded, and what it is where it is none."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError):
        return BadImageError(
            "image too large", f"is above the limit of {MOST_PIXELS:,} pixels: make it smaller"
        )
    if isinstance(error, UnidentifiedImageError):
        return BadImageError("no image", _other_kind(encoded))
    if isinstance(error, OSError) and error.strerror:
        file = f": {error.filename}" if error.filename else ""
        return BadImageError("not readable", f"cannot be read: {error.strerror}{file}")
    return BadImageError("image damaged", f"cannot be decoded: {_line(error)}")


def _other_kind(encoded: bytes | Path | None) -> str:
    start = b"" if encoded is None else _start(encoded, START)
    if (kind := unread_kind(start)) is not None:
        return f"is {kind}, which is not read: convert it to png or jpg"
    what = kind_of(start)
    if what is not None and what.endswith(" image"):
        return f"begins as {what}, and is damaged"
    if what is not None and ":" in what:  # with what can be done
        return f"is {what}"
    return f"is {what}, not an image ({READ})" if what else f"is not an image ({READ})"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
