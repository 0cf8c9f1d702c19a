"""Pictures in memory, as a file of arrays or a column of image files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearfar.data.in_memory import is_pillow, pillow_file, stacked
from nearfar.data.read.images.npz import axis_of_channels
from nearfar.data.read.locate import is_there
from nearfar.errors import UserError, shown
from nearfar.library.beside import check_length
from nearfar.library.targets import target_columns
from nearfar.records import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa


def pictures_of(X: Any) -> np.ndarray | None:
    """Return images (n, h, w) or with channels, None for what is none.

    Raises:
        UserError: images that are not uint8, or arrays of several sizes.
    """
    if isinstance(X, list | tuple) and X and all(map(_is_array, X)):
        X = stacked(X)
    if not hasattr(X, "ndim") or not hasattr(X, "shape") or X.ndim not in (3, 4):
        return None
    array = np.asarray(X)
    if array.dtype != np.uint8 and array.dtype.kind in "fiub":
        raise UserError(
            f"X: images {array.shape} are uint8, 0 to 255, not {array.dtype}: {_scaled(array)}"
        )
    return array if array.dtype == np.uint8 else None


def _is_array(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.ndim in (2, 3)


def _scaled(array: np.ndarray) -> str:
    """Say how numbers become uint8, by the values that they have."""
    if array.dtype == bool:
        return "give X.astype('uint8') * 255"
    low, high = (array.min().item(), array.max().item()) if array.size else (0, 1)
    if not (np.isfinite(low) and np.isfinite(high)):
        return "some values are NaN or infinite: replace them first"
    if array.dtype.kind == "f" and low >= 0 and high <= 1:
        return "scale them, for values from 0 to 1 (255 * X).round().astype('uint8')"
    if low >= 0 and high <= 255:
        kept = "X.round()" if array.dtype.kind == "f" else "X"
        return f"their values fit, so give {kept}.astype('uint8')"
    return (
        f"scale them, for values from {low:g} to {high:g} numpy.interp(X, ({low:g}, {high:g}), "
        "(0, 255)).round().astype('uint8')"
    )


def pillow_files(X: Any) -> pa.Array | None:
    """Return images of pillow, of any sizes and modes, as files in a column; None for no such."""
    import pyarrow as pa

    if not isinstance(X, list | tuple) or not X or not is_pillow(X[0]):
        return None
    for k, image in enumerate(X):
        if not is_pillow(image):
            raise UserError(f"X: entry {k} is {shown(image)}, not an image like the first")
    files = [pillow_file(image, f"X: entry {k}") for k, image in enumerate(X)]
    return pa.array(files, type=pa.binary())


def image_file(images: np.ndarray, y: Any, folder: Path) -> Path:
    """Write an ``.npz`` of images and labels to a folder; return its path."""
    if y is None:
        raise UserError("y: needs the class or number of every image")
    names, cells = target_columns(y)
    check_length("y", len(cells[0]), len(images))
    arrays = [_labels(column) for column in cells]
    labels = arrays[0] if len(arrays) == 1 else np.column_stack(arrays)
    if labels.dtype == object:
        labels = labels.astype(str)
    digest = hashlib.sha256(f"{images.shape}{labels.dtype}{names}".encode())
    for array in (images, labels):
        digest.update(np.ascontiguousarray(array).tobytes())
    path = folder / f"{digest.hexdigest()[:16]}.npz"
    if not is_there(path):
        buffer = io.BytesIO()
        np.savez(buffer, images=images, labels=labels)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    return path


def _labels(cells: Sequence[Any]) -> np.ndarray:
    """Return cells as an array: what is missing is NaN among numbers, no text among others."""
    present = [cell for cell in cells if cell is not None]
    numbers = all(isinstance(c, int | float) and not isinstance(c, bool) for c in present)
    nothing = float("nan") if numbers else ""
    return np.asarray([nothing if cell is None else cell for cell in cells])


def encoded(images: np.ndarray) -> tuple[pa.Array, dict[str, Any]]:
    """Return images as files in a column, and the options of ``data`` that they are read with.

    Those of 1 and of 3 channels are PNG files. Others are arrays, since channels that no picture
    names are none of transparency; their axis is said, as new images have it too.

    Raises:
        UserError: the shape does not tell which axis is that of channels.
    """
    import pyarrow as pa
    from PIL import Image

    axis = "last" if images.ndim == 3 else axis_of_channels(images.shape)
    if axis is None:
        raise UserError(
            f"X: images {images.shape} do not tell their channels: give (rows, height, width, "
            "channels) or (rows, channels, height, width) with fewer channels than pixels a side, "
            "at most 16"
        )
    channels = 1 if images.ndim == 3 else images.shape[-1 if axis == "last" else 1]
    drawn = channels in (1, 3)
    if drawn and images.ndim == 4:
        images = images if axis == "last" else np.moveaxis(images, 1, -1)
        images = images[..., 0] if channels == 1 else images
    files = []
    for image in images:
        buffer = io.BytesIO()
        if drawn:
            Image.fromarray(image).save(buffer, format="PNG")
        else:
            np.save(buffer, image)
        files.append(buffer.getvalue())
    return pa.array(files, type=pa.binary()), {} if drawn else {"channel_axis": axis}
