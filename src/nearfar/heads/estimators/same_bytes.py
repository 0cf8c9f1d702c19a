"""Estimators that skops stored, brought into one form: of equal fits the bytes are equal.

skops calls objects and files by addresses in memory, its archive says when it was written, and
between the fields of records (the nodes of trees) stands what the memory held before.
"""

import io
import json
import zipfile
from itertools import count
from pathlib import PurePosixPath
from typing import Any

import numpy as np

SCHEMA = "schema.json"
_WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The first moment that an archive can name."""


def same_bytes(data: bytes) -> bytes:
    """Return what skops stored with its objects numbered as they appear, and without a time."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    numbered = _Numbered()
    schema = json.loads(files[SCHEMA], object_hook=numbered.node)
    renamed = {new: files[old] for old, new in numbered.files.items()}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in renamed.items():
            plain = _without_gaps(content) if name.endswith(".npy") else content
            _write(archive, name, plain)
        _write(archive, SCHEMA, json.dumps(schema, separators=(",", ":")).encode())
    return written.getvalue()


class _Numbered:
    """Numbers of objects and names of files, given as they appear, innermost first.

    Objects that are one stay one. Plain values that are equal become one too: whether Python keeps
    one of them hangs on where they come from.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._objects: dict[int, int] = {}
        self._values: dict[tuple[str, str, str], int] = {}
        self._next = count(1)

    def node(self, found: dict[str, Any]) -> dict[str, Any]:
        """Number a node; a mapping that is none is left as it is."""
        loader, own, file = (found.get(key) for key in ("__loader__", "__id__", "file"))
        if not isinstance(loader, str):
            return found
        if isinstance(file, str):
            name = f"{len(self.files) + 1}{PurePosixPath(file).suffix}"
            found["file"] = self.files.setdefault(file, name)
        if isinstance(own, int):
            if loader == "JsonNode":
                value = (found["__module__"], found["__class__"], found["content"])
                self._objects[own] = self._values.setdefault(value, next(self._next))
            elif own not in self._objects:
                self._objects[own] = next(self._next)
            found["__id__"] = self._objects[own]
        return found


def _without_gaps(content: bytes) -> bytes:
    """Return an array's file with zeros between the fields of its records, if it has any."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    written = io.BytesIO()
    np.save(written, clean, allow_pickle=False)
    return written.getvalue()


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    place = zipfile.ZipInfo(name, _WRITTEN)
    place.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(place, content)
