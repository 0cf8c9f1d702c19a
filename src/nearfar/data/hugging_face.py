"""Data sets of the Hugging Face hub, and folders that its `datasets` library can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nearfar.data.tables import Table, from_arrow
from nearfar.errors import UserError

_PARTS = {"train": "train", "validation": "validation", "valid": "validation", "test": "test"}


def read_folder(path: Path) -> Table:
    """Read a local folder: one made by ``save_to_disk``, or one of CSV or parquet files.

    Raises:
        UserError: if `datasets` cannot make rows of it.
    """
    import datasets

    saved = any((path / name).exists() for name in ("state.json", "dataset_dict.json"))
    load = datasets.load_from_disk if saved else datasets.load_dataset
    try:
        with _without_bars():
            found = load(str(path))
    except Exception as error:
        raise UserError(
            f"{path} is a folder that `datasets` cannot read as a data set: {_first(error)}"
        ) from error
    return _table(path.name, found)


def read_hub(name: str, subset: str | None) -> Table:
    """Read a data set by its name on the hub (or from the local cache of it).

    Raises:
        UserError: if it does not exist or cannot be reached.
    """
    import datasets

    try:
        with _without_bars():
            found = datasets.load_dataset(name, subset)
    except Exception as error:
        raise UserError(f"cannot load '{name}' from the hub: {_first(error)}") from error
    return _table(name, found)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep the library's progress bars out of the study's own."""
    import datasets

    shown = datasets.are_progress_bars_disabled() is False
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _table(name: str, found: Any) -> Table:
    """Return one table; of a data set in several parts, with the part of each row."""
    import datasets
    import pyarrow as pa

    if isinstance(found, datasets.Dataset):
        return from_arrow(name, found.with_format("arrow")[:])
    pieces = {part: piece.with_format("arrow")[:] for part, piece in found.items()}
    table = from_arrow(name, pa.concat_tables(pieces.values(), promote_options="default"))
    if len(pieces) > 1 and set(pieces) <= set(_PARTS):
        table.parts = [_PARTS[part] for part, piece in pieces.items() for _ in range(len(piece))]
    return table


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
