"""Pictures in files and in memory decoded into pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.depth import (
    DeepPictureError,
    as_bytes,
    extent_of,
    far_beyond,
    has_gaps,
    is_deep,
)
from nearfar.data.read.images.stored import (
    BadImageError,
    Encoded,
    Form,
    Pixels,
    opened,
    unreadable,
)

_LAYERED = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_OWN = {"1": 1, "L": 1, "P": 3, "RGB": 3, "YCbCr": 3, "LAB": 3, "HSV": 3}
_PEEKED = 100

ON_WHITE = "transparency laid on white"
AS_CHANNEL = "transparency kept as a channel"
RESIZED = "resized"


def decode(encoded: Encoded, form: Form, done: Counter[str] | None = None) -> Pixels:
    """Return the pixels of a picture, turned upright as its EXIF data say.

    Palettes become RGB; transparent pixels, where no channel is kept for them, lie on white. Values
    of more than 8 bits become bytes by ``form.range``. Resizing is PIL's antialiased bicubic, to
    the sides of ``form`` whatever the proportions.

    Args:
        encoded: the picture.
        form: what its pixels shall look like.
        done: counts what is done to pictures.

    Returns:
        uint8 (channels, height, width).

    Raises:
        BadImageError: if it is no picture, is damaged, too large, or of another kind than ``form``.
        DeepPictureError: if it has more than 8 bits and ``form`` has no range.
    """
    steps: list[str]
    if isinstance(encoded, np.ndarray):
        found, steps = encoded.transpose(1, 2, 0), []
    else:
        found, steps = opened(encoded, form)
    try:
        pixels = _from_array(found, form, steps) if isinstance(found, np.ndarray) else None
        pixels = _from_image(found, form, steps) if pixels is None else pixels
    except (BadImageError, DeepPictureError):
        raise
    except Exception as error:  # PIL's converters raise whatever odd pictures make them raise
        raise unreadable(error) from error
    if done is not None:
        done.update(steps)
    return pixels


def _from_array(array: npt.NDArray[Any], form: Form, steps: list[str]) -> Pixels:
    """Return the pixels of an array (height, width, channels)."""
    from PIL import Image

    _check_values(array, form)
    values = as_bytes(array, form.range)
    channels = values.shape[2]
    if channels in (1, 3):
        return _from_image(
            Image.fromarray(values[:, :, 0] if channels == 1 else values), form, steps
        )
    if form.channels not in (None, channels):
        raise BadImageError(
            "wrong channels", f"has {channels} channels where {form.channels} are wanted"
        )
    planes = [
        _resized(Image.fromarray(np.ascontiguousarray(values[:, :, k])), form)
        for k in range(channels)
    ]
    if form.sides not in (None, values.shape[:2]):
        steps.append(RESIZED)
    return np.stack([np.asarray(plane, dtype=np.uint8) for plane in planes])


def _check_values(array: npt.NDArray[Any], form: Form) -> None:
    if has_gaps(array):
        raise BadImageError("not finite", "holds values that are no finite numbers")
    if form.range is not None and is_deep(array) and far_beyond(extent_of(array), form.range):
        low, high = form.range
        raise BadImageError(
            "another scale",
            f"has values from {array.min():g} to {array.max():g}, the study's images from "
            f"{low:g} to {high:g}: bring it to that scale",
        )


def _from_image(image: Any, form: Form, steps: list[str]) -> Pixels:
    """Return the pixels of a PIL image of 8 bits."""
    layered = image.mode in _LAYERED or "transparency" in image.info
    if image.mode not in _OWN and image.mode not in _LAYERED and image.mode != "CMYK":
        raise BadImageError("wrong channels", f"has pixels of mode {image.mode}, which is not read")
    if form.channels is None and (layered or image.mode in {"CMYK", "LAB"}):
        shown = image.mode if image.mode in _LAYERED | {"CMYK", "LAB"} else "with transparency"
        raise BadImageError(
            "wrong channels",
            f"has {len(image.getbands())} channels ({shown}), not 1 or 3: set data: channels",
        )
    if form.channels is not None and form.channels not in _MODES:
        raise BadImageError(
            "wrong channels",
            f"has {len(image.getbands())} channels where {form.channels} are wanted",
        )
    if layered:
        image = _without_layer(image, form, steps)
    channels = form.channels or _OWN[image.mode]
    image = _converted(image, channels, steps)
    if form.sides not in (None, (image.height, image.width)):
        steps.append(RESIZED)
        image = _resized(image, form)
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def _without_layer(image: Any, form: Form, steps: list[str]) -> Any:
    """Return the picture on white, or as it is where its transparency is to be kept."""
    from PIL import Image

    grey = image.mode in {"L", "LA", "La", "1"}
    if form.channels in (2, 4):
        steps.append(AS_CHANNEL)
        return image.convert("LA" if grey else "RGBA")
    steps.append(ON_WHITE)
    picture = image.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("L" if grey else "RGB")


def _converted(image: Any, channels: int, steps: list[str]) -> Any:
    wanted = _MODES[channels]
    if image.mode == wanted:
        return image
    if image.mode in {"CMYK", "P", "LAB"}:
        kind = {"P": "a palette"}.get(image.mode, image.mode)
        steps.append(f"{kind} made RGB")
        image = image.convert("RGB")
    grey = image.mode in {"1", "L", "LA"}
    if grey and channels in (3, 4):
        steps.append("grey repeated in three channels")
    elif not grey and channels in (1, 2):
        steps.append("colour made grey")
    if channels in (2, 4) and image.mode not in _LAYERED:
        steps.append("opaque where transparency is a channel")
    return image.convert(wanted)


def _resized(image: Any, form: Form) -> Any:
    from PIL import Image

    if form.sides in (None, (image.height, image.width)):
        return image
    height, width = form.sides
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def decode_all(
    pictures: Iterable[tuple[int, Encoded | None]],
    rows: int,
    form: Form,
    bad: Callable[[int, str, str], None],
    room: Callable[[tuple[int, ...]], Pixels],
    expected: tuple[int, int, int] | None = None,
    done: Counter[str] | None = None,
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
        expected: channels, height, width of a study's images, of which these are to be more;
            ``form`` asks for the same.
        done: counts what is done to pictures.

    Returns:
        Pixels uint8 (good, channels, height, width), and the positions of the good pictures.

    Raises:
        DeepPictureError: if one has more than 8 bits, ``form`` has no range, and none is expected.
    """
    found = _decoded(pictures, form, bad, expected is not None, done)
    wanted = expected
    first = []
    if wanted is None:
        for item in found:
            first.append(item)
            if len(first) == _PEEKED:
                break
        if not first:
            return np.empty((0, 1, 1, 1), dtype=np.uint8), []
        wanted = Counter(array.shape for _, array in first).most_common(1)[0][0]
    pixels = room((rows, *wanted))
    good: list[int] = []
    for position, array in chain(first, found):
        if array.shape != wanted:
            bad(position, *_misfit(array.shape, wanted))
            continue
        pixels[len(good)] = array
        good.append(position)
    return pixels[: len(good)], good


def _decoded(
    pictures: Iterable[tuple[int, Encoded | None]],
    form: Form,
    bad: Callable[[int, str, str], None],
    of_a_study: bool,
    done: Counter[str] | None,
) -> Iterator[tuple[int, Pixels]]:
    for position, encoded in pictures:
        if encoded is None:
            bad(position, "image missing", "the image is missing")
            continue
        try:
            array = decode(encoded, form, done)
        except BadImageError as error:
            bad(position, error.reason, f"the image {error}")
            continue
        except DeepPictureError:
            if not of_a_study:
                raise
            words = "the image has more than 8 bits a channel, the study's images have 8"
            bad(position, "other depth", words)
            continue
        yield position, array


def _misfit(shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[str, str]:
    if shape[0] != wanted[0]:
        kinds = {1: "is grey (1 channel)", 3: "is in colour (3 channels)"}
        kind = kinds.get(shape[0], f"has {shape[0]} channels")
        return (
            "wrong channels",
            f"the image {kind} where {wanted[0]} are wanted: set data: channels",
        )
    sides = f"is {shape[2]}x{shape[1]} where {wanted[2]}x{wanted[1]} is wanted"
    return "size differs", f"the image {sides}: set data: size"
