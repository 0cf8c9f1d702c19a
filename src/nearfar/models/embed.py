"""Features of the rows of a file, written to ``.npz`` or parquet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearfar.data import InputRows
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
    it without pickle. A parquet file has columns ``id`` and ``feature0`` … of float32. Rows that
    cannot be used are in neither.

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
    ids = [str(one) for one in rows.ids]
    npz = output.suffix.lower() == ".npz"
    write_atomically(output, _npz(ids, features) if npz else _parquet(ids, features))
    return int(features.shape[1])


def _npz(ids: list[str], features: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, ids=np.array(ids, dtype=np.str_), features=features)
    return buffer.getvalue()


def _parquet(ids: list[str], features: NDArray[np.float32]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"feature{k}": pa.array(values) for k, values in enumerate(features.T)}
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(ids, pa.string()), **columns}), buffer)
    return buffer.getvalue()
