"""Rows that a command is to use a model for: a file, and the folder of the images that it names."""

from __future__ import annotations

from pathlib import Path

from nearfar.data import InputRows
from nearfar.errors import UserError
from nearfar.models.finished import FinishedModel


def read_rows(model: FinishedModel, data: Path, root: Path | None = None) -> InputRows:
    """Read the rows of a file.

    Args:
        model: that takes them.
        data: a file or folder.
        root: the folder that names of images in a table begin at; None for the table's own.

    Raises:
        UserError: the file or ``root`` is not there, rows are of another form, or ``root`` is given
            where no table names images.
    """
    if root is not None and not root.expanduser().is_dir():
        raise UserError(f"--root {root}: no such folder")
    rows = model.schema.read(data, data.parent if root is None else root.expanduser())
    if root is not None and "root" not in rows.source:
        raise UserError(f"--root {root}: {data} is no table that names images: leave it out")
    return rows
