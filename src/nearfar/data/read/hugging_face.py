"""Data sets of the Hugging Face hub, and folders that its `datasets` library can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nearfar.data.read.features import class_names, same_names
from nearfar.data.read.header import plain_name
from nearfar.data.read.names import parts_of_pieces
from nearfar.data.read.packed import TEXT, is_table, table_ending
from nearfar.data.read.saved import is_saved, read_saved
from nearfar.data.read.settle import settled
from nearfar.data.read.tables import Table, from_arrow, one_table, read_cells
from nearfar.data.read.totals import without_totals_of_files
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

_RECORDS = TEXT | {".json", ".jsonl", ".ndjson"}
"""Endings of files whose cells are read as a single file's are."""
_NAMED = 5
"""Files of a folder that a message names."""


def read_folder(path: Path, form: TableForm) -> Table:
    """Read a local folder: one made by ``save_to_disk``, or one of CSV or parquet files.

    Of ``form`` counts what is missing.

    Raises:
        UserError: if `datasets` cannot make rows of it.
    """
    if is_saved(path):
        return settled(read_saved(path).as_table(path.name), form)
    if (files := _records(path)) is not None:
        return _of_records(path, files, form)
    return without_totals_of_files(settled(_table(path.name, open_folder(path)), form))


def _records(path: Path) -> dict[str, list[Path]] | None:
    """Return the files of each piece of a folder of CSV or JSON files, None of another folder."""
    import datasets

    try:
        with _without_bars():
            found = datasets.load_dataset_builder(str(path)).config.data_files
    except Exception:  # told by what opens the folder
        return None
    pieces = {str(piece): [*map(Path, files)] for piece, files in (found or {}).items()}
    files = [file for some in pieces.values() for file in some]
    texts = files and all(table_ending(file) in _RECORDS and file.is_file() for file in files)
    return pieces if texts else None


def _of_records(path: Path, files: dict[str, list[Path]], form: TableForm) -> Table:
    """Read the files of a folder by the rules of a single file, as one table.

    Raises:
        UserError: a file is damaged, or CSV files differ in their columns.
    """
    read = {piece: [read_cells(file, form) for file in some] for piece, some in files.items()}
    pieces = [one for some in read.values() for one in some]
    headers = {frozenset(map(plain_name, table.columns)) for table, _ in pieces}
    if len(headers) > 1 and any(table_ending(f) in TEXT for some in files.values() for f in some):
        raise UserError(_no_table(path))
    whole = one_table(path.name, pieces, form)
    lengths = [(piece, sum(table.length for table, _ in some)) for piece, some in read.items()]
    whole.parts, told = parts_of_pieces(lengths)
    whole.notes += told
    return whole


def open_folder(path: Path) -> Any:
    """Return what `datasets` makes of a local folder of files.

    Raises:
        UserError: if it cannot make rows of it.
    """
    import datasets

    try:
        with _without_bars():
            return datasets.load_dataset(str(path))
    except Exception as error:
        raise UserError(_no_data_set(path, error)) from error


def _no_data_set(path: Path, error: Exception) -> str:
    """Say why a folder cannot be read; one of tables, that one of these is to be named."""
    shown = path if path.name else path.resolve()
    if not any(map(is_table, path.iterdir())):
        return f"{shown} is a folder that `datasets` cannot read as a data set: {_first(error)}"
    return _no_table(path)


def _no_table(path: Path) -> str:
    shown = path if path.name else path.resolve()
    tables = sorted(file.name for file in path.iterdir() if is_table(file))
    named = ", ".join(tables[:_NAMED]) + ", …" * (len(tables) > _NAMED)
    return f"{shown} is a folder of files that do not make one table: name one of them: {named}"


def read_hub(name: str, subset: str | None, form: TableForm) -> Table:
    """Read a data set by its name on the hub (or from the local cache of it).

    Of ``form`` counts what is missing.

    Raises:
        UserError: if it does not exist or cannot be reached.
    """
    return settled(_table(name, open_hub(name, subset)), form)


def open_hub(name: str, subset: str | None) -> Any:
    """Return a data set by its name on the hub (or from the local cache of it).

    Raises:
        UserError: if it does not exist or cannot be reached.
    """
    import datasets

    try:
        with _without_bars():
            return datasets.load_dataset(name, subset)
    except Exception as error:
        raise UserError(f"cannot load '{name}' from the hub: {_first(error)}") from error


def undecoded(name: str, found: Any) -> tuple[Any, list[str] | None, str, list[str]]:
    """Return the rows of a data set of images as one arrow table, the images as they are stored.

    Returns:
        The table with the metadata of `datasets`; the part of each row, if the data set has parts;
        a text that changes when the data set does; and what should be said of its parts.

    Raises:
        UserError: if its parts have different columns.
    """
    import datasets
    import pyarrow as pa

    whole = isinstance(found, datasets.Dataset)
    pieces = {"": found} if whole else dict(found)
    tables, tags = [], []
    for piece in pieces.values():
        for column, feature in piece.features.items():
            if isinstance(feature, datasets.Image):
                piece = piece.cast_column(column, datasets.Image(decode=False))
        table = piece.with_format("arrow")[:]
        tables.append(table.replace_schema_metadata(piece.features.arrow_schema.metadata))
        tags.append(str(getattr(piece, "_fingerprint", "")))
    same_names(f"'{name}'", [class_names(table.schema) for table in tables])
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise UserError(f"'{name}': its parts differ in their columns") from error
    parts, told = parts_of_pieces([(n, len(t)) for n, t in zip(pieces, tables, strict=True)])
    return table, parts, "|".join(tags) if all(tags) else "", told


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
        return from_arrow(name, _arrow(found))
    pieces = {part: _arrow(piece) for part, piece in found.items()}
    names = same_names(f"'{name}'", [class_names(piece.schema) for piece in pieces.values()])
    table = from_arrow(name, pa.concat_tables(pieces.values(), promote_options="default"))
    table.class_names = names
    table.parts, told = parts_of_pieces([(part, len(piece)) for part, piece in pieces.items()])
    table.notes += told
    return table


def _arrow(piece: Any) -> Any:
    """Return the rows of a data set as an arrow table with what is noted of its columns."""
    noted = piece.features.arrow_schema.metadata
    return piece.with_format("arrow")[:].replace_schema_metadata(noted)


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
