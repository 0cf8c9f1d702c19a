"""Python pickles of arrays, read without running anything that they name.

What a pickle names is looked up in a short list of functions written here; NumPy's own, which could
be led astray with forged types, are not among them.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from typing import Any

import numpy as np
import numpy.typing as npt

_NUMBERS = re.compile(r"^[<>|=]?[biufc]\d{1,2}$")
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)


class _Type:
    """Stands for a NumPy type; a pickle may set its byte order afterwards."""

    def __init__(self, code: Any) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not _NUMBERS.match(text):
            raise pickle.UnpicklingError(f"an array of type {text!r}")
        self.type = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        if state[1] in (">", b">"):
            self.type = self.type.newbyteorder(">")
        elif state[1] in ("<", b"<"):
            self.type = self.type.newbyteorder("<")


class _Array:
    """Stands for an array until its content is known."""

    array: npt.NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_column, content = state
        self.array = _filled(content, kind, shape, "F" if by_column else "C")


def _filled(content: Any, kind: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, _Type):
        raise pickle.UnpicklingError("an array that is no block of numbers")
    sizes = [int(size) for size in shape]
    if min(sizes, default=0) < 0 or math.prod(sizes) * kind.type.itemsize != len(content):
        raise pickle.UnpicklingError(f"an array of shape {sizes} in {len(content)} bytes")
    return np.frombuffer(bytes(content), kind.type).reshape(
        sizes, order="F" if order == "F" else "C"
    )


def _type(code: Any, align: Any = False, copy: Any = True) -> _Type:
    return _Type(code)


def _empty(kind: Any, shape: Any, code: Any) -> _Array:
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array of another class")
    return _Array()


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    made = _Array()
    made.array = _filled(content, kind, shape, order)
    return made


def _scalar(kind: Any, content: Any) -> Any:
    return _filled(content, kind, (), "C")[()]


def _latin(text: Any, encoding: Any) -> bytes:
    """Stand in for ``codecs.encode``, with which protocol 2 writes bytes: Latin-1 alone."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"text in encoding {encoding!r}")
    return str(text).encode("latin-1")


def _no_bytes() -> bytes:
    """Stand in for ``bytes()``, with which protocol 2 writes an empty byte string."""
    return b""


_NDARRAY = object()
_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _type,
    ("_codecs", "encode"): _latin,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
}
for _core in ("numpy.core", "numpy._core"):
    _NAMES[f"{_core}.multiarray", "_reconstruct"] = _empty
    _NAMES[f"{_core}.multiarray", "scalar"] = _scalar
    _NAMES[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside")


def load_plain(content: bytes) -> Any:
    """Unpickle arrays of numbers, texts and numbers, and lists, tuples and dictionaries of them.

    Byte strings of Python 2 come as bytes, as CIFAR's keys do.

    Raises:
        ValueError: if the pickle names anything else, or is none; nothing that it names was run.
    """
    try:
        return _plain(_Restricted(io.BytesIO(content), encoding="bytes").load())
    except Exception as error:  # a forged pickle can make the unpickler raise anything
        raise ValueError(str(error) or type(error).__name__) from error


def _plain(value: Any) -> Any:
    """Return ``value`` with arrays in the place of what stood for them."""
    if isinstance(value, _Array) and value.array is not None:
        return value.array
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, _PLAIN):
        return value
    raise pickle.UnpicklingError(f"an object of type {type(value).__name__}")
