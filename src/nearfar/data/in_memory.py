"""What callers hold in memory, in the plain form that can be laid into a file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.read.cells import is_missing
from nearfar.data.read.images.lookup import PictureNames
from nearfar.data.read.names import are_image_paths
from nearfar.data.read.table import check_names
from nearfar.errors import UserError, first_line


def as_array(given: Any) -> Any:
    """Return a tensor of torch as an array, cut off from its gradients, and anything else as it is.

    Numbers of a type that numpy lacks, such as bfloat16, become float32.
    """
    if not hasattr(given, "detach"):
        return given
    held = given.detach().cpu()
    try:
        return held.numpy()
    except TypeError:
        return held.float().numpy()


def plain_of_polars(given: Any) -> Any:
    """Return a column of polars as a list, a lazy frame as one of rows, anything else as it is.

    Raises:
        UserError: a column holds images.
    """
    if hasattr(given, "collect_schema") and hasattr(given, "lazy"):
        frame = given.lazy().collect()
        for name, kind in frame.schema.items():
            if str(kind) == "Object":
                check_no_images(f"X: column {name!r}", frame[name].to_list())
        return frame
    if hasattr(given, "to_list") and hasattr(given, "to_arrow"):
        return given.to_list()
    return given


_GAPS = frozenset({"NAType", "NaTType"})
"""Types of pandas' own missing values."""


def is_gap(cell: Any) -> bool:
    """Tell whether a cell holds nothing: None, NaN, or what pandas has for these."""
    nothing = cell is None or (isinstance(cell, float) and cell != cell)
    return nothing or type(cell).__name__ in _GAPS


def stored_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which a file holds an array of one: float64 of longer numbers."""
    if kind.kind not in "iuf":
        return kind
    longer = kind.kind == "f" and kind.itemsize > 8
    return np.dtype(np.float64) if longer else kind.newbyteorder("=")


def plain_cell(cell: Any) -> Any:
    """Return a number of numpy as one of Python, however long, and anything else as it is."""
    if not isinstance(cell, np.generic):
        return cell
    plain = cell.item()
    if isinstance(plain, np.longdouble | np.clongdouble):
        return complex(plain) if isinstance(plain, np.clongdouble) else float(plain)
    return plain


def plain_frame(what: str, frame: Any) -> Any:
    """Return a data frame of pandas whose columns are called by texts, and which files hold.

    None is sparse, and numbers are of at most 64 bits in this machine's order of bytes.

    Periods become the dates that they begin at: otherwise a file would hold how many there were
    since 1970, which is another number for months than for days.

    Raises:
        UserError: two columns have one name, or one holds images; ``what`` is the frame's in the
            message.
    """
    import pandas as pd

    names = [str(name) for name in frame.columns]
    check_names(what, names)
    for place, name in enumerate(names):
        if frame.dtypes.iloc[place].kind == "O":
            check_no_images(f"{what}: column {name!r}", frame.iloc[:, place])
    plain = frame.set_axis(names, axis=1)
    sparse = {
        name: kind.subtype
        for name, kind in plain.dtypes.items()
        if isinstance(kind, pd.SparseDtype)
    }
    periods = [name for name, kind in plain.dtypes.items() if isinstance(kind, pd.PeriodDtype)]
    dates = {name: plain[name].dt.to_timestamp() for name in periods}
    others = {
        name: stored_type(kind)
        for name, kind in plain.dtypes.items()
        if isinstance(kind, np.dtype) and stored_type(kind) != kind
    }
    types = sparse | others
    return plain.astype(types).assign(**dates) if types or dates else plain


def from_working_folder(table: Any) -> Any:
    """Return a table of pyarrow whose names of images are paths, found from the working folder.

    They are found as those in a file are from its folder; what names no image, or several, becomes
    a path that begins there. All columns of such names are changed.
    """
    import pyarrow as pa

    names = PictureNames(Path.cwd())
    for place, field in enumerate(table.schema):
        cells = table.column(place).to_pylist() if _is_text(field.type) else []
        if not are_image_paths(cells):
            continue
        paths = [cell if is_missing(cell) else _found(names, cell) for cell in cells]
        table = table.set_column(place, field.name, pa.array(paths, pa.string()))
    return table


def _found(names: PictureNames, cell: str) -> str:
    try:
        return str(names.path(cell))
    except UserError:
        return str(names.base / cell.strip())


def stacked(arrays: Sequence[Any]) -> Any:
    """Return pictures as one array.

    Raises:
        UserError: they are of several sizes.
    """
    if len({array.shape for array in arrays}) > 1:
        raise UserError("X holds arrays of several sizes: make them pillow images, or of one size")
    return np.stack(arrays)


def without_codes(name: str, column: Any) -> Any:
    """Return a column of codes and their values as one of values, and any other as it is.

    Raises:
        UserError: the values are of a type that no file holds, such as intervals.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return column
    kind = column.type.value_type
    try:
        if kind == pa.string_view():
            return _decoded(column)
        return column.cast(kind)
    except pa.ArrowNotImplementedError:
        raise UserError(
            f"X: column {name!r} has categories of a type that cannot be stored "
            f"({kind}): give numbers or texts, such as .astype(str)"
        ) from None


def _decoded(column: Any) -> Any:
    """Return a column of codes of texts as polars has them as one of texts."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    chunks = whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]
    texts = [chunk.dictionary.cast(pa.large_string()).take(chunk.indices) for chunk in chunks]
    return pa.chunked_array(texts, type=pa.large_string())


def is_pillow(item: Any) -> bool:
    """Tell whether something is an image of pillow."""
    return hasattr(item, "save") and hasattr(item, "getbands")


def check_no_images(place: str, cells: Iterable[Any]) -> None:
    """Refuse images of pillow or arrays of pixels in cells, which no column of a file holds.

    Raises:
        UserError: the first cell that is no gap is one; ``place`` is the column's in the message.
    """
    cell = next((cell for cell in cells if not is_gap(cell)), None)
    if is_pillow(cell) or (isinstance(cell, np.ndarray) and cell.ndim > 1):
        held = "pillow images" if is_pillow(cell) else "arrays"
        raise UserError(
            f"{place} holds {held}, which a column cannot: give these as a list in place of the "
            "table, or save them and give a column of their paths"
        )


_IN_FILES = {"HSV": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "La": "LA", "PA": "RGBA"}
"""Modes of pillow that no file holds, and those that say the same."""

_IN_TIFF = frozenset({"F", "I", "CMYK", "YCbCr"})
_OF_16_BITS = frozenset({"I;16L", "I;16B", "I;16N"})


_ORIENTATION = 0x0112
"""The entry of Exif data that says how an image lies; 1 is upright."""


def pillow_file(image: Any, place: str = "X") -> bytes:
    """Return an image of pillow as the content of a file that loses nothing.

    It is turned upright as its Exif data say, as a file by path is: the new file has no such data.

    Raises:
        UserError: of a mode that is not read, ``place`` said with it.
    """
    from PIL import Image

    image = _upright(image)
    if image.mode == "LAB":
        raise UserError(
            f"{place}: a pillow image of mode LAB is not read: make it RGB, as "
            "PIL.ImageCms.profileToProfile does"
        )
    if image.mode in _IN_FILES:
        image = image.convert(_IN_FILES[image.mode])
    if image.mode in _OF_16_BITS:
        image = Image.fromarray(np.asarray(image).astype(np.uint16))
    buffer = io.BytesIO()
    try:
        image.save(buffer, "TIFF" if image.mode in _IN_TIFF else "PNG")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{place}: a pillow image of mode {image.mode} and size {image.size} cannot be stored "
            f"({first_line(error)}): make it RGB or L, as .convert('RGB') does"
        ) from error
    return buffer.getvalue()


def _upright(image: Any) -> Any:
    """Return an image as its Exif data say that it stands, the same object where it does."""
    from PIL import Image, ImageOps

    orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation not in range(2, 9):
        return image
    path = getattr(image, "filename", "") if getattr(image, "tile", None) else ""
    if image.format == "TIFF" and path:  # PIL maps these, and scrambles those on a side
        again = Image.open(io.BytesIO(Path(path).read_bytes()))
        again.seek(image.tell())
        image = again
    image.load()  # which turns TIFF files itself
    return ImageOps.exif_transpose(image)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return kind in (pa.string(), pa.large_string(), pa.string_view())
