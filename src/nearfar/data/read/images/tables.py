"""Tables of images: paths in CSV or parquet files, images inside parquet files, the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nearfar.data.options import DataOptions
from nearfar.data.read.arrow_files import opened_parquet, read_parquet
from nearfar.data.read.features import class_names, columns_of_kind, names_beside, same_names
from nearfar.data.read.images.lookup import PictureNames, columns_of_images
from nearfar.data.read.images.pictures import ArrowColumn, Files, ImageRows, ParquetColumn
from nearfar.data.read.images.stored import begins_a_picture
from nearfar.data.read.names import are_image_paths, part_named
from nearfar.data.read.settle import settled
from nearfar.data.read.table import check_names
from nearfar.data.read.tables import Table, from_arrow, is_missing, read_file
from nearfar.data.spelling import composed
from nearfar.data.table_form import OPTIONS, TableForm
from nearfar.errors import UserError, nearest

PARQUET = frozenset({".parquet", ".pq"})
_IMAGE_NAMES = ("image", "img", "path", "file", "filename", "file_name", "image_path")


def read_path_table(
    path: Path, form: TableForm, image: str | None = None, root: Path | None = None
) -> ImageRows:
    """Read a CSV file, or a parquet file of texts, with a column of paths or names of images.

    Args:
        path: the file.
        form: how it is to be read.
        image: the column, None to find it.
        root: the folder that relative paths begin at; by default that of the file.

    Raises:
        UserError: if there is no such column.
    """
    base = path.parent if root is None else root
    return path_rows(read_file(path, form), base, image)


def path_rows(table: Table, base: Path, column: str | None, layout: str = "") -> ImageRows:
    """Return the rows of a table with a column of paths or names of images, from ``base``.

    Raises:
        UserError: if there is no such column, or several.
    """
    column = _path_column(table, column, base)
    cells, names = table.columns[column], PictureNames(base)
    paths: list[Path | None] = []
    unclear: dict[int, str] = {}
    for position, cell in enumerate(cells):
        try:
            paths.append(None if is_missing(cell) else names.path(cell))
        except UserError as error:
            paths.append(None)
            unclear[position] = str(error)
    rows = ImageRows(table, Files(paths), layout or "a table of paths")
    rows.takes = frozenset({*OPTIONS, "root", *_COLUMNS})
    rows.titles = ["" if is_missing(cell) else str(cell).strip() for cell in cells]
    rows.note, rows.unclear = {"image": column}, unclear
    if names.by_name:
        rows.note["found_by_name"] = names.by_name
    return rows


_COLUMNS = (
    *("target", "features", "label_separator", "name", "group", "part", "unit", "image"),
    *("missing", "id"),
)


def _path_column(table: Table, given: str | None, base: Path) -> str:
    if given is not None:
        table.column(given, "image")
        return given
    columns = columns_of_images(table, base)
    if len(columns) == 1:
        return columns[0]
    if columns:
        named = ", ".join(columns)
        raise UserError(
            f"{table.name}: several columns of images: set data: image to one of {named}"
        )
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


def read_parquet_images(
    files: list[Path], name: str, options: DataOptions, form: TableForm | None = None
) -> ImageRows:
    """Read parquet files of one data set; their names, such as ``train-00000-of-00001``, say parts.

    Images are structs of bytes and path, or bytes, or texts that are paths; class names come from
    the metadata of Hugging Face `datasets`. ``form`` is of the other columns; None for what the
    options say.

    Raises:
        UserError: if a file is damaged, the files differ in their columns, or some are named after
            a part and others not.
    """
    import pyarrow as pa

    parts = _file_parts(files) if len(files) > 1 else [None]
    order = sorted(range(len(files)), key=lambda k: (_ORDER.index(parts[k]), files[k].name))
    files, parts = [files[k] for k in order], [parts[k] for k in order]
    tables, starts, named = [], [0], []
    column, names = "", []
    for path, part in zip(files, parts, strict=True):
        with opened_parquet(path) as file:
            schema, count = file.schema_arrow, file.metadata.num_rows
        column = _image_column(schema, options.image, path)
        names.append(class_names(schema))
        tables.append(read_parquet(path, columns=[c for c in schema.names if c != column]))
        starts.append(starts[-1] + count)
        named += [part] * count
    try:
        whole = pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise UserError(f"{name}: its files differ in their columns or types") from error
    table = _labels(name, whole, starts[-1], form or options.form)
    table.parts = None if parts[0] is None else [str(part) for part in named]

    def place(position: int) -> str:
        k = max(i for i, start in enumerate(starts[:-1]) if start <= position)
        return f"{files[k]}, row {position - starts[k] + 1}"

    table.place = place
    rows = ImageRows(table, ParquetColumn(files, starts[:-1], column), "parquet files of images")
    rows.takes = frozenset(_COLUMNS)
    rows.class_names = _known(same_names(name, names) or names_beside(files[0].parent), table)
    rows.note = {"image": column, "files": [path.name for path in files]}
    return rows


_ORDER = (None, "train", "validation", "test")


def _file_parts(files: list[Path]) -> list[str | None]:
    parts = [part_named(path.name) for path in files]
    if None in parts and set(parts) != {None}:
        odd = files[parts.index(None)]
        raise UserError(f"{odd}: named after no part (train, validation, test), as its neighbours")
    return parts if len(set(parts)) > 1 else [None] * len(files)


def _known(names: dict[str, tuple[str, ...]], table: Table) -> dict[str, tuple[str, ...]]:
    return {column: some for column, some in names.items() if column in table.columns}


def _labels(name: str, table: Any, rows: int, form: TableForm) -> Table:
    if not rows:
        raise UserError(f"{name} has no rows")
    if not table.column_names:
        return Table(name, {}, rows)
    found = from_arrow(name, table)
    found.call_as(form.needed)
    return settled(found, form)


def _image_column(schema: Any, given: str | None, path: Path) -> str:
    """Return the column of the images: as given, as the metadata say, or as its type says."""
    check_names(str(path), schema.names)
    if given is not None:
        same = [name for name in schema.names if composed(name) == composed(given)]
        if not same:
            hint = nearest(given, schema.names).replace("allowed:", "columns:")
            raise UserError(f"{path}: no column '{given}' (data: image); {hint}")
        return str(same[0])
    found = _columns_of_images(schema) or [name for name in _IMAGE_NAMES if name in schema.names]
    if len(found) == 1:
        return found[0]
    which = f"several columns of images ({', '.join(found)})" if found else "no column of images"
    raise UserError(f"{path}: {which}: set data: image to one of {', '.join(schema.names)}")


def _columns_of_images(schema: Any) -> list[str]:
    """Return the columns that are noted or made as images themselves."""
    import pyarrow as pa

    typed = [f.name for f in schema if pa.types.is_struct(f.type) and "bytes" in _fields(f.type)]
    typed = typed or [f.name for f in schema if _kind_of_values(f.type) == "bytes"]
    return columns_of_kind(schema, "Image") or typed


def _fields(kind: Any) -> set[str]:
    return {kind.field(k).name for k in range(kind.num_fields)}


def holds_images(path: Path) -> bool:
    """Tell whether a parquet file has a column of images, or of what looks like their paths."""
    try:
        with opened_parquet(path) as file:
            schema = file.schema_arrow
            column = _image_column(schema, None, path)
            kind = _kind_of_values(schema.field(column).type)
            if kind not in {"texts", "bytes"}:
                return kind == "nested"
            first = file.read_row_group(0, columns=[column]).column(0).to_pylist()[:100]
    except UserError:
        return False
    if kind == "texts":
        return are_image_paths(first)
    return column in columns_of_kind(schema, "Image") or _begin_pictures(first)


def names_images(path: Path, image: str | None) -> bool:
    """Tell whether a parquet file has paths or names of images, and no images themselves.

    Args:
        path: the file.
        image: the column, None to find it.
    """
    with opened_parquet(path) as file:
        schema = file.schema_arrow
    if image in schema.names:
        kind = schema.field(schema.names.index(image)).type
        return _kind_of_values(kind) in {"texts", "other"}
    return image is None and not _columns_of_images(schema)


def _kind_of_values(kind: Any) -> str:
    """Return ``texts`` or ``bytes``, however long, or as categories; ``nested``, or ``other``."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if kind in (pa.string(), pa.large_string(), pa.string_view()):
        return "texts"
    if kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        return "bytes"
    return "nested" if pa.types.is_nested(kind) else "other"


def has_images(start: Any) -> bool:
    """Tell whether an arrow table has a column that is noted or made as images.

    Args:
        start: its first rows.
    """
    import pyarrow as pa

    try:
        column = _image_column(start.schema, None, Path())
    except UserError:
        return False
    kind = start.schema.field(column).type
    if pa.types.is_struct(kind) or column in columns_of_kind(start.schema, "Image"):
        return True
    return _kind_of_values(kind) == "bytes" and _begin_pictures(start.column(column).to_pylist())


def _begin_pictures(cells: list[bytes | None]) -> bool:
    return any(begins_a_picture(some[:16]) for some in cells if some is not None)


def image_table(
    name: str,
    found: Any,
    parts: list[str] | None,
    tag: str,
    told: list[str],
    options: DataOptions,
    form: TableForm | None = None,
) -> ImageRows:
    """Return the rows of an arrow table with a column of images, as `datasets` gives it.

    ``form`` is of the other columns; None for what the options say.
    """
    column = _image_column(found.schema, options.image, Path(name))
    table = _labels(name, found.drop_columns([column]), found.num_rows, form or options.form)
    table.parts = parts
    rows = ImageRows(table, ArrowColumn(found.column(column), tag), "a data set of `datasets`")
    rows.takes, rows.class_names = frozenset({*_COLUMNS, "subset"}), class_names(found.schema)
    rows.note, rows.told = {"image": column}, list(told)
    return rows
