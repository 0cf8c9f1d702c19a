"""Folders of images with a table of what is known of each, as Hugging Face's ImageFolder has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.tables import path_rows
from nearfar.data.read.images.trees import first_names, strangers_note, tree_of
from nearfar.data.read.names import part_folder
from nearfar.data.read.tables import one_table, read_cells
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

_NAMES = ("metadata.csv", "metadata.jsonl")
_COLUMN = "file_name"


def metadata_files(folder: Path) -> list[tuple[str | None, Path]]:
    """Return part and file of every ``metadata.csv`` or ``.jsonl`` with a column ``file_name``.

    It lies in the folder itself, or in each folder of a part.
    """
    if (own := _metadata_in(folder)) is not None:
        return [(None, own)]
    found: list[tuple[str | None, Path]] = []
    for entry in sorted(folder.iterdir()):
        part = part_folder(entry.name)
        if entry.is_dir() and part is not None and (file := _metadata_in(entry)) is not None:
            found.append((part, file))
    return found


def _metadata_in(folder: Path) -> Path | None:
    for name in _NAMES:
        path = folder / name
        if not path.is_file():
            continue
        with path.open("rb") as file:
            if _COLUMN.encode() in file.readline():
                return path
    return None


def read_image_folder(
    folder: Path, files: list[tuple[str | None, Path]], form: TableForm, image: str | None = None
) -> ImageRows:
    """Read the tables of ``metadata_files``; paths begin at the folder of each.

    Pictures that no table names are left out and told.

    Raises:
        UserError: if a table is damaged, or two of them differ in their columns.
    """
    pieces = [read_cells(path, form) for _, path in files]
    tables = [table for table, _ in pieces]
    if len({tuple(table.columns) for table in tables}) > 1:
        raise UserError(f"{folder}: its metadata files differ in their columns")
    for table, (_, path) in zip(tables, files, strict=True):
        table.name = str(path)
    joined = one_table(folder.name, pieces, form)
    named = zip(files, tables, strict=True)
    origin = [file for file, table in named for _ in range(table.length)]
    for cells in (joined.columns.get(_COLUMN, []), joined.written.get(_COLUMN, [])):
        for row, cell in enumerate(cells):
            below = origin[row][1].parent.relative_to(folder)
            cells[row] = f"{below}/{cell}" if below != Path() and cell else cell
    if len({part for part, _ in files}) > 1:
        joined.parts = [str(part) for part, _ in origin]
    rows = path_rows(joined, folder, image or _COLUMN, "a folder of images with metadata")
    rows.note |= _left_over(folder, rows, {path for _, path in files})
    return rows


def _left_over(folder: Path, rows: ImageRows, metadata: set[Path]) -> dict[str, Any]:
    """Return the note of files that no row names."""
    files, _ = rows.pictures.key()
    named = {path.resolve() for path in files}
    tree = tree_of(folder)
    unnamed = [path for path in tree.pictures() if path.resolve() not in named]
    note = strangers_note(folder, [path for path in tree.strangers() if path not in metadata])
    if unnamed:
        shown = first_names(folder, unnamed)
        note["folders"] = [
            f"images that the metadata do not name are left out: {len(unnamed)} ({shown})"
        ]
    return note
