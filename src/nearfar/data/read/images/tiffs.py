"""TIFF files beyond what PIL reads: many channels, deep colours, 64-bit numbers."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@contextmanager
def _opened(encoded: bytes | Path) -> Iterator[Any]:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what fails is told in one line
    source = io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
    with tifffile.TiffFile(source) as file:
        yield file


def tiff_look(encoded: bytes | Path) -> tuple[int, int, int, bool, int]:
    """Return upright height and width, channels, whether it has more than 8 bits, and pages."""
    with _opened(encoded) as file:
        page = file.pages[0]
        height, width = int(page.imagelength), int(page.imagewidth)
        if _orientation(page) in (5, 6, 7, 8):
            height, width = width, height
        deep = np.dtype(page.dtype) not in (np.dtype(np.uint8), np.dtype(bool))
        return height, width, int(page.samplesperpixel), deep, len(file.pages)


def read_tiff(encoded: bytes | Path, pages_are_channels: bool) -> npt.NDArray[Any]:
    """Return the first page, or all pages as channels: (height, width, channels), upright.

    Raises:
        ValueError: if the file is damaged, compressed in a way that is not read, or its pages are
            no channels.
    """
    with _opened(encoded) as file:
        pages = [_upright(page) for page in (file.pages if pages_are_channels else file.pages[:1])]
    if len({(page.shape, page.dtype) for page in pages}) > 1:
        raise ValueError("pages differ in size or depth: they are no channels")
    return np.concatenate(pages, axis=2)


def _upright(page: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.asarray(page.asarray())
    if array.ndim == 2:
        array = array[:, :, None]
    elif page.axes.startswith("S"):
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3:
        raise ValueError(f"holds an array of shape {array.shape}, no picture")
    orientation = _orientation(page)
    if orientation in (5, 6, 7, 8):
        array = array.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def _orientation(page: Any) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None else 1
