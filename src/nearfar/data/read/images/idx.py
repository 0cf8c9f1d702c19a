"""IDX files, the format of MNIST and EMNIST."""

from __future__ import annotations

import gzip
import re
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np

from nearfar.data.read.images.arrays import Numbers, Targets, as_rows, repeated
from nearfar.data.read.images.depth import Range
from nearfar.data.read.images.mapping import read_mapping
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.locate import is_file
from nearfar.data.read.names import CLASS
from nearfar.errors import UserError, nearest

_IDX = re.compile(r"^(?P<stem>.*)images[-.]idx3-(ubyte|byte|short|int|float|double)(?P<gz>\.gz)?$")


_IDX_PARTS = {"train": "train", "test": "test", "t10k": "test", "validation": "validation"}


_MOST_BYTES = 2**36
_AT_ONCE = 2**24


def is_idx_folder(folder: Path) -> bool:
    """Tell whether a folder holds IDX files of images."""
    return any(_IDX.match(entry.name) for entry in folder.iterdir())


def is_idx_file(path: Path) -> bool:
    """Tell whether a file is called as IDX files of images or labels are."""
    return re.search(r"idx[13][-.]\w+(\.gz)?$", path.name) is not None


def read_idx_folder(
    folder: Path,
    subset: str | None,
    transposed: bool,
    mapping: Path | None,
    between: Range | None = None,
) -> ImageRows:
    """Read ``<subset>-train-images-idx3-ubyte[.gz]`` with its labels, the same for test.

    Args:
        folder: where they are.
        subset: which of several sets, as in the names of the files.
        transposed: whether the axes of each image are swapped in the files.
        mapping: class names; without it the set's own ``*-mapping.txt``, if there is one.
        between: the values that become 0 and 255, where that is known; bytes stay as they are.

    Raises:
        UserError: if files are missing, damaged, or do not belong together.
    """
    name, files = _idx_set(folder, subset)
    images, labels = [], []
    parts = sorted(files, key=_ORDER.index)
    for path in (files[part] for part in parts):
        pixels = read_idx(path, 3)
        numbers = read_idx(_labels_of(path), 1)
        if len(pixels) != len(numbers):
            raise UserError(f"{path}: {len(pixels)} images and {len(numbers)} labels")
        images.append(pixels.transpose(0, 2, 1) if transposed else pixels)
        labels.append(numbers)
    own = folder / f"{name}-mapping.txt"
    mapping = mapping or (own if is_file(own) else None)
    named = repeated(parts, labels) if len(files) > 1 else None
    targets = Targets({CLASS: [cell for some in labels for cell in some.tolist()]})
    rows = as_rows(
        list(images),
        targets,
        named,
        f"{folder.name}" if not name else f"{folder.name}/{name}",
        "a folder of IDX files",
        between,
    )
    rows.takes = frozenset({"subset", "transposed", "mapping"})
    rows.note = {"files": sorted(path.name for path in files.values())}
    if mapping is not None:
        rows.class_names = {CLASS: read_mapping(mapping, codes=True)}
        rows.note["mapping"] = mapping.name
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
    bytes_of = f"{plain.rpartition('-')[0]}-ubyte"
    for name in (plain, f"{plain}.gz", bytes_of, f"{bytes_of}.gz"):
        if is_file(images.parent / name):
            return images.parent / name
    raise UserError(f"{images.parent}: no file {plain} (or .gz) with the labels of {images.name}")


_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""Types of the values, by their numbers in a header."""


def read_idx(path: Path, dimensions: int) -> Numbers:
    """Read an IDX file, gzipped if its name ends in ``.gz``.

    Format: Y. LeCun, C. Cortes, "The MNIST database": two zero bytes, the type (8: unsigned bytes),
    the number of dimensions, then the sizes (big-endian 32 bits) and the values, big-endian too.

    Raises:
        UserError: if it is another file, or shorter or longer than its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            fitting = header[:2] == bytes(2) and header[3:4] == bytes((dimensions,))
            if not fitting or header[2] not in _TYPES or len(header) < 4 + 4 * dimensions:
                raise UserError(f"{path}: not an IDX file of numbers in {dimensions} dimensions")
            kind = np.dtype(_TYPES[header[2]])
            shape = np.frombuffer(header, dtype=">i4", offset=4).tolist()
            size = int(np.prod(shape, dtype=object)) * kind.itemsize
            if min(shape) < 1 or size > _MOST_BYTES:
                raise UserError(f"{path}: its header gives the sizes {shape}")
            content = _up_to(size, file)
            if len(content) < size:
                raise UserError(f"{path}: ends after {len(content)} of {size} bytes")
            if file.read(1):
                raise UserError(f"{path}: goes on after the {size} bytes that its header gives")
    except (OSError, EOFError, zlib.error) as error:
        words = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {words}") from error
    values = np.frombuffer(content, dtype=kind).reshape(shape)
    return values.astype(kind.newbyteorder("="), copy=False)


def _up_to(size: int, file: gzip.GzipFile | BufferedReader) -> bytearray:
    """Return so many bytes or what there is, taking no more memory than that."""
    content = bytearray()
    while piece := file.read(min(size - len(content), _AT_ONCE)):
        content += piece
    return content
