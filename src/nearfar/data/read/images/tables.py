"""Tables of images: paths in CSV or parquet files, images inside parquet files, the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nearfar.data.options import DataOptions
from nearfar.data.read.images.pictures import ArrowColumn, Files, ImageRows, ParquetColumn
from nearfar.data.read.names import are_image_paths, part_named, path_column
from nearfar.data.read.tables import Table, from_arrow, is_missing, read_file
from nearfar.errors import UserError, nearest

PARQUET = frozenset({".parquet", ".pq"})
_IMAGE_NAMES = ("image", "img", "path", "file", "filename", "file_name", "image_path")


def read_path_table(path: Path, options: DataOptions) -> ImageRows:
    """Read a CSV file, or a parquet file of texts, with a column of paths of images.

    Relative paths begin at the folder of the file.

    Raises:
        UserError: if there is no such column.
    """
    table = read_file(path, options.separator)
    column = _path_column(table, options.image)
    cells = table.columns[column]
    paths = [None if is_missing(c) else path.parent / str(c).strip() for c in cells]
    rows = ImageRows(table, Files(paths), "a table of paths")
    rows.takes = frozenset({"image", "separator", *_COLUMNS})
    rows.titles = ["" if is_missing(cell) else str(cell).strip() for cell in cells]
    rows.note = {"image": column}
    return rows


_COLUMNS = ("target", "label_separator", "name", "group", "part", "unit", "image")


def _path_column(table: Table, given: str | None) -> str:
    if given is not None:
        table.column(given, "image")
        return given
    column = path_column(table)
    if column is not None:
        return column
    raise UserError(
        f"{table.name}: no column holds paths of images: set data: image to one of "
        f"{', '.join(table.columns)}"
    )


def parquet_files(folder: Path) -> list[Path]:
    """Return the parquet files of a folder, or of its folder ``data``, sorted by name."""
    for place in (folder, folder / "data"):
        if place.is_dir():
            found = sorted(e for e in place.iterdir() if e.suffix.lower() in PARQUET)
            if found:
                return found
    return []


def read_parquet_images(files: list[Path], name: str, options: DataOptions) -> ImageRows:
    """Read parquet files of one data set; their names, such as ``train-00000-of-00001``, say parts.

    Images are structs of bytes and path, or bytes, or texts that are paths; class names come from
    the metadata of Hugging Face `datasets`.

    Raises:
        UserError: if a file is damaged, the files differ in their columns, or some are named after
            a part and others not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = _file_parts(files) if len(files) > 1 else [None]
    order = sorted(range(len(files)), key=lambda k: (_ORDER.index(parts[k]), files[k].name))
    files, parts = [files[k] for k in order], [parts[k] for k in order]
    tables, starts, named = [], [0], []
    column, names = "", {}
    for path, part in zip(files, parts, strict=True):
        try:
            with pq.ParquetFile(path) as file:
                schema = file.schema_arrow
                column, names = _image_column(schema, options.image, path), class_names(schema)
                tables.append(file.read(columns=[c for c in schema.names if c != column]))
                count = file.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            first = (str(error).splitlines() or ["unreadable"])[0]
            raise UserError(f"{path} is not a parquet file: {first}") from error
        starts.append(starts[-1] + count)
        named += [part] * count
    try:
        whole = pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise UserError(f"{name}: its files differ in their columns or types") from error
    table = _labels(name, whole, starts[-1])
    table.parts = None if parts[0] is None else [str(part) for part in named]

    def place(position: int) -> str:
        k = max(i for i, start in enumerate(starts[:-1]) if start <= position)
        return f"{files[k]}, row {position - starts[k] + 1}"

    table.place = place
    rows = ImageRows(table, ParquetColumn(files, starts[:-1], column), "parquet files of images")
    rows.takes, rows.class_names = frozenset(_COLUMNS), names
    rows.note = {"image": column, "files": [path.name for path in files]}
    return rows


_ORDER = (None, "train", "validation", "test")


def _file_parts(files: list[Path]) -> list[str | None]:
    parts = [part_named(path.name) for path in files]
    if None in parts and set(parts) != {None}:
        odd = files[parts.index(None)]
        raise UserError(f"{odd}: named after no part (train, validation, test), as its neighbours")
    return parts if len(set(parts)) > 1 else [None] * len(files)


def _labels(name: str, table: Any, rows: int) -> Table:
    if not rows:
        raise UserError(f"{name} has no rows")
    if not table.column_names:
        return Table(name, {}, rows)
    return from_arrow(name, table)


def _image_column(schema: Any, given: str | None, path: Path) -> str:
    """Return the column of the images: as given, as the metadata say, or as its type says."""
    import pyarrow as pa

    if given is not None:
        if given not in schema.names:
            hint = nearest(given, schema.names).replace("allowed:", "columns:")
            raise UserError(f"{path}: no column '{given}' (data: image); {hint}")
        return given
    declared = [k for k, f in features(schema).items() if isinstance(f, dict) and _is(f, "Image")]
    typed = [f.name for f in schema if pa.types.is_struct(f.type) and "bytes" in _fields(f.type)]
    typed = typed or [f.name for f in schema if pa.types.is_binary(f.type)]
    found = declared or typed or [name for name in _IMAGE_NAMES if name in schema.names]
    if len(found) == 1:
        return found[0]
    which = f"several columns of images ({', '.join(found)})" if found else "no column of images"
    raise UserError(f"{path}: {which}: set data: image to one of {', '.join(schema.names)}")


def _fields(kind: Any) -> set[str]:
    return {kind.field(k).name for k in range(kind.num_fields)}


def _is(feature: dict[str, Any], kind: str) -> bool:
    return feature.get("_type") == kind


def features(schema: Any) -> dict[str, Any]:
    """Return what Hugging Face `datasets` noted of the columns, nothing if it did not."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])
        found = noted["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """Return column → names of its classes, of columns that the metadata call ClassLabel."""
    return {
        column: tuple(map(str, feature["names"]))
        for column, feature in features(schema).items()
        if isinstance(feature, dict) and _is(feature, "ClassLabel") and feature.get("names")
    }


def holds_images(path: Path) -> bool:
    """Tell whether a parquet file has a column of images, or of what looks like their paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            column = _image_column(schema, None, path)
            if not pa.types.is_string(schema.field(column).type):
                return True
            first = file.read_row_group(0, columns=[column]).column(0).to_pylist()[:100]
    except (OSError, pa.ArrowException, UserError):
        return False
    return are_image_paths(first)


def image_table(
    name: str, found: Any, parts: list[str] | None, tag: str, given: str | None
) -> ImageRows:
    """Return the rows of an arrow table with a column of images, as `datasets` gives it."""
    column = _image_column(found.schema, given, Path(name))
    table = _labels(name, found.drop_columns([column]), found.num_rows)
    table.parts = parts
    rows = ImageRows(table, ArrowColumn(found.column(column), tag), "a data set of `datasets`")
    rows.takes, rows.class_names = frozenset({*_COLUMNS, "subset"}), class_names(found.schema)
    rows.note = {"image": column}
    return rows
