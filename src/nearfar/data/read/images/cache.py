"""Decoded pixels kept on disk, so that a second run does not decode again."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.locate import cache_home

Pixels = npt.NDArray[np.uint8]

KEPT_FROM = 16 * 2**20
"""Bytes of pixels from which they are kept on disk."""
IN_MEMORY_UP_TO = 2**31
"""Bytes of pixels up to which they are read into memory; larger arrays are mapped from the file."""
_VERSION = 3


def fingerprint(files: Sequence[Path], *options: Any) -> str:
    """Return what changes when a file is replaced: a hash of paths, sizes, times and options."""
    digest = hashlib.sha256(repr((_VERSION, options)).encode())
    for path in files:
        try:
            status = path.stat()
            line = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}\n"
        except (OSError, ValueError):
            line = f"{path}|missing\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


class PixelCache:
    """The pixels of one source under one set of options: ``<key>.npy`` and ``<key>.json``."""

    def __init__(self, key: str | None) -> None:
        self._folder = cache_home() / "images"
        self._key = key

    def read(self) -> tuple[Pixels, dict[str, Any]] | None:
        """Return the pixels and what was noted of them, or None if they are not there."""
        if self._key is None:
            return None
        try:
            notes = json.loads((self._folder / f"{self._key}.json").read_text(encoding="utf-8"))
            path = self._folder / f"{self._key}.npy"
            mapped = np.load(path, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return (np.array(mapped) if mapped.nbytes <= IN_MEMORY_UP_TO else mapped), notes

    def room(self, shape: tuple[int, ...]) -> Pixels:
        """Return an array to decode into: in memory, or in a file without a name if it is large."""
        size = int(np.prod(shape, dtype=np.int64))
        if size > IN_MEMORY_UP_TO:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self._folder) as file:
                    os.posix_fallocate(file.fileno(), 0, size)
                    return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)
            except (OSError, AttributeError):  # full disk; a system without the call
                pass
        return np.empty(shape, dtype=np.uint8)

    def write(self, pixels: Pixels, notes: dict[str, Any]) -> None:
        """Keep the pixels if they are many; a folder that cannot be written to is no mistake."""
        if self._key is None or pixels.nbytes < KEPT_FROM:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._put(f"{self._key}.npy", pixels)
            self._put(f"{self._key}.json", notes)
        except OSError:
            return

    def _put(self, name: str, content: Pixels | dict[str, Any]) -> None:
        """Write a file beside and rename it, so that another process never reads half of it."""
        handle, beside = tempfile.mkstemp(dir=self._folder, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                if isinstance(content, dict):
                    file.write(json.dumps(content).encode())
                else:
                    np.save(file, content, allow_pickle=False)
            Path(beside).replace(self._folder / name)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
