"""Labels in arrays turned into columns of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.images.arrays import Targets
from nearfar.data.read.names import CLASS
from nearfar.data.read.several import label_lists
from nearfar.errors import UserError

NUMBER = "target"
"""The name of a target of numbers that has none of its own."""

_KINDS = {"O": "Python objects", "M": "dates", "m": "spans of time", "c": "complex numbers"}


def cells_of(array: npt.NDArray[Any], rows: int, where: str) -> npt.NDArray[Any]:
    """Return an array of labels as (n,) or, of several a row, (n, k).

    Raises:
        UserError: if it does not fit the images, or holds what is no label.
    """
    if array.dtype.kind not in "biufUS":
        what = _KINDS.get(array.dtype.kind, str(array.dtype))
        raise UserError(f"{where}: labels are {what}; allowed: numbers, booleans, texts")
    given = array.shape
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (1, 2) or len(array) != rows:
        raise UserError(f"{where}: has shape {given} for {rows} images")
    return np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array


def targets_of(
    parts: Sequence[dict[str, npt.NDArray[Any]]], names: Sequence[str], where: str
) -> Targets:
    """Return the labels of all parts as columns.

    One number or text a row is a class, and where it is a number also that; whole numbers are
    classes with ``names`` where there are some. Indicators (n, labels) are the class of a row where
    each has one, and its labels otherwise.

    Args:
        parts: of every part the labels by name, (n,) or (n, k); one without a name is called
            ``class``, or ``target`` where it is predicted as a number.
        names: of the classes 0, 1, 2, ….
        where: for messages.

    Raises:
        UserError: several texts a row, labels that differ in kind from part to part.
    """
    columns: dict[str, list[Any]] = {}
    found = Targets(columns, None)
    for name in parts[0]:
        pieces = [part[name] for part in parts]
        if len({piece.shape[1:] for piece in pieces}) > 1:
            raise UserError(f"{where}: labels of one part are shaped otherwise than of another")
        if len({piece.dtype.kind in "US" for piece in pieces}) > 1:
            raise UserError(f"{where}: labels are texts in one part and numbers in another")
        labels = np.concatenate(pieces)
        if labels.ndim == 2:
            labels, names = _one_of_several(labels, names, where)
        if labels.ndim == 2:
            keys = [f"{name or NUMBER}_{k + 1}" for k in range(labels.shape[1])]
            columns |= {key: labels[:, k].tolist() for k, key in enumerate(keys)}
            found.numbers = [*found.numbers, *keys]
            continue
        _add(found, columns, name, labels, names)
    return found


def _add(
    found: Targets,
    columns: dict[str, list[Any]],
    name: str,
    labels: npt.NDArray[Any],
    names: Sequence[str],
) -> None:
    """Take one label a row as a class, as a number, or as both."""
    cells = labels.tolist()
    if labels.dtype.kind in "iuf":
        columns[name or NUMBER] = cells
        found.numbers = [*found.numbers, name or NUMBER]
    if labels.dtype.kind == "f" and not _whole(labels):
        return
    key = name or CLASS
    columns[key] = cells
    if not name:
        found.target = CLASS
    numbered = labels.dtype.kind in "iufO"
    if names and (numbered or set(cells) <= set(names)):
        found.class_names = {**found.class_names, key: list(names)}


def _whole(labels: npt.NDArray[Any]) -> bool:
    known = labels[~np.isnan(labels)]
    return bool(np.isfinite(known).all() and (known == np.round(known)).all())


def _one_of_several(
    labels: npt.NDArray[Any], names: Sequence[str], where: str
) -> tuple[npt.NDArray[Any], Sequence[str]]:
    """Return the classes, or the lists of labels, of indicators (n, labels), and their names."""
    if labels.dtype.kind in "US":
        raise UserError(f"{where}: labels of several texts a row {labels.shape}: one is allowed")
    found = label_lists(labels)
    if found is None:
        return labels, names
    several = found.dtype.kind == "O" and not names
    return found, [str(k) for k in range(labels.shape[1])] if several else names
