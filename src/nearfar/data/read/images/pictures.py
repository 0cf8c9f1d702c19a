"""Where the pictures of a source's rows come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nearfar.data.read.arrow_files import opened_parquet
from nearfar.data.read.classes import Names
from nearfar.data.read.columns import BadRows
from nearfar.data.read.images.cache import PixelCache, fingerprint
from nearfar.data.read.images.decode import decode_all
from nearfar.data.read.images.depth import DeepPictureError, Extent, Range, is_deep
from nearfar.data.read.images.stored import BadImageError, Encoded, Form, Pixels, look, opened
from nearfar.data.read.tables import Table

Positions = Sequence[int]


class Pictures(Protocol):
    """The pictures of a table's rows, by position."""

    def of(self, rows: Positions) -> Iterator[tuple[int, Encoded | None]]:
        """Yield position and picture, in ascending order; None where there is none."""

    def key(self) -> tuple[Sequence[Path], str]:
        """Return the files that the pictures are in, and a text that changes when they do.

        Without files and without text decoded pixels cannot be kept.
        """


@dataclass(frozen=True)
class Files:
    """Pictures in files of their own; None where a table names none."""

    paths: list[Path | None]

    def of(self, rows: Positions) -> Iterator[tuple[int, Encoded | None]]:
        """See ``Pictures``."""
        return ((row, self.paths[row]) for row in rows)

    def key(self) -> tuple[Sequence[Path], str]:
        """See ``Pictures``; which row has which file counts, so rows without one do."""
        without = [row for row, path in enumerate(self.paths) if path is None]
        return [path for path in self.paths if path is not None], f"files, none of {without}"


@dataclass(frozen=True)
class ParquetColumn:
    """Pictures in a column of parquet files: structs of bytes and path, or bytes."""

    files: list[Path]
    starts: list[int]
    """Position of each file's first row."""
    column: str

    def of(self, rows: Positions) -> Iterator[tuple[int, Encoded | None]]:
        """See ``Pictures``."""
        ascending = np.sort(np.asarray(rows, dtype=np.int64))
        for path, start in zip(self.files, self.starts, strict=True):
            with opened_parquet(path) as file:
                begin = start
                for group in range(file.num_row_groups):
                    end = begin + file.metadata.row_group(group).num_rows
                    here = ascending[
                        np.searchsorted(ascending, begin) : np.searchsorted(ascending, end)
                    ]
                    if len(here):
                        cells = file.read_row_group(group, columns=[self.column]).column(0)
                        for row in here.tolist():
                            yield row, _cell(cells[row - begin].as_py(), path.parent)
                    begin = end

    def key(self) -> tuple[Sequence[Path], str]:
        """See ``Pictures``; pictures that cells name by their path are files as well."""
        named: list[Path] = []
        for path in self.files:
            with opened_parquet(path) as file:
                names = [one.path for one in file.schema if one.path.endswith(".path")]
                inside = f"{self.column}.path" if f"{self.column}.path" in names else self.column
                named += _named(file.read(columns=[inside]).column(0), path.parent)
        return [*self.files, *named], f"parquet {self.column}"


@dataclass(frozen=True)
class ArrowColumn:
    """Pictures in a column of an arrow table in memory, as `datasets` gives it."""

    cells: Any
    tag: str
    """Changes when the table does; empty if unknown."""

    def of(self, rows: Positions) -> Iterator[tuple[int, Encoded | None]]:
        """See ``Pictures``."""
        return ((row, _cell(self.cells[row].as_py(), Path())) for row in rows)

    def key(self) -> tuple[Sequence[Path], str]:
        """See ``Pictures``; pictures that cells name by their path are files."""
        return (_named(self.cells, Path()) if self.tag else []), self.tag


def _named(cells: Any, folder: Path) -> list[Path]:
    """Return the files that are named by a column of pictures, structs or texts of arrow."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(cells.type):
        if cells.type.get_field_index("path") < 0:
            return []
        cells = pc.struct_field(cells, "path")
    if pa.types.is_binary(cells.type) or pa.types.is_large_binary(cells.type):
        return []
    paths = (folder / name for name in cells.to_pylist() if name and isinstance(name, str))
    return [path for path in paths if path.is_file()]


def _cell(cell: Any, folder: Path) -> Encoded | None:
    if isinstance(cell, dict):
        content, path = cell.get("bytes"), cell.get("path")
        return content if content else (folder / path if path else None)
    if isinstance(cell, str):
        return folder / cell
    return cell or None


@dataclass(frozen=True)
class Arrays:
    """Pictures that are pixels already: uint8 (n, channels, height, width)."""

    pixels: Pixels
    tag: str = "arrays"
    range: Range | None = None
    """What became 0 and 255, where the values were no bytes."""

    def of(self, rows: Positions) -> Iterator[tuple[int, Encoded | None]]:
        """See ``Pictures``."""
        return ((row, self.pixels[row]) for row in rows)

    def key(self) -> tuple[Sequence[Path], str]:
        """See ``Pictures``."""
        return [], ""


@dataclass
class ImageRows:
    """The rows of a source of images, before anything is decoded."""

    table: Table
    """What is known of each row but its picture."""
    pictures: Pictures
    layout: str
    """What the source is, for people: ``a folder of class folders``."""
    takes: frozenset[str] = frozenset()
    """The options of ``DataOptions`` that mean something to this layout only."""
    target: str | None = None
    """The column of the classes, where the layout has one of its own."""
    class_names: Mapping[str, Names] = field(default_factory=dict)
    """Column → names of its class numbers, where the source gives them."""
    numbers: Sequence[str] = ()
    """The columns of numbers to predict, where the layout has some of its own: for regression."""
    told: list[str] = field(default_factory=list)
    """What was done with what the source holds, a sentence each, for ``init`` and provenance."""
    titles: list[str] | None = None
    """Names to show."""
    in_folders: bool = False
    """Whether rows are the pictures that were found in folders, and ``titles`` their paths."""
    note: dict[str, Any] = field(default_factory=dict)
    """For the provenance."""
    unclear: dict[int, str] = field(default_factory=dict)
    """Rows of which it cannot be told what picture they mean, and why."""


@dataclass(frozen=True)
class Decoded:
    """The pixels of the rows that are good, and how they came about."""

    pixels: Pixels
    """uint8 (good, channels, height, width)."""
    rows: list[int]
    """The positions of these rows."""
    done: dict[str, int]
    """What was done to pictures → to how many."""
    range: Range | None
    """Of pictures of more than 8 bits: what became 0 and 255; None where there are none."""


def decoded(
    pictures: Pictures,
    rows: list[int],
    form: Form,
    bad: BadRows,
    expected: tuple[int, int, int] | None = None,
) -> Decoded:
    """Decode ``rows``, or take them from the cache if they were decoded before.

    Where a picture has more than 8 bits and ``form`` has no range, all of them are looked at first,
    and one range is found for all (``depth.Extent.range``). Rows that are no good are noted in
    ``bad``.
    """
    if isinstance(pictures, Arrays) and _as_wanted(pictures.pixels, form, expected):
        whole = len(rows) == len(pictures.pixels)
        chosen_pixels = pictures.pixels if whole else pictures.pixels[rows]
        return Decoded(chosen_pixels, rows, {}, pictures.range)
    if isinstance(pictures, Arrays):
        form = replace(form, range=pictures.range)
    files, tag = pictures.key()
    chosen: npt.NDArray[np.int64] = np.array(rows, dtype=np.int64)
    key = fingerprint(files, tag, form, expected, chosen.tobytes()) if files or tag else None
    cache = PixelCache(key)
    if (kept := cache.read()) is not None:
        pixels, notes = kept
        for position, reason, message in notes["bad"]:
            bad.add(position, reason, message)
        between = None if notes["range"] is None else (notes["range"][0], notes["range"][1])
        return Decoded(pixels, [row for row in rows if row not in bad], notes["done"], between)
    try:
        return _decoded(pictures, rows, form, bad, cache, expected)
    except DeepPictureError:
        found = replace(form, range=common_range(pictures, rows, form))
        return _decoded(pictures, rows, found, bad, cache, expected)


def _decoded(
    pictures: Pictures,
    rows: list[int],
    form: Form,
    bad: BadRows,
    cache: PixelCache,
    expected: tuple[int, int, int] | None,
) -> Decoded:
    found: list[tuple[int, str, str]] = []
    done: Counter[str] = Counter()

    def note(position: int, reason: str, message: str) -> None:
        found.append((position, reason, message))

    given = pictures.of(rows)
    pixels, good = decode_all(given, len(rows), form, note, cache.room, expected, done)
    for position, reason, message in found:
        bad.add(position, reason, message)
    cache.write(pixels, {"bad": found, "done": dict(done), "range": form.range})
    return Decoded(pixels, good, dict(done), form.range)


def common_range(pictures: Pictures, rows: list[int], form: Form) -> Range:
    """Return one range for all pictures of more than 8 bits among ``rows``."""
    extent = Extent()
    for _, encoded in pictures.of(rows):
        if encoded is None or isinstance(encoded, np.ndarray):
            continue
        try:
            if look(encoded, form).deep:
                values, _ = opened(encoded, form)
                if isinstance(values, np.ndarray) and is_deep(values):
                    extent.add(values)
        except BadImageError:  # told when it is decoded
            continue
    return extent.range()


def _as_wanted(pixels: Pixels, form: Form, expected: tuple[int, int, int] | None) -> bool:
    _, channels, height, width = pixels.shape
    return (
        expected in (None, (channels, height, width))
        and form.channels in (None, channels)
        and form.sides in (None, (height, width))
    )
