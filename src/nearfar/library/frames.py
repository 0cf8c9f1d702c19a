"""Data frames of any library, and whether the rows of several belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nearfar.data.in_memory import plain_frame
from nearfar.data.read.table import check_names
from nearfar.data.spelling import composed
from nearfar.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


def as_table(what: str, X: Any) -> pa.Table | None:
    """Return a data frame of any library as a table, None for what is none.

    Raises:
        UserError: it is empty, or has a column of no kind that is known; ``what`` is its name.
    """
    import pyarrow as pa

    if isinstance(X, pa.Table):
        table = X
    elif type(X).__module__.startswith("pandas") and hasattr(X, "columns"):
        plain = plain_frame(what, X)
        table = _converted(what, lambda: pa.Table.from_pandas(plain, preserve_index=False))
    elif hasattr(X, "columns") and hasattr(X, "__arrow_c_stream__"):
        table = _converted(what, lambda: pa.table(X))
    elif hasattr(X, "__dataframe__"):
        from pyarrow.interchange import from_dataframe

        table = _converted(what, lambda: from_dataframe(X))
    else:
        return None
    if not table.num_rows or not table.num_columns:
        raise UserError(
            f"{what}: a data frame of {table.num_rows} rows, {table.num_columns} columns"
        )
    table = table.rename_columns([*map(composed, table.column_names)])
    check_names(what, table.column_names)
    return table


def _converted(what: str, convert: Any) -> Any:
    import pyarrow as pa

    try:
        return convert()
    except (pa.ArrowException, ValueError, OverflowError) as error:
        why = "; ".join(str(part) for part in error.args)
        raise UserError(f"{what}: a column is of mixed or unknown type: {why}") from None


def check_indexes(given: Mapping[str, Any]) -> None:
    """Refuse data of pandas whose indexes say that rows are not paired as they stand.

    An index that merely counts from 0 says nothing beside one of other labels, unless both are
    slices of one.

    Args:
        given: argument → what was given for it, of any kind.

    Raises:
        UserError: two indexes of one length differ.
    """
    indexes = {name: one.index for name, one in given.items() if hasattr(one, "iloc")}
    if not indexes:
        return
    first, index = next(iter(indexes.items()))
    for name, other in indexes.items():
        if len(other) != len(index) or other.equals(index):
            continue
        same = Counter(other) == Counter(index)
        if not same and (_new(other, index) or _new(index, other)):
            continue
        pairs = enumerate(zip(index.tolist(), other.tolist(), strict=True))
        row, one, two = next(
            ((k, *map(repr, pair)) for k, pair in pairs if repr(pair[0]) != repr(pair[1])),
            (0, index.dtype, other.dtype),
        )
        instead = f"{name}.loc[{first}.index] to pair by label" if same else "the same rows of both"
        instead = f"{instead}, or " if index.is_unique or not same else ""
        differs = (
            f"the labels of {first} in another order" if same else f"other labels than {first}"
        )
        raise UserError(
            f"{name}: its index has {differs} (row {row}: {two}, not {one}), and rows are paired "
            f"by position: give {instead}{name}.to_numpy() to pair them as they stand"
        )


def _new(index: Any, other: Any) -> bool:
    """Whether an index merely counts rows from 0, and is no other slice of what ``other`` is."""
    import pandas as pd

    slices = isinstance(index, pd.RangeIndex) and isinstance(other, pd.RangeIndex)
    if slices and index.intersection(other).size:
        return False
    return bool(index.equals(pd.RangeIndex(len(index))))
