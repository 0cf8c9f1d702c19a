"""Features of the rows of a file, written to ``.npz`` or parquet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearfar.data import InputRows
from nearfar.data.read.embeddings import ROW_NUMBER
from nearfar.errors import UserError
from nearfar.models.finished import FinishedModel
from nearfar.records.files import write_atomically

ENDINGS = (".npz", ".parquet", ".pq")


def check_ending(output: Path) -> None:
    """Refuse a file of another format.

    Raises:
        UserError: names those that there are.
    """
    if output.suffix.lower() not in ENDINGS:
        raise UserError(
            f"--output {output}: features are written as .npz or .parquet; end it in one of these"
        )


def embed_rows(model: FinishedModel, rows: InputRows, output: Path, device: str) -> int:
    """Write ids and features of rows; return how many features a row has.

    An ``.npz`` holds ``ids`` (n,), as texts, and ``features``, float32 (n, d); ``np.load`` reads
    it without pickle. A parquet file has columns ``id`` and ``feature0`` … of float32. Ids are what
    the data call rows: the cells of their column of ids, or paths of pictures. Where there are
    none, or one is missing or stands twice, the numbers of the rows, from 1, are written in their
    place, called ``row_number``. Rows that cannot be used are in neither.

    Args:
        model: whose first seed's encoder makes the features.
        rows: what they are made of.
        output: the file, whole or not at all.
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: the arm has no features.
    """
    features = model.features(rows.inputs, device)
    if not features.shape[1]:
        raise UserError(f"{model.name} looks at no features: there is nothing to embed")
    keys = rows.keys or []
    distinct = all(keys) and len(set(keys)) == len(rows)
    ids = np.array(keys if distinct else rows.ids, dtype=np.str_)
    npz = output.suffix.lower() == ".npz"
    name = ROW_NUMBER if not distinct else "ids" if npz else "id"
    content = _npz(name, ids, features) if npz else _parquet(name, ids, features)
    write_atomically(output, content)
    return int(features.shape[1])


def _npz(name: str, ids: NDArray[np.str_], features: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    if name == ROW_NUMBER:
        np.savez_compressed(buffer, row_number=ids, features=features)
    else:
        np.savez_compressed(buffer, ids=ids, features=features)
    return buffer.getvalue()


def _parquet(name: str, ids: NDArray[np.str_], features: NDArray[np.float32]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"feature{k}": pa.array(values) for k, values in enumerate(features.T)}
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(ids.tolist(), pa.string()), **columns}), buffer)
    return buffer.getvalue()
