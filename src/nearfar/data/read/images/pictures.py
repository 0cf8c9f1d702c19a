"""Where the pictures of a source's rows come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nearfar.data.read.classes import Names
from nearfar.data.read.columns import BadRows
from nearfar.data.read.images.cache import PixelCache, fingerprint
from nearfar.data.read.images.decode import Encoded, Form, Pixels, decode_all
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
        """See ``Pictures``."""
        return [path for path in self.paths if path is not None], "files"


@dataclass(frozen=True)
class ParquetColumn:
    """Pictures in a column of parquet files: structs of bytes and path, or bytes."""

    files: list[Path]
    starts: list[int]
    """Position of each file's first row."""
    column: str

    def of(self, rows: Positions) -> Iterator[tuple[int, Encoded | None]]:
        """See ``Pictures``."""
        import pyarrow.parquet as pq

        ascending = np.sort(np.asarray(rows, dtype=np.int64))
        for path, start in zip(self.files, self.starts, strict=True):
            with pq.ParquetFile(path) as file:
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
        """See ``Pictures``."""
        return self.files, f"parquet {self.column}"


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
        """See ``Pictures``."""
        return [], self.tag


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
    note: dict[str, Any] = field(default_factory=dict)
    """For the provenance."""


def decoded(
    pictures: Pictures,
    rows: list[int],
    form: Form,
    bad: BadRows,
    expected: tuple[int, int, int] | None = None,
) -> tuple[Pixels, list[int]]:
    """Return the pixels of ``rows``, from the cache if they were decoded before.

    Returns:
        uint8 (good, channels, height, width), and the positions of the rows that are good; the
        others are noted in ``bad``.
    """
    if isinstance(pictures, Arrays) and _as_wanted(pictures.pixels, form, expected):
        whole = len(rows) == len(pictures.pixels)
        return (pictures.pixels if whole else pictures.pixels[rows]), rows
    files, tag = pictures.key()
    chosen: npt.NDArray[np.int64] = np.array(rows, dtype=np.int64)
    key = fingerprint(files, tag, form, expected, chosen.tobytes()) if files or tag else None
    cache = PixelCache(key)
    if (kept := cache.read()) is not None:
        pixels, notes = kept
        for position, reason, message in notes["bad"]:
            bad.add(position, reason, message)
        return pixels, [row for row in rows if row not in bad]
    found: list[tuple[int, str, str]] = []

    def note(position: int, reason: str, message: str) -> None:
        found.append((position, reason, message))
        bad.add(position, reason, message)

    pixels, good = decode_all(pictures.of(rows), len(rows), form, note, cache.room, expected)
    cache.write(pixels, {"bad": found})
    return pixels, good


def _as_wanted(pixels: Pixels, form: Form, expected: tuple[int, int, int] | None) -> bool:
    _, channels, height, width = pixels.shape
    return (
        expected in (None, (channels, height, width))
        and form.channels in (None, channels)
        and form.size in (None, height)
        and (form.size is None or height == width)
    )
