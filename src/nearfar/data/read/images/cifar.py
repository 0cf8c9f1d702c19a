"""CIFAR's own files: binary batches and Python batches, unpacked or in the archive."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.arrays import array_rows
from nearfar.data.read.images.pickles import load_plain
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.names import CLASS
from nearfar.errors import UserError

_VALUES = 3 * 32 * 32
_BINARY = re.compile(r"^(data_batch_\d+|test_batch)\.bin$")
_PYTHON = re.compile(r"^(data_batch_\d+|test_batch)$")
_MOST_BYTES = 2**28

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def is_cifar_folder(folder: Path) -> bool:
    """Tell whether a folder holds CIFAR-10's batches, binary or Python."""
    return any(_BINARY.match(entry.name) or _PYTHON.match(entry.name) for entry in folder.iterdir())


def read_cifar(path: Path) -> ImageRows:
    """Read CIFAR-10's batches from a folder, or from the archive ``.tar.gz`` they come in.

    Format: A. Krizhevsky, "The CIFAR-10 dataset", https://www.cs.toronto.edu/~kriz/cifar.html: a
    byte for the class, then 1,024 bytes each of red, green and blue, row by row; or a pickled
    dictionary with ``data`` and ``labels``. Python batches are unpickled as ``load_plain`` does.

    Raises:
        UserError: if a file is damaged, or there is no training or no test batch.
    """
    files = _in_archive(path) if path.is_file() else _in_folder(path)
    binary = {name for name in files if _BINARY.match(name)}
    chosen = sorted(binary or {name for name in files if _PYTHON.match(name)}, key=_order)
    parts = ["test" if name.startswith("test") else "train" for name in chosen]
    if set(parts) != {"train", "test"}:
        raise UserError(f"{path}: needs batches data_batch_… and test_batch; found {chosen}")
    read = _binary_batch if binary else _python_batch
    batches = [read(files[name](), f"{path}/{name}") for name in chosen]
    layout = f"CIFAR's {'binary' if binary else 'Python'} batches"
    rows = array_rows(
        [images for images, _ in batches],
        [labels for _, labels in batches],
        parts,
        path.name,
        layout,
    )
    if names := _names(files):
        rows.class_names = {CLASS: names}
    rows.note = {"files": chosen}
    return rows


def _order(name: str) -> tuple[bool, int, str]:
    digits = re.search(r"\d+", name)
    return name.startswith("test"), int(digits[0]) if digits else 0, name


def _in_folder(folder: Path) -> dict[str, Callable[[], bytes]]:
    def reader(path: Path) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                return path.read_bytes()
            except OSError as error:
                raise UserError(f"cannot read {path}: {error.strerror or error}") from error

        return read

    return {entry.name: reader(entry) for entry in folder.iterdir() if entry.is_file()}


def _in_archive(path: Path) -> dict[str, Callable[[], bytes]]:
    """Read the batches of an archive into memory; nothing is unpacked onto the disk."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                known = _BINARY.match(name) or _PYTHON.match(name) or name in _NAME_FILES
                if member.isfile() and known and member.size <= _MOST_BYTES:
                    content = archive.extractfile(member)
                    files[name] = content.read() if content else b""
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UserError(f"{path}: not a complete archive: {error}") from error
    return {name: lambda content=content: content for name, content in files.items()}  # type: ignore[misc]


def _binary_batch(content: bytes, where: str) -> Batch:
    if not content or len(content) % (1 + _VALUES):
        raise UserError(f"{where}: {len(content)} bytes are no whole number of images")
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + _VALUES)
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64)


def _python_batch(content: bytes, where: str) -> Batch:
    try:
        batch = load_plain(content)
    except ValueError as error:
        raise UserError(f"{where}: not a pickle of plain arrays, refused: {error}") from error
    data, labels = _entry(batch, "data"), _entry(batch, "labels")
    if not (
        isinstance(data, np.ndarray)
        and data.dtype == np.uint8
        and data.ndim == 2
        and data.shape[1] == _VALUES
        and isinstance(labels, list | np.ndarray)
        and len(labels) == len(data)
        and all(isinstance(label, int | np.integer) for label in labels)
    ):
        raise UserError(f"{where}: needs 'data', uint8 (n, {_VALUES}), and n 'labels'")
    return data.reshape(-1, 3, 32, 32), np.array(labels, dtype=np.int64)


def _entry(batch: Any, key: str) -> Any:
    return batch.get(key.encode(), batch.get(key)) if isinstance(batch, dict) else None


_NAME_FILES = ("batches.meta.txt", "batches.meta")


def _names(files: dict[str, Callable[[], bytes]]) -> tuple[str, ...]:
    """Return the class names that lie beside the batches, or nothing."""
    if "batches.meta.txt" in files:
        lines = files["batches.meta.txt"]().decode("utf-8", "replace").splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    if "batches.meta" in files:
        try:
            names = _entry(load_plain(files["batches.meta"]()), "label_names")
        except ValueError as error:
            raise UserError(f"batches.meta: not a plain pickle, refused: {error}") from error
        return tuple(n.decode() if isinstance(n, bytes) else str(n) for n in names or ())
    return ()
