"""Which column of a user's file says whose rows belong together."""

from __future__ import annotations

from collections.abc import Collection

from nearfar.data.read.tables import Table, is_missing

_NAMES = frozenset(
    {"person", "subject", "patient", "participant", "identity", "individual", "donor", "group"}
)
_FEWEST = 10


def group_column(table: Table, but: Collection[str | None]) -> str | None:
    """Return a column such as ``person`` or ``patient_id`` of which several rows share values.

    It has at least 10 different values, fewer than there are rows, and none is missing.
    """
    for column, cells in table.columns.items():
        name = column.lower().replace(" ", "_").removesuffix("_id")
        if name not in _NAMES or column in but or any(map(is_missing, cells)):
            continue
        if _FEWEST <= len({str(cell).strip() for cell in cells}) < len(cells):
            return column
    return None


def group_fact(column: str) -> str:
    """Return what a user should know of it."""
    return f"rows with one value of '{column}' stay in one part of a split (data: group)"
