"""Cells of Arrow columns as Python values, also where these hold dates that Python has none for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.errors import UserError

_UNITS = {"s": 10**6, "ms": 10**3, "us": 1}
"""Microseconds in each unit; nanoseconds in 64 bits are always within Python's years."""
_EPOCH = dt.datetime(1970, 1, 1)
_DAY = 86400 * 10**6


def python_cells(name: str, column: Any) -> list[Any]:
    """Return the cells of an Arrow column, None where missing.

    A date outside the years 1 to 9999, or one that a time zone moves out of them, is a text such as
    ``10000-01-01T08:59:59``: dates in most programs end there.

    Args:
        name: of the column, for messages.
        column: an ``Array`` or ``ChunkedArray``.

    Raises:
        UserError: a list or structure in a cell holds such a date.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(column.type) and pa.types.is_temporal(column.type.value_type):
        column = column.cast(column.type.value_type)
    beyond = _beyond(column)
    if beyond:
        held = pa.array([place not in beyond for place in range(len(column))])
        column = pc.if_else(held, column, pa.scalar(None, column.type))
    try:
        cells: list[Any] = column.to_pylist()
    except (OverflowError, pa.ArrowInvalid) as error:
        raise UserError(
            f"column '{name}' holds dates or times that cannot be read: {error}"
        ) from None
    for place, text in beyond.items():
        cells[place] = text
    return cells


def _beyond(column: Any) -> dict[int, str]:
    """Return the texts of dates and spans that Python has no value for, by position."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_date(kind):
        unit, per = ("D", _DAY) if pa.types.is_date32(kind) else ("ms", _UNITS["ms"])
    elif pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        if kind.unit not in _UNITS:
            return {}
        unit, per = kind.unit, _UNITS[kind.unit]
    else:
        return {}
    if pa.types.is_duration(kind):
        first, last = dt.timedelta.min, dt.timedelta.max
    else:
        first, last = dt.datetime.min - _EPOCH, dt.datetime.max - _EPOCH
    least, most = (limit // dt.timedelta(microseconds=1) // per for limit in (first, last))
    values, known = _counted(column)
    outside = known & ((values < least) | (values > most))
    moved = values
    if getattr(kind, "tz", None) is not None:
        inner = pc.if_else(pa.array(~outside), column, pa.scalar(None, kind))
        moved, _ = _counted(_local(inner))
        moved = np.where(outside, values, moved)
        outside = outside | (known & ((moved < least) | (moved > most)))
    sort = "m8" if pa.types.is_duration(kind) else "M8"
    return {
        int(place): str(moved[place].astype(f"{sort}[{unit}]")) for place in np.flatnonzero(outside)
    }


def _local(column: Any) -> Any:
    """Return times as their time zone's clocks show them; as they are where it is not known."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.local_timestamp(column)
    except pa.ArrowInvalid:
        return column


def _counted(column: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return how many units since 1970 each cell is, 0 where missing, and which are there."""
    import pyarrow as pa

    whole = pa.int32() if pa.types.is_date32(column.type) else pa.int64()
    counted = column.cast(whole)
    known = np.asarray(counted.is_valid().to_numpy(), dtype=bool)
    return np.asarray(counted.fill_null(0).to_numpy(), dtype=np.int64), known
