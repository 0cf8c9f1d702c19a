"""Arrays of pixels in files: IDX, NumPy's .npz, CIFAR's binary and Python batches."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.arrays import Labels, Pixels, _repeated, _rows, read_mapping
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.names import CLASS
from nearfar.data.read.several import label_lists
from nearfar.errors import UserError

_NPZ_PAIRS = {
    "train": ("x_train", "y_train"),
    "validation": ("x_validation", "y_validation"),
    "test": ("x_test", "y_test"),
}


def read_npz(path: Path, mapping: Path | None, labelled: bool = True) -> ImageRows:
    """Read arrays ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test``, ``y_test``.

    Images are uint8 (n, height, width), (n, height, width, channels) or (n, channels, height,
    width), with 1 or 3 channels; labels are (n,), numbers or texts, or (n, labels), 0 and 1, of
    several labels a row (of classes, where every row has one). ``x_validation`` and
    ``y_validation`` may be there too. Nothing is unpickled.

    Args:
        path: the file.
        mapping: class names.
        labelled: whether ``y`` is wanted; without, ``x`` suffices, or ``x_test``.

    Raises:
        UserError: if arrays are missing, pickled, or of another shape or type.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: _member(file, key, path) for key in file.files if _wanted(key)}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{path}: not an .npz file of arrays: {_line(error)}") from error
    parts = [part for part, (x, _) in _NPZ_PAIRS.items() if x in arrays]
    if not labelled:
        key = "x" if "x" in arrays else "x_test"
        if key not in arrays:
            raise UserError(f"{path}: no array 'x'; it has {', '.join(arrays) or 'none'}")
        return _rows([_images(arrays[key], f"{path}, {key}")], [], None, path.name, "arrays")
    pairs = [("x", "y")] if "x" in arrays else [_NPZ_PAIRS[part] for part in parts]
    missing = [key for pair in pairs for key in pair if key not in arrays]
    if missing or not pairs or ("x" not in arrays and not {"train", "test"} <= set(parts)):
        raise UserError(
            f"{path}: needs arrays x and y, or x_train, y_train, x_test and y_test; it has "
            f"{', '.join(sorted(arrays)) or 'none of them'}"
        )
    images = [_images(arrays[x], f"{path}, {x}") for x, _ in pairs]
    labels = [_labels(arrays[y], len(images[k]), f"{path}, {y}") for k, (_, y) in enumerate(pairs)]
    named = None if "x" in arrays else _repeated(parts, labels)
    rows = _rows(images, labels, named, path.name, "an .npz file")
    rows.takes = frozenset({"mapping"})
    width = max(array.shape[1] if array.ndim == 2 else 0 for array in (arrays[y] for _, y in pairs))
    if any(some.dtype == object for some in labels):
        rows.class_names = {CLASS: tuple(map(str, range(width)))}
    if mapping is not None:
        rows.class_names = {CLASS: read_mapping(mapping)}
    return rows


def _wanted(key: str) -> bool:
    return key in {"x", "y"} or any(key in pair for pair in _NPZ_PAIRS.values())


def _member(file: Any, key: str, path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = file[key]
    except ValueError as error:
        raise UserError(f"{path}: array '{key}' cannot be read: {_line(error)}") from error
    return array


def _images(array: npt.NDArray[Any], where: str) -> Pixels:
    if array.dtype != np.uint8:
        raise UserError(f"{where}: images must be uint8 (0 to 255), not {array.dtype}")
    if array.ndim == 3:
        return array
    if array.ndim == 4 and array.shape[-1] in (1, 3):
        return array.transpose(0, 3, 1, 2)
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array
    raise UserError(f"{where}: has shape {array.shape}; images need 1 or 3 channels")


def _labels(array: npt.NDArray[Any], rows: int, where: str) -> Labels:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and len(array) == rows and (found := label_lists(array)) is not None:
        return found
    if array.shape != (rows,):
        raise UserError(f"{where}: has shape {array.shape} for {rows} images")
    return array


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
