"""Small images for tests, made here."""

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from nearfar.data import DataOptions, Dataset, Images, load_dataset

Pixels = npt.NDArray[np.uint8]


def some_pixels(rows: int, channels: int = 3, side: int = 8, seed: int = 0) -> Pixels:
    """Random pixels (rows, channels, side, side)."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(rows, channels, side, side), dtype=np.uint8)


def picture(pixels: Pixels) -> Image.Image:
    """An image of pixels (channels, height, width)."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))


def encoded(pixels: Pixels, kind: str = "PNG") -> bytes:
    """The content of an image file."""
    buffer = io.BytesIO()
    picture(pixels).save(buffer, kind)
    return buffer.getvalue()


def write_images(root: Path, names: list[str], seed: int = 0, **form: Any) -> Pixels:
    """Write an image to every name below ``root`` and return their pixels in this order."""
    pixels = some_pixels(len(names), seed=seed, **form)
    for name, one in zip(names, pixels, strict=True):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(one).save(path)
    return pixels


def header_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checked = name + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    described = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", described) + chunk(b"IDAT", zlib.compress(bytes(64)))
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")


def idx(array: npt.NDArray[Any]) -> bytes:
    """An IDX file of bytes."""
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder: Path, stem: str, pixels: Pixels, labels: list[int], zipped: bool) -> None:
    """Write images (n, height, width) and labels as a pair of IDX files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (
        (f"{stem}-images-idx3-ubyte", pixels),
        (f"{stem}-labels-idx1-ubyte", np.array(labels)),
    ):
        content = idx(array)
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)


def load(path: Path | str, source: str = "images", **more: Any) -> Dataset:
    """Read a source of images; relative paths begin nowhere."""
    return load_dataset(DataOptions(source=source, path=str(path), **more), Path("nowhere"))


def pixels_of(dataset: Dataset) -> Pixels:
    assert isinstance(dataset.inputs, Images)
    pixels: Pixels = dataset.inputs.pixels.numpy()
    return pixels


def labels_of(dataset: Dataset) -> list[str]:
    """The name of every row's class."""
    return [dataset.classes[int(k)] for k in dataset.targets[:, 0]]
