"""Images read from wherever they are: the source ``images``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from nearfar.data.dataset import Dataset, InputRows, Inputs
from nearfar.data.inputs.images import Images
from nearfar.data.inputs.joined import Joined, without_columns
from nearfar.data.options import DataOptions
from nearfar.data.read.columns import BadRows
from nearfar.data.read.hugging_face import open_hub, undecoded
from nearfar.data.read.image_kinds import IMAGE_ENDINGS
from nearfar.data.read.images.cifar import is_cifar_folder
from nearfar.data.read.images.class_folders import (
    loose_files,
    read_loose_folder,
)
from nearfar.data.read.images.depth import range_words
from nearfar.data.read.images.idx import is_idx_folder
from nearfar.data.read.images.image_folder import metadata_files, read_image_folder
from nearfar.data.read.images.layouts import file_layout, read_layout, read_saved_images
from nearfar.data.read.images.npz import read_npz
from nearfar.data.read.images.pictures import Decoded, ImageRows, decoded
from nearfar.data.read.images.stored import Form, Pixels, has_signature
from nearfar.data.read.images.tables import (
    image_table,
    parquet_files,
    read_parquet_images,
)
from nearfar.data.read.locate import is_there, locate, meant
from nearfar.data.read.saved import is_saved
from nearfar.data.shown import PRIVATE
from nearfar.data.sources.feature_columns import (
    check_needed,
    columns_beside,
    joined,
    known_of,
    names_of,
    read_like,
)
from nearfar.data.sources.labels import RowLabels, keys_if_any, names_if_any, row_ids
from nearfar.data.table_form import KnownColumn, TableForm
from nearfar.errors import UserError

_OF_LAYOUTS = (
    *("image", "separator", "subset", "transposed", "mapping", "root", "label_separator"),
    *("target", "name", "group", "part", "unit", "decimal", "encoding", "sheet", "missing"),
    *("features", "id"),
)


def load_images(options: DataOptions, folder: Path) -> Dataset:
    """Read images with labels. See ``nearfar.data.load_dataset``."""
    if options.hub is not None:
        found = open_hub(options.hub, options.subset)
        rows = image_table(options.hub, *undecoded(options.hub, found), options)
        return assembled(rows, options, {"hub": options.hub})
    assert options.path is not None
    path, place = locate(options.path, folder)
    mapping = None if options.mapping is None else locate(options.mapping, folder)[0]
    root = None if options.root is None else locate(options.root, folder)[0]
    rows = read_layout(path, options, mapping, root)
    return assembled(rows, options, {"path": options.path, "found": place})


def assembled(rows: ImageRows, options: DataOptions, source: dict[str, Any]) -> Dataset:
    """Decode the rows that are used and put the data set together.

    Raises:
        UserError: if an option means nothing to the layout, or rows cannot be used.
    """
    own = _own_target(rows, options)
    bad = BadRows(rows.table, options.on_bad_rows or "error")
    for position, message in rows.unclear.items():
        bad.add(position, "name unclear", message)
    beside = columns_beside(rows.table, options, bad)
    labels = RowLabels(rows.table, options, bad, own, rows.class_names)
    used = labels.limited(bad.kept())
    found = decoded(rows.pictures, used, form_of(options), bad)
    bad.kept()
    if not found.rows:
        raise UserError(f"{rows.table.name}: no image of it can be used")
    inputs = Images(found.pixels, found.range)
    note = {
        "source": options.source,
        **source,
        "layout": rows.layout,
        **rows.note,
        **rows.table.account(),
        **({"told": rows.told} if rows.told else {}),
        "shape": list(inputs.shape),
        **_done(found),
    }
    if options.pictures is False:
        note[PRIVATE] = "data: pictures: false"
    if options.features:
        note["features"] = [*options.features]
    copies = _copies(found.pixels, found.rows, rows.table.length)
    dataset = labels.dataset(
        found.rows,
        joined(inputs, beside, found.rows),
        note,
        titles=rows.titles,
        identities=[copies],
    )
    return replace(dataset, paths=rows.titles if rows.in_folders else None)


def form_of(options: DataOptions) -> Form:
    """Return what the options say of the form of every image."""
    return Form(options.size, options.channels, options.range, options.pages, options.channel_axis)


def _done(found: Decoded) -> dict[str, Any]:
    """Return what the provenance says of what was done to images."""
    note: dict[str, Any] = {"images": found.done} if found.done else {}
    if found.range is not None:
        note |= {"range": list(found.range), "depth": range_words(found.range)}
    return note


def _copies(pixels: Pixels, rows: list[int], length: int) -> list[bytes]:
    """Return, by position in the table, what is equal for images that are so in every pixel."""
    keys = [b""] * length
    for row, image in zip(rows, pixels, strict=True):
        keys[row] = blake2b(image.tobytes(), digest_size=16).digest()
    return keys


def _own_target(rows: ImageRows, options: DataOptions) -> Sequence[str]:
    """Return the columns to predict if the options name none, and check the options."""
    for key in _OF_LAYOUTS:
        if getattr(options, key) is not None and key not in rows.takes:
            fitting = sorted(rows.takes) or ["nothing of its own"]
            raise UserError(
                f"data: '{key}' means nothing to {rows.layout}; allowed: {', '.join(fitting)}"
            )
    if options.target is not None:
        return ()
    if options.task == "regression":
        if rows.numbers:
            return rows.numbers
        if rows.target is not None and not rows.class_names:
            return [rows.target]
    if options.task == "regression" or (options.task == "multilabel" and rows.target is None):
        raise UserError(
            f"data: task: {options.task} needs 'target', a column; it has {rows.layout}"
        )
    if rows.target is not None:
        return [rows.target]
    if len(rows.class_names) == 1:
        return list(rows.class_names)
    if rows.numbers:
        raise UserError(
            f"{rows.table.name}: its labels are numbers, not classes: set data: task: regression"
        )
    columns = ", ".join(rows.table.columns)
    raise UserError(f"{rows.table.name}: set data: target to the column to predict: {columns}")


def load_image_inputs(options: DataOptions, path: Path, like: Inputs) -> InputRows:
    """Read images to predict for: an image, a folder of them, a table of paths, parquet, or npz.

    They are resized to the size of the study's images and get their channels. ``options.root`` is
    the folder that names in a table begin at, where the caller can choose one. See
    ``nearfar.data.load_inputs``.

    Raises:
        UserError: there is no such file, or none of its rows can be used.
    """
    if not path.exists():
        raise UserError(f"no such file or folder: {path}{meant(path)}")
    images = without_columns(like)
    assert isinstance(images, Images)
    if images.range is not None:
        options = options.model_copy(update={"range": images.range})
    columns = like.columns if isinstance(like, Joined) else None
    rows = _called_otherwise(path, options, known_of(columns))
    check_needed(rows.table, names_of(columns))
    bad = BadRows(rows.table, options.on_bad_rows or "error")
    for position, message in rows.unclear.items():
        bad.add(position, "name unclear", message)
    beside = None if columns is None else read_like(rows.table, columns, bad)
    _note_lacking(rows, path, options, bad)
    size = options.size or images.shape[1:]
    channels = options.channels or images.shape[0]
    form = replace(form_of(options), range=images.range, size=size, channels=channels)
    found = decoded(rows.pictures, bad.kept(), form, bad, images.shape)
    bad.kept()
    names = names_if_any(rows.table, options, found.rows, rows.titles)
    note = {"path": str(path), **rows.note, **rows.table.account(), **_done(found)}
    note |= bad.account()
    if _from_root(rows, path, options):
        note["root"] = options.root
    inputs = joined(Images(found.pixels), beside, found.rows)
    given = bad.given()
    if not given.columns and rows.titles is not None:
        given = replace(given, columns={"name": rows.titles})
    keys = keys_if_any(rows.table, options, found.rows, rows.titles)
    paths = rows.titles if rows.in_folders else None
    ids = row_ids(found.rows)
    return InputRows(inputs, ids, names, [], note, given=given, keys=keys, paths=paths)


def _called_otherwise(path: Path, options: DataOptions, beside: Sequence[KnownColumn]) -> ImageRows:
    """Return the rows of a file whose column of images may be called otherwise than the study's.

    It then is the only one there, which is told.

    Raises:
        UserError: the rows cannot be read, or there are several such columns.
    """
    column = options.image
    names = [known.name for known in beside]
    try:
        form = options.form.lenient([*names, *filter(None, [column])], beside)
        return _unlabelled(path, options, form)
    except UserError:
        if column is None:
            raise
        rows = _rows_or_none(path, options.model_copy(update={"image": None}), beside)
        if rows is None or column in {rows.note.get("image"), *rows.table.columns}:
            raise
    told = f"no column '{column}' of images, as the study has: '{rows.note.get('image')}' is taken"
    rows.table.notes = [told, *rows.table.notes]
    return rows


def _rows_or_none(
    path: Path, options: DataOptions, beside: Sequence[KnownColumn]
) -> ImageRows | None:
    try:
        form = options.form.lenient([known.name for known in beside], beside)
        return _unlabelled(path, options, form)
    except UserError:
        return None


def _unlabelled(path: Path, options: DataOptions, form: TableForm) -> ImageRows:
    ending = path.suffix.lower()
    if path.is_dir():
        if is_saved(path):
            return read_saved_images(path, options, form)
        if is_idx_folder(path) or is_cifar_folder(path):
            return read_layout(path, options)
        files = parquet_files(path)
        if files:
            return read_parquet_images(files, path.name, options, form)
        if metadata := metadata_files(path):
            return read_image_folder(path, metadata, form, options.image)
        return read_loose_folder(path)
    if ending in IMAGE_ENDINGS or ((ending[1:].isdecimal() or not ending) and has_signature(path)):
        return loose_files(path.parent, [path])
    if ending == ".npz":
        axis = options.channel_axis
        return read_npz(path, None, labelled=False, between=options.range, axis=axis)
    root = None if options.root is None else Path(options.root)
    return file_layout(path, options, root=root, form=form)


def _from_root(rows: ImageRows, path: Path, options: DataOptions) -> bool:
    """Tell whether rows are of a table whose names begin at a folder that can be chosen."""
    return options.root is not None and "root" in rows.takes and not path.is_dir()


def _note_lacking(rows: ImageRows, path: Path, options: DataOptions, bad: BadRows) -> None:
    """Note the rows whose images are not there, with how another folder is named."""
    if not _from_root(rows, path, options):
        return
    for position, file in rows.pictures.of(bad.kept()):
        if isinstance(file, Path) and not is_there(file):
            told = f"no such image: {file} (--root FOLDER: where the names of images begin)"
            bad.add(position, "no such image", told)
