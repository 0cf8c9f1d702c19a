"""Files of embeddings: a matrix, a row for each id or in the order of the data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.arrow_files import read_arrow, read_parquet
from nearfar.data.read.cells import is_missing, number
from nearfar.data.read.kinds import called_as_counter, column_kind
from nearfar.data.read.locate import is_there, meant
from nearfar.data.read.packed import table_ending
from nearfar.data.read.tables import read_file
from nearfar.data.spelling import composed
from nearfar.errors import UserError, first_line, nearest

READABLE = ".npz, .npy, .parquet, .csv"
"""Files of embeddings, for messages; other tables that ``read_file`` reads can be such too."""

ROW_NUMBER = "row_number"
"""What the ids of a file are called where they are the numbers of the data's rows, from 1."""
_ID_NAMES = ("id", "ids", "key", "keys", "index", "name", "names", "smiles", ROW_NUMBER)
_WHOLE = re.compile(r"(-?[0-9]+)\.0*")
_FOREIGN = frozenset({".pt", ".pth", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".mat"})


@dataclass(frozen=True)
class EmbeddingFile:
    """The content of a file.

    ``ids`` (n,) are texts, None where it has none; ``values`` float32 (n, d), which may hold what
    is not finite; ``names`` of the columns where there are any; ``passed`` those without numbers;
    ``counting`` those whose numbers count or name the rows, and are no part of an embedding.
    """

    name: str
    ids: list[str] | None
    values: npt.NDArray[np.float32]
    key: str = ""
    names: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    counting: tuple[str, ...] = ()


def read_embeddings(
    path: Path, key: str | None = None, values: str | None = None, likely: str | None = None
) -> EmbeddingFile:
    """Read a file of embeddings; nothing in it is unpickled.

    Args:
        path: ``.npz`` or ``.npy`` of numpy, or a table.
        key: the array or column of ids; found by its name or its texts where it is not given.
        values: the array, or column of lists, that holds the embeddings, where there are several.
        likely: what the column of ids is called in the data.

    Raises:
        UserError: no such array or column, objects, or another shape than (rows, columns).
    """
    if not is_there(path):
        raise UserError(f"no such file of embeddings: {path}{meant(path)}")
    if not path.is_file():
        raise UserError(f"{path}: embeddings are read from a file: {READABLE}")
    ending = path.suffix.lower()
    if ending == ".npy":
        return _of_npy(path, key, values)
    if ending == ".npz":
        arrays = _arrays(path)
        return _of_columns(path.name, arrays, key or _there(arrays, likely), values)
    if ending in _FOREIGN:
        raise UserError(
            f"{path.name}: embeddings are read from {READABLE}, never from pickles: save them with "
            "numpy.savez(FILE, ids=…, embeddings=…)"
        )
    if table_ending(path) in {".parquet", ".pq", ".feather", ".arrow"}:
        columns = _arrow_columns(path)
    else:
        columns = read_file(path).columns
    return _of_table(path.name, columns, key or _there(columns, likely), values)


def _there(columns: Mapping[str, Any], name: str | None) -> str | None:
    return name if name in columns else None


def id_text(cell: Any) -> str:
    """Return a cell that names a row as text: whole numbers have no point, nothing is empty.

    Letters with marks are one character (NFC), however an operating system writes them.
    """
    if is_missing(cell):
        return ""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
        return composed(cell).strip()
    text = composed(str(cell)).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _of_npy(path: Path, key: str | None, values: str | None) -> EmbeddingFile:
    try:
        with path.open("rb") as opened:
            array = np.load(opened, allow_pickle=False)
    except Exception as error:  # headers that are damaged raise almost anything
        raise UserError(f"{path.name}: {_why(error)}") from error
    for option, given in (("key", key), ("values", values)):
        if given is not None:
            raise UserError(f"{path.name}: an .npy holds one array: {option}: {given} is of .npz")
    return EmbeddingFile(path.name, None, _matrix(path.name, "the array", array))


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            for name in file.files:
                try:
                    found[name] = file[name]
                except Exception as error:
                    raise UserError(f"{path.name}: array '{name}': {_why(error)}") from error
                if not isinstance(found[name], np.ndarray):
                    raise UserError(f"{path.name}: '{name}' in it is no array of numpy")
    except UserError:
        raise
    except Exception as error:  # zip files that are damaged raise almost anything
        raise UserError(f"{path.name}: {_why(error)}") from error
    return found


def _why(error: Exception) -> str:
    told = str(error).lower()
    if "object array" in told:
        return (
            "holds Python objects, which are not unpickled: save texts as numpy.array(ids, "
            "dtype=str) and embeddings as one float array (rows, columns)"
        )
    if "pickle" in told:  # numpy takes whatever else it finds for a pickle
        return "is no file of numpy, or a pickle, which is not read"
    return f"is damaged or no file of numpy ({first_line(error)})"


def _of_columns(
    name: str, arrays: Mapping[str, npt.NDArray[Any]], key: str | None, values: str | None
) -> EmbeddingFile:
    """Read named arrays: one matrix, and ids beside it."""
    shapes = ", ".join(f"{one} {list(array.shape)}" for one, array in arrays.items()) or "none"
    if values is not None:
        chosen = _named(name, arrays, values, "values")
    else:
        numeric = [one for one, array in arrays.items() if array.dtype.kind in "fiub"]
        matrices = [one for one in numeric if arrays[one].ndim >= 2 and one != key]
        if len(matrices) != 1:
            none = "no array in it is a matrix of real numbers (rows, columns)"
            hint = "say which with values: NAME" if matrices else none
            raise UserError(f"{name}: {hint}; arrays: {shapes}")
        chosen = matrices[0]
    matrix = _matrix(name, f"array '{chosen}'", arrays[chosen])
    if key is not None:
        of_ids: str | None = _named(name, arrays, key, "key")
    else:
        flat = {one: a for one, a in arrays.items() if a.ndim == 1 and len(a) == len(matrix)}
        of_ids = _likely_ids(flat, [one for one, a in flat.items() if a.dtype.kind in "US"])
    if of_ids is None:
        return EmbeddingFile(name, None, matrix)
    ids = arrays[of_ids]
    if ids.shape != (len(matrix),):
        raise UserError(
            f"{name}: ids '{of_ids}' have shape {list(ids.shape)}, and there are {len(matrix)} rows"
            f" of '{chosen}'"
        )
    return EmbeddingFile(name, [id_text(one) for one in ids.tolist()], matrix, of_ids)


def _likely_ids(columns: Sequence[str] | Mapping[str, Any], texts: Sequence[str]) -> str | None:
    """Return the column that names rows: by its name, or as the only one of texts."""
    there = {one.lower(): one for one in reversed(list(columns))}
    for likely in _ID_NAMES:
        if likely in there:
            return there[likely]
    return texts[0] if len(texts) == 1 else None


def _named(name: str, there: Mapping[str, Any], given: str, option: str) -> str:
    if (given := composed(given)) not in there:
        noun = "array or column"
        raise UserError(f"{name}: {option}: no {noun} is called {given!r}; {nearest(given, there)}")
    return given


def _matrix(name: str, what: str, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return an array as float32 (rows, columns)."""
    shape = list(array.shape)
    if array.dtype.kind not in "fiub":
        raise UserError(f"{name}: {what} holds {array.dtype}, and embeddings are numbers")
    if array.ndim != 2 or 0 in shape:
        hint = ": pool or flatten it to one vector a row" if array.ndim > 2 else ""
        raise UserError(f"{name}: {what} has shape {shape}, not (rows, columns){hint}")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def _arrow_columns(path: Path) -> dict[str, Any]:
    """Read parquet and the like: columns of numbers, or one column of lists of equal length."""
    import pyarrow as pa

    read = read_parquet if path.suffix.lower() in {".parquet", ".pq"} else read_arrow
    table = read(path)
    columns: dict[str, Any] = {}
    for one, called in zip(map(composed, table.column_names), table.columns, strict=True):
        column = called.combine_chunks()
        kind = column.type
        if pa.types.is_integer(kind) and not column.null_count:
            columns[one] = column.to_numpy(zero_copy_only=False)  # codes beyond 2^53 stay exact
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            columns[one] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            columns[one] = _lists(path.name, one, column.to_pylist())
        else:
            columns[one] = column.to_pylist()
    return columns


def _lists(name: str, one: str, rows: Sequence[Any]) -> npt.NDArray[np.float32]:
    widths = {0 if row is None else len(row) for row in rows}
    if len(widths) != 1:
        raise UserError(f"{name}: column '{one}' holds lists of {len(widths)} different lengths")
    try:
        return _matrix(name, f"column '{one}'", np.array(rows, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: column '{one}' holds lists of what is no number") from error


def _of_table(
    name: str, columns: Mapping[str, Any], key: str | None, values: str | None
) -> EmbeddingFile:
    """Read a table: a column of ids, all others that hold numbers are the embedding."""
    found: dict[str, npt.NDArray[np.float64]] = {}
    others: list[str] = []
    for one, cells in columns.items():
        if not isinstance(cells, np.ndarray) and any(isinstance(cell, list) for cell in cells):
            cells = _lists(name, one, [cell if isinstance(cell, list) else None for cell in cells])
        numbers = cells if isinstance(cells, np.ndarray) else _numbers(cells)
        if numbers is None:
            others.append(one)
        else:
            found[one] = numbers
    if key is not None:
        _named(name, columns, key, "key")
    beside = _beside(columns, {one: c for one, c in found.items() if c.ndim == 1 and one != key})
    naming = [*others, *(one for one, may_name in beside.items() if may_name)]
    of_ids = key or _likely_ids([*columns], others if len(others) == 1 else naming)
    lists = [one for one, cells in found.items() if cells.ndim == 2]
    if values is not None or lists:
        left_out = [one for one, may_name in beside.items() if not may_name and one != of_ids]
        kept = {one: cells for one, cells in columns.items() if one not in left_out}
        read = _of_lists(name, kept, found, of_ids, values or "", lists)
        return replace(read, counting=tuple(left_out))
    used = [one for one in found if one not in (of_ids, *beside)]
    if not used:
        raise UserError(f"{name}: no column of numbers besides ids; columns: {', '.join(columns)}")
    matrix = _matrix(name, "the table", np.stack([found[one] for one in used], axis=1))
    ids = None if of_ids is None else [id_text(cell) for cell in _plain(columns[of_ids])]
    passed = tuple(one for one in others if one != of_ids)
    counting = tuple(one for one in beside if one != of_ids)
    return EmbeddingFile(name, ids, matrix, of_ids or "", tuple(used), passed, counting)


def _beside(columns: Mapping[str, Any], numeric: Mapping[str, npt.NDArray[Any]]) -> dict[str, bool]:
    """Return the columns of numbers that count or name the rows, each with whether it may be ids.

    An index that was saved along is none where it counts the rows as they lie: that says no more
    than their place. In another order it tells which rows they were.
    """
    found = {}
    for one, values in numeric.items():
        named = called_as_counter(one)
        there = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        unique = len(np.unique(there)) == len(there)
        if not (named or unique) or not np.array_equal(there, np.floor(there)):
            continue  # spares wide tables what is slow
        if column_kind(one, _plain(columns[one])).kind in {"counter", "id"}:
            in_place = [np.array_equal(values, np.arange(len(values)) + k) for k in (0, 1)]
            found[one] = unique and len(there) == len(values) and not (named and any(in_place))
    return found


def _of_lists(
    name: str,
    columns: Mapping[str, Any],
    found: Mapping[str, npt.NDArray[Any]],
    of_ids: str | None,
    values: str,
    lists: Sequence[str],
) -> EmbeddingFile:
    chosen = values or lists[0]
    if (not values and len(lists) > 1) or chosen not in lists:
        raise UserError(
            f"{name}: values: names one column of lists of numbers; such: {', '.join(lists) or '–'}"
        )
    others = [one for one in columns if one not in lists]
    of_ids = others[0] if of_ids is None and len(others) == 1 else of_ids
    ids = None if of_ids is None else [id_text(cell) for cell in _plain(columns[of_ids])]
    matrix = np.ascontiguousarray(found[chosen], dtype=np.float32)
    passed = tuple(one for one in columns if one not in (chosen, of_ids))
    return EmbeddingFile(name, ids, matrix, of_ids or "", (), passed)


def _plain(cells: Any) -> list[Any]:
    return cells.tolist() if isinstance(cells, np.ndarray) else list(cells)


def _numbers(cells: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """Return cells as numbers, NaN where one is missing; None if one is something else."""
    found = np.full(len(cells), np.nan)
    for place, cell in enumerate(cells):
        if is_missing(cell):
            continue
        value = number(cell)
        if value is None:
            return None
        found[place] = value
    return found
