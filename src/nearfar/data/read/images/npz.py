"""NumPy's .npz files of images, with labels or without."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.array_names import Meaning, by_place, meaning
from nearfar.data.read.images.array_targets import cells_of, targets_of
from nearfar.data.read.images.arrays import Numbers, Targets, as_rows, repeated
from nearfar.data.read.images.beside import columns_beside
from nearfar.data.read.images.depth import Range
from nearfar.data.read.images.mapping import read_mapping
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.stored import MOST_CHANNELS
from nearfar.data.read.locate import is_file
from nearfar.errors import UserError

_ORDER = ("train", "validation", "test")
_LAYOUT = "an .npz file"
_BESIDE = ("group", "part", "features", "name", "id")
"""Options that name an array of one value a row."""
Axis = Literal["first", "last"]


def read_npz(
    path: Path,
    mapping: Path | None,
    labelled: bool = True,
    targets: Sequence[str] = (),
    between: Range | None = None,
    axis: Axis | None = None,
) -> ImageRows:
    """Read arrays of images and of their labels, by their names; nothing is unpickled.

    Names are as Keras, scikit-learn, MedMNIST and ``np.savez`` give them, see ``array_names``.
    Images are (n, height, width), (n, height, width, channels) or (n, channels, height, width), as
    ``axis`` says or their shape does, of numbers on a scale that ``arrays`` states. Labels are
    numbers or texts (n,) or (n, 1); indicators (n, labels), of classes where each row has one; or
    (n, k) of several numbers. An array of names gives those of the classes 0, 1, 2, …. Other
    arrays of one value a row are columns; what is left is told.

    Args:
        path: the file.
        mapping: file of class names.
        labelled: whether labels are wanted; without, the images suffice, those of all parts, and a
            column ``part`` says which: they are to be predicted for.
        targets: names of arrays to predict, if not the usual ones.
        between: the values that become 0 and 255, where that is known.
        axis: where images have their channels; None for 1 or 3 channels, or else the shorter axis.

    Raises:
        UserError: if arrays are missing, pickled, or of another shape or type.
    """
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: not an .npz file of arrays")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return _Reader(path, file, targets, between, axis).rows(mapping, labelled)
    except UserError:
        raise
    except Exception as error:  # zip and array headers that are damaged raise almost anything
        raise UserError(f"{path}: not an .npz file of arrays: {_line(error)}") from error


class _Reader:
    """Finds out what the arrays of a file mean by their names and shapes, and reads those."""

    def __init__(
        self,
        path: Path,
        file: Any,
        targets: Sequence[str],
        between: Range | None,
        axis: Axis | None,
    ) -> None:
        self._path, self._file, self._targets, self._between = path, file, targets, between
        self._axis = axis
        self._shapes = {key: _shape(file, key, path) for key in file.files}
        rank = {key: len(shape) for key, (shape, _) in self._shapes.items()}
        found = {key: meaning(key, targets) for key in file.files}
        self._meanings: dict[str, Meaning] = {k: m for k, m in found.items() if m is not None}
        if not self._meanings:
            self._meanings = by_place(file.files, rank)
        self._used: set[str] = set()

    def rows(self, mapping: Path | None, labelled: bool) -> ImageRows:
        images = {m.part: self._images(m.part) for m in self._of("images")}
        parts = _parts(images, self._path)
        if not parts:
            raise UserError(f"{self._path}: no array of images: {_needs(labelled)}; {self._has()}")
        if not labelled:
            given = [self._read_images(images[part]) for part in parts]
            columns = {"part": repeated([str(p) for p in parts], given)} if len(parts) > 1 else {}
            columns = {**self._beside(parts, given), **columns}
            return self._rows(given, Targets(columns, None), None, new=True)
        without = [part for part in parts if not self._labels_of(part)]
        if len(without) == len(parts):
            lacking = f"no array of labels: {_needs()}"
            if self._targets:
                lacking = f"no array '{self._targets[0]}' to predict"
            raise UserError(f"{self._path}: {lacking}; {self._has()}")
        parts = [part for part in parts if part not in without]
        arrays = [self._read_images(images[part]) for part in parts]
        labels = [self._read_labels(part, len(arrays[k])) for k, part in enumerate(parts)]
        named = None
        if len(parts) > 1:
            named = repeated([str(part) for part in parts], arrays)
        targets = targets_of(labels, self._names(), str(self._path))
        beside = self._beside(parts, arrays)
        targets.columns = {**beside, **targets.columns}
        rows = self._rows(arrays, targets, named)
        rows.takes = frozenset({"mapping", "target", "unit", *_BESIDE})
        for part in without:
            rows.told.append(f"array {images[part]} has no labels: its images are left out")
        self._add_names(rows, mapping)
        if unused := [key for key in self._file.files if key not in self._used]:
            rows.told.append(f"arrays that are not used: {', '.join(unused)}")
            rows.note["unused"] = unused
        return rows

    def _beside(
        self, parts: Sequence[str | None], images: Sequence[Numbers]
    ) -> dict[str, list[Any]]:
        left = {key: found for key, found in self._shapes.items() if key not in self._used}
        columns, used = columns_beside(left, parts, [*map(len, images)], self._array)
        self._used |= set(used)
        return columns

    def _rows(
        self, arrays: list[Numbers], targets: Targets, parts: list[str] | None, *, new: bool = False
    ) -> ImageRows:
        return as_rows(arrays, targets, parts, self._path.name, _LAYOUT, self._between, new=new)

    def _add_names(self, rows: ImageRows, mapping: Path | None) -> None:
        """Take the names of classes from a mapping file: the one given, or the one beside."""
        target = self._targets[0] if len(self._targets) == 1 else rows.target
        if mapping is None:
            own = self._path.with_name(f"{self._path.stem}-mapping.txt")
            if not is_file(own) or target is None:
                return
            mapping = own
            rows.told.append(f"class names are those of {own.name}")
        elif target is None:
            raise UserError(
                f"{self._path}: its labels are fractions, or several a row, and no class numbers: "
                "leave out data: mapping"
            )
        rows.class_names = {target: read_mapping(mapping)}
        rows.note["mapping"] = mapping.name

    def _of(self, role: str) -> list[Meaning]:
        return list({m: None for m in self._meanings.values() if m.role == role})

    def _keys(self, role: str, part: str | None) -> list[str]:
        return [k for k, m in self._meanings.items() if m == Meaning(role, part)]  # type: ignore[arg-type]

    def _images(self, part: str | None) -> str:
        """Return the array of a part's images: that with the shape of images, if there are more."""
        keys = self._keys("images", part)
        fitting = [key for key in keys if len(self._shapes[key][0]) in (3, 4)] or keys
        if len(fitting) > 1:
            raise UserError(
                f"{self._path}: several arrays of images: {' and '.join(fitting)}: leave one of "
                "them"
            )
        return fitting[0]

    def _labels_of(self, part: str | None) -> list[str]:
        keys = self._keys("labels", part)
        if not self._targets:
            return [key for key in keys if len(self._shapes[key][0])]
        order = {
            target: next((k for k in keys if _same(k, target, part)), None)
            for target in self._targets
        }
        lacking = [target for target, key in order.items() if key is None]
        if lacking and keys:
            raise UserError(
                f"{self._path}: no array '{lacking[0]}' of the part {part}; {self._has()}"
            )
        return [key for key in order.values() if key is not None]

    def _read_images(self, key: str) -> Numbers:
        self._used.add(key)
        return _channels_first(self._array(key), f"{self._path}, {key}", self._axis)

    def _read_labels(self, part: str | None, rows: int) -> dict[str, npt.NDArray[Any]]:
        keys = self._labels_of(part)
        if len(keys) > 1 and not self._targets:
            fitting = [key for key in keys if self._shapes[key][0][0] == rows]
            if len(fitting) != 1:
                raise UserError(
                    f"{self._path}: several arrays of labels: {' and '.join(keys)}: leave one of "
                    "them, or name one as the target"
                )
            keys = fitting
        self._used |= set(keys)
        names = self._targets or ("",)
        return {
            name: cells_of(self._array(key), rows, f"{self._path}, {key}")
            for name, key in zip(names, keys, strict=True)
        }

    def _names(self) -> list[str]:
        """Return the names of the classes that an array gives, if one does."""
        for key in self._meanings:
            shape, kind = self._shapes[key]
            texts = kind.kind in "US" and len(shape) == 1
            if texts and key not in self._used and self._meanings[key].role in ("names", "labels"):
                self._used.add(key)
                cells = self._array(key).tolist()
                return [c.decode("utf-8", "replace") if isinstance(c, bytes) else c for c in cells]
        return []

    def _array(self, key: str) -> npt.NDArray[Any]:
        try:
            array: npt.NDArray[Any] = self._file[key]
        except Exception as error:  # as above
            raise _unreadable(self._path, key, error) from error
        return array

    def _has(self) -> str:
        return f"it has {', '.join(self._file.files) or 'none of them'}"


def _needs(labelled: bool = True) -> str:
    if not labelled:
        return "needs x (or images, data, x_test, test_images)"
    return (
        "needs arrays x and y (or images and labels, data and target), or x_train, y_train, x_test "
        "and y_test (train_images, …)"
    )


def _same(key: str, target: str, part: str | None) -> bool:
    return key == target or meaning(key, [target]) == Meaning("labels", part)


def _parts(images: dict[str | None, str], path: Path) -> list[str | None]:
    """Return the parts in their order; images that name none are train where others do."""
    if None in images and len(images) > 1:
        others = ", ".join(key for part, key in images.items() if part is not None)
        raise UserError(
            f"{path}: array {images[None]} names no part, as {others} do: call it x_train, or "
            "leave it out"
        )
    return sorted(images, key=lambda part: _ORDER.index(part) if part else 0)


def _shape(file: Any, key: str, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array from its header, without reading it."""
    name = key if key in file.zip.namelist() else f"{key}.npy"
    try:
        with file.zip.open(name) as member:
            version = np.lib.format.read_magic(member)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, kind = read(member)
    except Exception as error:  # as above
        raise _unreadable(path, key, error) from error
    return shape, kind


def _unreadable(path: Path, key: str, error: Exception) -> UserError:
    if "allow_pickle" in str(error):
        return UserError(
            f"{path}: array '{key}' holds Python objects, which are never unpickled: save it as "
            "numbers or texts, for instance with .astype(str)"
        )
    return UserError(f"{path}: array '{key}' cannot be read: {_line(error)}")


def _channels_first(array: Numbers, where: str, axis: Axis | None) -> Numbers:
    if array.ndim == 3:
        return array
    if array.ndim != 4:
        what = "; these are rows of numbers: bring them to (n, height, width)"
        raise UserError(
            f"{where}: has shape {array.shape}; images are (n, height, width), or have channels as "
            f"the last axis or the second{what if array.ndim == 2 else ''}"
        )
    axis = axis or axis_of_channels(array.shape)
    if axis is None:
        raise UserError(
            f"{where}: has shape {array.shape}, which does not tell the channels of an image: "
            "set data: channel_axis to first or last"
        )
    return array if axis == "first" else array.transpose(0, 3, 1, 2)


def axis_of_channels(shape: Sequence[int]) -> Axis | None:
    """Return where images (n, …) of three axes have their channels, None if that is not told.

    That is where there are 1 or 3, or else the shorter axis, if it may be one of channels.
    """
    _, first, _, last = shape
    if last in (1, 3) or first in (1, 3):
        return "last" if last in (1, 3) else "first"
    if first == last or min(first, last) > MOST_CHANNELS:
        return None
    return "first" if first < last else "last"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
