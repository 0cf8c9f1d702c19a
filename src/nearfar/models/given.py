"""Rows as people hold them in Python → inputs of the form that a model takes.

They are laid into a file of a temporary folder and read by the readers of the study's own data, so
that kinds, dates, gaps and pictures are understood exactly as in training.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data import InputRows
from nearfar.data.in_memory import (
    as_array,
    check_no_images,
    is_gap,
    is_pillow,
    pillow_file,
    plain_cell,
    plain_frame,
    plain_of_polars,
    stacked,
    stored_type,
    without_codes,
)
from nearfar.data.read.images.tables import names_images
from nearfar.data.read.locate import is_file, is_there
from nearfar.errors import UserError, first_line, shown
from nearfar.models.schema import InputSchema

Array = NDArray[Any]

_TOLD = {
    "vector": "a data frame, an array (rows, {count}), a mapping of columns, a list of records "
    "({{column: cell}}), or a path of a table",
    "molecule": "a list of SMILES, a data frame with column '{smiles}', or a path of a table",
    "image": "a list of paths or pictures, an array (rows, height, width, channels), or a path",
}


def rows_of(schema: InputSchema, given: Any) -> InputRows:
    """Return rows as a model takes them; every row can be used.

    Args:
        schema: the form of the model's inputs.
        given: a data frame of pandas or polars, a table of pyarrow, a mapping of columns, a list of
            records, an array, a list of SMILES, of paths or of pictures, or the path of a file or
            folder.

    Raises:
        UserError: something else, or a row that cannot be used; says which.
    """
    if isinstance(given, os.PathLike) or (isinstance(given, str) and is_there(Path(given))):
        return _usable(schema.read(Path(given)), "")
    if isinstance(given, str | bytes) or given is None or np.isscalar(given):
        raise _refused(schema, given)
    given = as_array(plain_of_polars(given))
    if isinstance(given, list | tuple):
        given = [as_array(row) for row in given]
    with tempfile.TemporaryDirectory(prefix="nearfar-") as folder:
        file = _laid(schema, given, Path(folder))
        try:
            return _usable(schema.read(file, _root(schema, file)), "X")
        except UserError as error:
            raise UserError(_of_x(str(error), file)) from error


def _root(schema: InputSchema, file: Path) -> Path | None:
    """Return the working folder where a file names images, None where it names or holds others."""
    if schema.kind != "image" or file.suffix != ".parquet":
        return None
    return Path.cwd() if names_images(file, schema.options.get("image")) else None


def _of_x(message: str, file: Path) -> str:
    """Return a message about the file into which rows were laid as one about them."""
    message = message.replace(str(file), "X").replace(file.name, "X")
    return re.sub(r"\bX, row (\d+)", lambda found: f"X[{int(found[1]) - 1}]", message)


def _laid(schema: InputSchema, given: Any, folder: Path) -> Path:
    """Write rows to a file of a folder; return it."""
    table = _table(given)
    if table is not None:
        return _parquet(table, folder)
    if schema.kind != "vector" and schema.columns:
        raise _lacks_columns(schema)
    if schema.kind == "image":
        return _pictures(schema, given, folder)
    if schema.kind == "molecule":
        return _smiles(schema, given, folder)
    return _columns(schema, given, folder)


def _table(given: Any) -> Any:
    """Return a data frame, a mapping of columns or a list of records as a table of pyarrow.

    None for anything else.
    """
    import pyarrow as pa

    if isinstance(given, list | tuple) and given and all(isinstance(row, Mapping) for row in given):
        names = dict.fromkeys(name for row in given for name in row)
        given = {name: [row.get(name) for row in given] for name in names}
    if isinstance(given, pa.Table):
        return given
    try:
        if isinstance(given, Mapping):
            return pa.table({str(key): _named(str(key), value) for key, value in given.items()})
        if hasattr(given, "to_arrow"):
            found = given.to_arrow()
            return found if isinstance(found, pa.Table) else None
        if hasattr(given, "iloc") and hasattr(given, "columns"):
            return pa.Table.from_pandas(plain_frame("X", given), preserve_index=False)
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        raise UserError(f"X: {str(error.args[-1]).splitlines()[0]}") from error
    return None


def _named(name: str, values: Any) -> Any:
    if not hasattr(values, "dtype") or values.dtype == object:
        check_no_images(f"X: column {name!r}", values if np.iterable(values) else ())
    return _cells(values)


def _cells(values: Any) -> Any:
    import pyarrow as pa

    if np.ndim(values) == 0 and not hasattr(values, "__iter__"):
        raise UserError(f"X: a column is {values!r} and no list of cells")
    try:
        cells = values.tolist() if hasattr(values, "tolist") else list(values)
        return pa.array([None if is_gap(cell) else cell for cell in map(plain_cell, cells)])
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        raise UserError(f"X: a column of mixed or unknown type: {first_line(error)}") from error


def _parquet(table: Any, folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not table.num_rows:
        raise UserError("X has no rows")
    names = table.column_names
    columns = [without_codes(name, table.column(k)) for k, name in enumerate(names)]
    pq.write_table(pa.table(columns, names=names), folder / "rows.parquet")
    return folder / "rows.parquet"


def _smiles(schema: InputSchema, given: Any, folder: Path) -> Path:
    import pyarrow as pa

    cells = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(cells, Sequence):
        raise _refused(schema, given)
    texts = [None if is_gap(cell) else cell for cell in cells]
    if not all(isinstance(text, str | None) for text in texts):
        raise _refused(schema, given)
    column = schema.options.get("smiles") or "smiles"
    return _parquet(pa.table({column: pa.array(texts, pa.string())}), folder)


def _columns(schema: InputSchema, given: Any, folder: Path) -> Path:
    """Lay an array whose columns are in the model's order, or in that of its training."""
    import pyarrow as pa

    if isinstance(given, np.ma.MaskedArray):
        masked, given = np.ma.getmaskarray(given), given.data.astype(object)
        given[masked] = None
    try:
        array = np.asarray(given)
    except ValueError:
        raise _refused(schema, given) from None
    if array.ndim == 0:
        raise _refused(schema, given)
    array = _picked(schema, array, "X.to_frame().T" if hasattr(given, "to_frame") else "[X]")
    array = array.astype(stored_type(array.dtype), copy=False)
    columns = map(_cells if array.dtype == object else _column, array.T)
    return _parquet(pa.table(dict(zip(schema.names, columns, strict=True))), folder)


def _picked(schema: InputSchema, array: Array, one: str) -> Array:
    """Return the model's columns of an array that has them alone, or all that training had.

    Raises:
        UserError: it has others; ``one`` says how to give a row that stands alone.
    """
    names, given = schema.names, schema.given_names
    widths = {len(given), len(names)}
    if array.ndim == 2 and array.shape[1] == len(given):
        place = {name: k for k, name in enumerate(given)}
        return array[:, [place[name] for name in names]]
    if array.ndim == 2 and array.shape[1] == len(names):
        return array
    if array.ndim == 1 and len(array) in widths:
        raise UserError(f"X has shape {_shape(array)}, one row: give {one}")
    all_of = f"the {len(given)} columns of its training, or of them " if schema.array else ""
    raise UserError(
        f"X has shape {_shape(array)}; this model takes {all_of}{len(names)} columns, in this "
        f"order: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}"
    )


def _column(values: Any) -> Any:
    """Return a column of an array, by its cells where pyarrow does not know its type."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except pa.ArrowNotImplementedError:
        return _cells(values)


def _pictures(schema: InputSchema, given: Any, folder: Path) -> Path:
    """Lay pictures: paths and images of pillow as files in a table, arrays as ``.npz``."""
    import pyarrow as pa

    if isinstance(given, np.ndarray) and given.dtype.kind in "uifb":
        if given.ndim not in (3, 4):
            raise _refused(schema, given)
        if schema.shape is not None and given.ndim == 3 and given.shape[2] == schema.shape[0]:
            raise UserError(f"X has shape {_shape(given)}, one picture: give X[None]")
        np.savez(folder / "rows.npz", images=given)
        return folder / "rows.npz"
    if not isinstance(given, Sequence | np.ndarray) and not hasattr(given, "tolist"):
        raise _refused(schema, given)
    items = list(given)
    if items and all(isinstance(item, np.ndarray) for item in items):
        return _pictures(schema, _numbers(schema, stacked(items)), folder)
    cells = [_picture(schema, item, number) for number, item in enumerate(items)]
    column = schema.options.get("image") or "image"
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return _parquet(pa.table({column: pa.array(cells, kind)}), folder)


def _numbers(schema: InputSchema, pictures: Any) -> Any:
    """Return pictures, whose numbers may be objects of Python, as an array of numbers."""
    if pictures.dtype == object:
        pictures = np.array(pictures.tolist())
    if pictures.dtype.kind not in "uifb":
        raise _refused(schema, pictures)
    return pictures


def _shape(array: Any) -> str:
    return "x".join(map(str, array.shape))


def _picture(schema: InputSchema, item: Any, number: int) -> dict[str, Any]:
    if isinstance(item, str | os.PathLike):
        path = Path(item)
        if not is_file(path):
            raise UserError(f"X[{number}]: no such file: {path}")
        content = path.read_bytes()
        if not content:
            raise UserError(f"X[{number}]: {path} is an empty file, no image")
        return {"bytes": content, "path": path.name}
    if is_pillow(item):
        return {"bytes": pillow_file(item, f"X[{number}]"), "path": None}
    if is_gap(item):
        raise UserError(
            f"X[{number}] is {shown(item)}, no image: leave it out, or give a path, a pillow image "
            "or an array"
        )
    raise _refused(schema, item)


def _usable(rows: InputRows, name: str) -> InputRows:
    """Return rows if all of them can be used.

    Raises:
        UserError: names the first that cannot.
    """
    given = rows.given
    if given is not None and given.reasons:
        first, more = min(given.reasons), len(given.reasons) - 1
        place = f"{name}[{first}]" if name else given.where(first)
        also = f"; {more} more bad row{'s' if more > 1 else ''}" if more else ""
        raise UserError(f"{place}: {given.reasons[first]}{also}")
    return rows


def _lacks_columns(schema: InputSchema) -> UserError:
    """Return what is said of bare molecules or images where the model takes columns beside them."""
    column = "smiles" if schema.kind == "molecule" else "image"
    name, what = schema.options.get(column) or column, f"{schema.kind}s"
    beside = [repr(column.name) for column in schema.columns]
    more = f" and {len(beside) - 20} more" if len(beside) > 20 else ""
    return UserError(
        f"X: {what} alone; this model was trained on columns beside them, {', '.join(beside[:20])}"
        f"{more}: give a data frame, or a mapping of columns, with {name!r} and these"
    )


def _refused(schema: InputSchema, given: Any) -> UserError:
    allowed = _TOLD[schema.kind].format(
        count=len(schema.given_names), smiles=schema.options.get("smiles") or "smiles"
    )
    shown = repr(given) if isinstance(given, str) else type(given).__name__
    return UserError(f"X: cannot read {shown}; allowed: {allowed}")
