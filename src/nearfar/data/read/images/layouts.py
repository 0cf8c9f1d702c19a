"""How a file or a folder holds images."""

from __future__ import annotations

from pathlib import Path

from nearfar.data.options import DataOptions
from nearfar.data.read.image_kinds import IMAGE_ENDINGS, READ, TWO_WAYS, called_unread
from nearfar.data.read.images.cifar import is_cifar_folder, read_cifar
from nearfar.data.read.images.class_folders import read_class_folders
from nearfar.data.read.images.idx import is_idx_folder, read_idx_folder
from nearfar.data.read.images.image_folder import metadata_files, read_image_folder
from nearfar.data.read.images.mapping import read_mapping
from nearfar.data.read.images.npz import read_npz
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.tables import (
    PARQUET,
    image_table,
    names_images,
    parquet_files,
    read_parquet_images,
    read_path_table,
)
from nearfar.data.read.packed import is_table, refuse_other_kind
from nearfar.data.read.saved import is_saved, read_saved
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError


def read_layout(
    path: Path, options: DataOptions, mapping: Path | None = None, root: Path | None = None
) -> ImageRows:
    """Find out how a file or folder holds images, and list its rows.

    Args:
        path: the file or folder.
        options: the ``data`` part of a study.
        mapping: file of the names of class numbers; of a table, of those in the target's column.
        root: the folder that paths in a table begin at.

    Raises:
        UserError: if it holds none, or is damaged.
    """
    rows = _layout(path, options, mapping, root)
    targets = options.target_columns
    if mapping is not None and len(targets) == 1 and {"target", "image"} <= rows.takes:
        rows.class_names = {**rows.class_names, targets[0]: read_mapping(mapping)}
        rows.takes |= {"mapping"}
        rows.note["mapping"] = mapping.name
    return rows


def _layout(path: Path, options: DataOptions, mapping: Path | None, root: Path | None) -> ImageRows:
    if not path.is_dir():
        return file_layout(path, options, mapping, root)
    try:
        if not any(path.iterdir()):
            raise UserError(f"{path}: the folder is empty")
        saved = is_saved(path)
        idx, cifar, files = is_idx_folder(path), is_cifar_folder(path), parquet_files(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    if saved:
        return read_saved_images(path, options)
    if idx:
        return read_idx_folder(
            path, options.subset, bool(options.transposed), mapping, options.range
        )
    if cifar:
        return read_cifar(path)
    if files:
        return read_parquet_images(files, path.name, options)
    if metadata := metadata_files(path):
        return read_image_folder(path, metadata, options.form, options.image)
    return read_class_folders(path, options.task or "classification")


def read_saved_images(path: Path, options: DataOptions, form: TableForm | None = None) -> ImageRows:
    """Read a folder that ``save_to_disk`` of `datasets` wrote, with a column of images.

    ``form`` is of its other columns; None for what the options say.
    """
    found = read_saved(path)
    rows = image_table(path.name, found.table, found.parts, found.tag, found.told, options, form)
    rows.class_names = {**found.class_names, **rows.class_names}
    return rows


def file_layout(
    path: Path,
    options: DataOptions,
    mapping: Path | None = None,
    root: Path | None = None,
    form: TableForm | None = None,
) -> ImageRows:
    """Find out how a file holds images, and list its rows.

    Args:
        path: the file.
        options: the ``data`` part of a study.
        mapping: see ``read_layout``.
        root: see ``read_layout``.
        form: of a table; None for what the options say.

    Raises:
        UserError: if it holds none, or is damaged.
    """
    ending = path.suffix.lower()
    if ending == ".npz":
        targets, axis = options.target_columns, options.channel_axis
        return read_npz(path, mapping, targets=targets, between=options.range, axis=axis)
    if ending in PARQUET and not names_images(path, options.image):
        return read_parquet_images([path], path.name, options, form)
    if is_table(path):
        return read_path_table(path, form or options.form, options.image, root)
    _refuse_one_picture(path)
    refuse_other_kind(path)
    raise UserError(
        f"cannot tell how {path.name} holds images: name a folder, or a file that ends in .npz, "
        ".csv, .tsv, .xlsx or .parquet"
    )


def _refuse_one_picture(path: Path) -> None:
    """Refuse a picture, which is no data set, and one of a kind that is not read at all.

    Raises:
        UserError: as said.
    """
    if (kind := called_unread(path.name)) is not None:
        raise UserError(f"{path}: {kind} is not read: convert it to png or jpg; images are {READ}")
    if path.suffix.lower() == ".npy":
        raise UserError(
            f"{path}: one array has no labels: write images x and labels y into one .npz file "
            "(numpy.savez)"
        )
    if path.suffix.lower() in IMAGE_ENDINGS:
        raise UserError(f"{path}: one image is no data set: {TWO_WAYS}: name that folder or table")
