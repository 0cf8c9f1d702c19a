"""Which rows of a data set are shown to a reader, and their pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Index

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_ROWS = 2500
SMALL = 40 * 40
"""Pixels up to which a picture is kept exactly (PNG); larger ones are stored as JPEG."""
PRIVATE = "private"
"""Key in the provenance of a data set whose pictures are not to be shown: no page, no folder of a
run and no stage has any."""


def shown_rows(dataset: Dataset, most: int = MOST_ROWS) -> Index:
    """Return the rows whose features are kept and whose pictures are shown: all, or a sample.

    A function of the data set alone, so that every stage and the page choose the same. Of more
    than ``most`` rows, ``most`` are drawn with a fixed seed: where the test part is predefined half
    of them test rows (all test rows if they are fewer), and of every class as many as of any other.

    Returns:
        int64 (r,), ascending, r at most ``most``.
    """
    count = len(dataset)
    if count <= most:
        return np.arange(count, dtype=np.int64)
    random = np.random.default_rng([0, 2]).permutation(count)
    tested = np.zeros(count, dtype=bool) if dataset.parts is None else dataset.parts == "test"
    front = _classes_in_turn(random[tested[random]], dataset)[: most // 2]
    others = _classes_in_turn(random[~tested[random]], dataset)
    return np.sort(np.concatenate([front, others[: most - len(front)]]))


def _classes_in_turn(order: Index, dataset: Dataset) -> Index:
    """Return rows reordered: the first of every class, then the second of every class, …"""
    if not dataset.classes:
        return order
    turn = np.empty(len(order), dtype=np.int64)
    mine = dataset.targets[order, 0]
    for name in np.unique(mine):
        places = np.flatnonzero(mine == name)
        turn[places] = np.arange(len(places))
    return order[np.argsort(turn, kind="stable")]


def thumbnails_of(dataset: Dataset, rows: Index) -> list[bytes] | None:
    """Return the rows' pictures, small, as PNG or JPEG files.

    None where rows are no images, or these may not be passed on: pages are.
    """
    import torch

    from nearfar.data.inputs.images import Images
    from nearfar.data.inputs.joined import without_columns

    images = without_columns(dataset.inputs)
    if not isinstance(images, Images) or PRIVATE in dataset.source:
        return None
    small = images.thumbnails(torch.from_numpy(rows))
    return [encoded_picture(pixels) for pixels in small]


def encoded_picture(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return uint8 (height, width, channels) as a PNG file, or as a JPEG file if it is large."""
    file = io.BytesIO()
    if pixels.shape[0] * pixels.shape[1] <= SMALL:
        _image(pixels).save(file, format="PNG", optimize=True)
    else:
        _image(pixels).save(file, format="JPEG", quality=85)
    return file.getvalue()


def _image(pixels: npt.NDArray[np.uint8]) -> Image:
    from PIL import Image

    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
