"""Reading and writing run folders. No torch here."""

from nearfar.records.files import write_atomically
from nearfar.records.tables import (
    SEARCH,
    Record,
    StageRow,
    read_results,
    read_stages,
    write_results,
    write_stages,
)

__all__ = [
    "SEARCH",
    "Record",
    "StageRow",
    "read_results",
    "read_stages",
    "write_atomically",
    "write_results",
    "write_stages",
]
