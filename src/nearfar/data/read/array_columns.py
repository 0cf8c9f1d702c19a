"""An array laid into a file of columns: these are called by their numbers, and the file says so."""

from __future__ import annotations

from typing import Any

_KEY = b"nearfar.array"
"""Key in the metadata of a file: how many columns the array had."""


def array_names(count: int) -> list[str]:
    """Return what the columns of an array are called.

    >>> array_names(3)
    ['x0', 'x1', 'x2']
    """
    width = len(str(count - 1))
    return [f"x{k:0{width}d}" for k in range(count)]


def noted_as_array(table: Any, count: int) -> Any:
    """Return an arrow table that says that its first ``count`` columns were an array."""
    return table.replace_schema_metadata({_KEY: str(count).encode()})


def array_width(schema: Any) -> int:
    """Return how many columns the array had that an arrow schema is noted of; 0 of none."""
    noted = (schema.metadata or {}).get(_KEY, b"")
    count = int(noted) if noted.isdigit() else 0
    return count if schema.names[:count] == array_names(count) else 0
