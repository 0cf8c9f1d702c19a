"""Arrays of pixels in files: IDX, NumPy's .npz, CIFAR's binary and Python batches."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.image_folder import CLASS
from nearfar.data.pictures import Arrays, ImageRows
from nearfar.data.rest import PART_NAMES
from nearfar.data.tables import Table
from nearfar.errors import UserError, nearest

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[Any]

_IDX = re.compile(r"^(?P<stem>.*)images[-.]idx3-ubyte(?P<gz>\.gz)?$")
_IDX_PARTS = {"train": "train", "test": "test", "t10k": "test", "validation": "validation"}
_MOST_BYTES = 2**36


def is_idx_folder(folder: Path) -> bool:
    """Tell whether a folder holds IDX files of images."""
    return any(_IDX.match(entry.name) for entry in folder.iterdir())


def read_idx_folder(
    folder: Path, subset: str | None, transposed: bool, mapping: Path | None
) -> ImageRows:
    """Read ``<subset>-train-images-idx3-ubyte[.gz]`` with its labels, the same for test.

    Args:
        folder: where they are.
        subset: which of several sets, as in the names of the files.
        transposed: whether the axes of each image are swapped in the files.
        mapping: class names; without it the set's own ``*-mapping.txt``, if there is one.

    Raises:
        UserError: if files are missing, damaged, or do not belong together.
    """
    name, files = _idx_set(folder, subset)
    images, labels, parts = [], [], []
    for part, path in sorted(files.items(), key=lambda item: list(_ORDER).index(item[0])):
        pixels = read_idx(path, 3)
        numbers = read_idx(_labels_of(path), 1)
        if len(pixels) != len(numbers):
            raise UserError(f"{path}: {len(pixels)} images and {len(numbers)} labels")
        images.append(pixels.transpose(0, 2, 1) if transposed else pixels)
        labels.append(numbers)
        parts += [part] * len(numbers)
    own = folder / f"{name}-mapping.txt"
    mapping = mapping or (own if own.is_file() else None)
    rows = _rows(
        images,
        labels,
        parts if len(files) > 1 else None,
        f"{folder.name}" if not name else f"{folder.name}/{name}",
        "a folder of IDX files",
    )
    rows.takes = frozenset({"subset", "transposed", "mapping"})
    rows.note = {"files": sorted(path.name for path in files.values())}
    if mapping is not None:
        rows.class_names = {CLASS: read_mapping(mapping)}
    return rows


_ORDER = ("train", "validation", "test")


def _idx_set(folder: Path, subset: str | None) -> tuple[str, dict[str, Path]]:
    """Return the name of the set and its files of images by part."""
    sets: dict[str, dict[str, Path]] = {}
    for entry in sorted(folder.iterdir()):
        if (found := _IDX.match(entry.name)) is None:
            continue
        words = found["stem"].rstrip("-").split("-")
        part = _IDX_PARTS.get(words[-1])
        if part is None:
            continue
        files = sets.setdefault("-".join(words[:-1]), {})
        if part not in files or found["gz"] is None:
            files[part] = entry
    if not sets:
        raise UserError(f"{folder}: no file called …train-images-idx3-ubyte or the like")
    if subset is not None:
        fitting = [name for name in sets if name == subset or name.endswith(f"-{subset}")]
        if len(fitting) != 1:
            raise UserError(f"{folder}: no set of IDX files '{subset}'; {nearest(subset, sets)}")
        return fitting[0], sets[fitting[0]]
    if len(sets) > 1:
        raise UserError(f"{folder}: several sets, {', '.join(sets)}: set data: subset to one")
    return next(iter(sets.items()))


def _labels_of(images: Path) -> Path:
    plain = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    for name in (plain, f"{plain}.gz"):
        if (images.parent / name).is_file():
            return images.parent / name
    raise UserError(f"{images.parent}: no file {plain} (or .gz) with the labels of {images.name}")


def read_idx(path: Path, dimensions: int) -> Pixels:
    """Read an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    Format: Y. LeCun, C. Cortes, "The MNIST database": two zero bytes, the type (8), the number of
    dimensions, then the sizes (big-endian 32 bits) and the values.

    Raises:
        UserError: if it is another file, or shorter or longer than its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if header[:4] != bytes((0, 0, 8, dimensions)) or len(header) < 4 + 4 * dimensions:
                raise UserError(f"{path}: not an IDX file of bytes in {dimensions} dimensions")
            shape = np.frombuffer(header, dtype=">i4", offset=4).tolist()
            size = int(np.prod(shape, dtype=object))
            if min(shape) < 1 or size > _MOST_BYTES:
                raise UserError(f"{path}: its header gives the sizes {shape}")
            content = file.read(size)
            if len(content) < size:
                raise UserError(f"{path}: ends after {len(content)} of {size} bytes")
            if file.read(1):
                raise UserError(f"{path}: goes on after the {size} bytes that its header gives")
    except (OSError, EOFError) as error:
        words = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {words}") from error
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def read_mapping(path: Path) -> tuple[str, ...]:
    """Read class names: lines of a class number and its name, or its ASCII code (as EMNIST's).

    Codes are taken as such if every name is a number from 33 to 126.

    Raises:
        UserError: if the numbers are not 0, 1, 2, …, or two names are equal.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    entries: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        words = re.split(r"[\s,;:]+", line.strip(), maxsplit=1)
        if not line.strip():
            continue
        if len(words) != 2 or not words[0].isdigit() or int(words[0]) in entries:
            raise UserError(f"{path}, line {number}: needs a class number and its name")
        entries[int(words[0])] = words[1].strip()
    if not entries or sorted(entries) != list(range(len(entries))):
        raise UserError(f"{path}: class numbers must be 0, 1, 2, … without gaps")
    names = [entries[k] for k in range(len(entries))]
    if all(name.isdigit() and 33 <= int(name) <= 126 for name in names):
        names = [chr(int(name)) for name in names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: two classes are called '{twice}'")
    return tuple(names)


_NPZ_PAIRS = {
    "train": ("x_train", "y_train"),
    "validation": ("x_validation", "y_validation"),
    "test": ("x_test", "y_test"),
}


def read_npz(path: Path, mapping: Path | None, labelled: bool = True) -> ImageRows:
    """Read arrays ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test``, ``y_test``.

    Images are uint8 (n, height, width), (n, height, width, channels) or (n, channels, height,
    width), with 1 or 3 channels; labels are (n,), numbers or texts. ``x_validation`` and
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
    if array.shape != (rows,):
        raise UserError(f"{where}: has shape {array.shape} for {rows} images")
    return array


def _repeated(parts: Sequence[str], labels: Sequence[Labels]) -> list[str]:
    return [p for p, some in zip(parts, labels, strict=True) for _ in range(len(some))]


def _rows(
    images: Sequence[Pixels],
    labels: Sequence[Labels],
    parts: list[str] | None,
    name: str,
    layout: str,
) -> ImageRows:
    """Put arrays (n, height, width) or (n, channels, height, width) one after the other."""
    shapes = {array.shape[1:] for array in images}
    if len(shapes) > 1:
        raise UserError(f"{name}: images of different shapes, {' and '.join(map(str, shapes))}")
    pixels = np.concatenate(images) if len(images) > 1 else images[0]
    if not len(pixels):
        raise UserError(f"{name}: holds no image")
    pixels = np.ascontiguousarray(pixels[:, None] if pixels.ndim == 3 else pixels)
    if not pixels.flags.writeable:  # a view of what was read
        pixels = pixels.copy()
    columns = {CLASS: [cell for some in labels for cell in some.tolist()]} if labels else {}
    table = Table(name, columns, len(pixels), parts=parts)
    return ImageRows(table, Arrays(pixels), layout, target=CLASS if labels else None)


def array_rows(
    images: Sequence[Pixels], labels: Sequence[Labels], parts: Sequence[str], name: str, layout: str
) -> ImageRows:
    """Return the arrays of some parts, images (n, channels, height, width), as rows."""
    named = _repeated(parts, labels) if len(set(parts)) > 1 else None
    return _rows(images, labels, named, name, layout)


def part_named(text: str) -> str | None:
    """Return the part that a file is named after: ``train-00000-of-00001`` is train."""
    return PART_NAMES.get(re.split(r"[^a-z]", text.lower(), maxsplit=1)[0])


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
