"""Parquet files, and those in Arrow's own format: streams as `datasets` saves them, Feather."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nearfar.data.read.damage import whole
from nearfar.data.read.table import check_names


def opened_arrow(path: Path, content: bytes | None = None) -> Any:
    """Return a reader of the file, with ``schema``, which has read no rows yet.

    Args:
        path: the file.
        content: its bytes, where they were read already.

    Raises:
        UserError: if it is no such file, or damaged.
    """
    import pyarrow as pa

    with whole(path, "Arrow file"):
        source = pa.memory_map(str(path)) if content is None else pa.BufferReader(content)
        try:
            return pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_file(source)


def first_rows(path: Path, most: int = 100) -> Any:
    """Return rows of the file's first batch as an arrow table.

    Raises:
        UserError: if it is no such file, or damaged.
    """
    import pyarrow as pa

    reader = opened_arrow(path)
    with whole(path, "Arrow file"):
        streamed = isinstance(reader, pa.RecordBatchReader)
        batch = next(iter(reader if streamed else map(reader.get_batch, range(1))), None)
        batches = [] if batch is None else [batch.slice(0, most)]
        return _sound(path, pa.Table.from_batches(batches, reader.schema))


def read_arrow(path: Path, content: bytes | None = None) -> Any:
    """Return the rows of the file as an arrow table.

    Raises:
        UserError: if it is no such file, or damaged.
    """
    reader = opened_arrow(path, content)
    with whole(path, "Arrow file"):
        return _sound(path, reader.read_all())


@contextmanager
def opened_parquet(path: Path, content: bytes | None = None) -> Iterator[Any]:
    """Open a file within a ``with``: what it then raises is told of the file, in one line.

    Args:
        path: the file.
        content: its bytes, where they were read already.

    Raises:
        UserError: if it is no such file, or damaged.
    """
    import pyarrow.parquet as pq

    source = path if content is None else io.BytesIO(content)
    with whole(path, "parquet file"), pq.ParquetFile(source) as file:
        yield file


def read_parquet(
    path: Path, content: bytes | None = None, columns: Sequence[str] | None = None
) -> Any:
    """Return the rows of the file as an arrow table, of some columns or all.

    Raises:
        UserError: if it is no such file, or damaged.
    """
    with opened_parquet(path, content) as file:
        return _sound(path, file.read(columns=columns))


def _sound(path: Path, table: Any) -> Any:
    """Return the table if all its texts are texts and each column has a name of its own."""
    table.validate(full=True)
    check_names(path.name, table.column_names)
    return table
