"""Rows in memory, written once as a file beside the run: content-addressed, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearfar.data.in_memory import (
    as_array,
    from_working_folder,
    plain_of_polars,
    stored_type,
    without_codes,
)
from nearfar.data.read.array_columns import array_names, noted_as_array
from nearfar.data.read.locate import is_file, is_there
from nearfar.errors import UserError
from nearfar.library.beside import array_of, beside
from nearfar.library.frames import as_table, check_indexes
from nearfar.library.pictures import encoded, image_file, pictures_of, pillow_files
from nearfar.library.targets import are_label_lists, check_once, plain_cells, targets_of
from nearfar.records import write_atomically

if TYPE_CHECKING:
    pass

FOLDER = "data"
"""Folder in OUT for rows that were handed over in memory."""


_OF_CLASSES = frozenset({"category", "Categorical", "Enum"})
"""What the types of pandas and polars are called whose values are categories."""


@dataclass(frozen=True)
class Rows:
    """A file of rows: the columns to predict, and what ``nearfar init`` is told of the others.

    ``notes`` say what was understood of the arguments.
    """

    path: Path
    targets: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def rows_of(X: Any, y: Any, others: Mapping[str, Any], out: Path) -> Rows:
    """Return the rows that a caller handed over, as a file that a study can name.

    Args:
        X: path, data frame, array, or list; see :func:`nearfar.compare`.
        y: what to predict.
        others: what else is said of each row, by option: ``group``, ``name``, ``part``.
        out: the folder of runs; what is in memory is written to its folder ``data``.

    Raises:
        UserError: they do not fit each other, or are of no kind that is known.
    """
    said = {key: given for key, given in others.items() if given is not None}
    check_indexes({"X": X, "y": y, **{f"{key}s": given for key, given in said.items()}})
    X, y = as_array(X), as_array(y)
    said = {key: as_array(given) for key, given in said.items()}
    X, y = _unmasked(X), _unmasked(y)
    if isinstance(X, str | os.PathLike):
        return _named_file(Path(X), y, said)
    X, y = ([*map(as_array, rows)] if isinstance(rows, list | tuple) else rows for rows in (X, y))
    pictures = pictures_of(X)
    if pictures is not None and not said and not are_label_lists(y):
        return Rows(image_file(pictures, y, out / FOLDER), [])
    form: dict[str, Any] = {}
    if pictures is None:
        files = pillow_files(X)
    else:
        files, form = encoded(pictures)
    kind, columns = _columns(X) if files is None else ("image", {"image": files})
    rows = len(next(iter(columns.values())))
    width = len(columns) if list(columns) == array_names(len(columns)) else 0
    notes: list[str] = []
    targets = targets_of(y, columns, rows, notes)
    options = {"image": "image", **form} if kind == "image" else {}
    options |= {"smiles": "smiles"} if kind == "smiles" else {}
    for key, given in said.items():
        options[key], told = beside(key, given, columns, rows, targets, kind)
        notes += told
    return Rows(_parquet(columns, out, width), targets, options, notes)


def _unmasked(given: Any) -> Any:
    """Return a masked array as numbers, NaN where it is masked, and anything else as it is."""
    masked = isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given)
    return given.astype(np.float64).filled(np.nan) if masked else given


def task_of_type(X: Any, y: Any) -> str | None:
    """Return the task that the type of the targets says: a categorical column holds classes."""
    X = plain_of_polars(X)
    if isinstance(y, str) and type(X).__module__.startswith(("pandas", "polars")) and y in X:
        y = X[y]
    kind = getattr(y, "dtype", None)
    name = getattr(kind, "name", None) or type(kind).__name__
    return "classification" if name in _OF_CLASSES else None


_IS_FILE = "X is a file, so this is the name of one of its columns"
_LISTED = (
    "X is a folder, whose rows have no order: give the paths of its images as X, a list, and a "
    "value for each"
)


def _named_file(path: Path, y: Any, said: Mapping[str, Any]) -> Rows:
    if not is_there(path):
        raise UserError(f"X: {path}: no such file or folder")
    folder = not is_file(path)
    for key, given in said.items():
        if not isinstance(given, str):
            raise UserError(f"{key}s: {_LISTED if folder else _IS_FILE}")
    names = y is None or isinstance(y, str) or (isinstance(y, list | tuple) and _distinct(y))
    if folder and not names:
        raise UserError(f"y: {_LISTED}")
    return Rows(path.resolve(), _column_names("y", y), dict(said))


def _distinct(cells: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) for cell in cells) and len({*cells}) == len(cells)


def _column_names(what: str, given: Any) -> list[str]:
    if given is None:
        return []
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise UserError(
            f"{what}: X is a file, so this is the name of one of its columns, or a list"
        )
    check_once(listed)
    return list(listed)


def _columns(X: Any) -> tuple[str, dict[str, Any]]:
    """Return what rows are (``image``, ``smiles``, else empty), and their columns.

    Raises:
        UserError: ``X`` is of no kind that is known.
    """
    import pyarrow as pa

    if hasattr(X, "toarray"):
        raise UserError("X: is a sparse matrix; give X.toarray()")
    X = plain_of_polars(X)
    table = as_table("X", X)
    if table is not None:
        table = from_working_folder(table)
        return "", {name: table.column(name) for name in table.column_names}
    texts = _texts(X)
    if texts is not None:
        kind = "image" if _is_image(texts[0]) else "smiles"
        if kind == "image":
            texts = [str(Path(text).resolve()) for text in texts]
        return kind, {kind: pa.array(texts)}
    try:
        array = np.asarray(X)
    except ValueError:
        raise _refused(f"{type(X).__name__} of rows that are not alike") from None
    if array.ndim == 1 and array.dtype.kind in "fiub" and array.size:
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "fiubOU" or not array.size:
        kind = f"{array.dtype} {array.shape}" if array.ndim else type(X).__name__
        raise _refused(kind)
    array = array.astype(np.float32 if array.dtype == np.float16 else stored_type(array.dtype))
    cells: Any = array.T.copy()
    if array.dtype.kind in "OU":
        cells = [plain_cells(column) for column in cells.tolist()]
    columns = {
        name: array_of(f"X: column {k}", c)
        for k, (name, c) in enumerate(zip(array_names(len(cells)), cells, strict=True))
    }
    return "", columns


def _refused(kind: str) -> UserError:
    return UserError(
        f"X: {kind} is none of: a data frame, numbers (rows, columns), images uint8 (rows, "
        "height, width[, channels]), a list of SMILES or of paths of images, a file, a folder"
    )


def _is_image(text: str) -> bool:
    """Whether a text is a path that ends as images do."""
    from PIL import Image

    return Path(text).suffix.lower() in Image.registered_extensions()


def _texts(X: Any) -> list[str] | None:
    """Return a list of texts or paths, None for what is none."""
    if not hasattr(X, "__len__") or isinstance(X, Mapping | set | frozenset):
        return None
    if hasattr(X, "ndim") and X.ndim != 1:
        return None
    cells = list(X)
    if not cells or not isinstance(cells[0], str | os.PathLike):
        return None
    for k, cell in enumerate(cells):
        if not isinstance(cell, str | os.PathLike):
            raise UserError(f"X: entry {k} is {cell!r}, not a text like the first")
    return [os.fspath(cell) for cell in cells]


def _parquet(columns: Mapping[str, Any], out: Path, width: int) -> Path:
    """Write a table; return its path, which its content gives.

    The first ``width`` columns are those of an array, none of a data frame.
    """
    import pyarrow as pa
    from pyarrow import parquet

    plain = {name: without_codes(name, column) for name, column in columns.items()}
    buffer = io.BytesIO()
    table = pa.table(plain)
    parquet.write_table(noted_as_array(table, width) if width else table, buffer)
    path = out / FOLDER / f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.parquet"
    if not is_there(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    return path
