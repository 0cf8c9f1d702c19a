"""Coloured PNG files of 16 bits, of which PIL keeps the upper 8."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.depth import Range, as_bytes

_LOWER = "RGB;16L"
"""PIL's name for the other order of bytes, by which it keeps those that it would leave out."""


def is_halved(image: Any) -> bool:
    """Tell whether PIL leaves out half of the bits of an image that is opened and not yet read."""
    return (
        image.format == "PNG"
        and image.mode in {"RGB", "RGBA", "LA"}
        and any(";16" in str(tile[3]) for tile in image.tile)
    )


def can_be_whole(image: Any) -> bool:
    """Tell whether ``whole_values`` reads such an image: one without transparency."""
    return is_halved(image) and image.mode == "RGB" and "transparency" not in image.info


def whole_values(image: Any, again: Any) -> npt.NDArray[np.uint16]:
    """Return all bits of an image, upright: (height, width, 3).

    Args:
        image: opened, and not yet read.
        again: the same, opened a second time.
    """
    from PIL import ImageOps

    again.tile = [
        tile._replace(args=_LOWER) if hasattr(tile, "_replace") else (*tile[:3], _LOWER)
        for tile in again.tile
    ]
    upper, lower = (
        np.asarray(ImageOps.exif_transpose(half)).astype(np.uint16) for half in (image, again)
    )
    return np.asarray((upper << 8) | lower, dtype=np.uint16)


def in_range(image: Any, between: Range) -> Any:
    """Return an image with transparency whose colours, the upper 8 of 16 bits, fill a range."""
    from PIL import Image

    bands = [
        Image.fromarray(as_bytes(np.asarray(band).astype(np.uint16) * np.uint16(257), between))
        for band in image.split()[:-1]
    ]
    return Image.merge(image.mode, [*bands, image.getchannel("A")])
