"""Features that were computed elsewhere: what a foundation model made of the rows, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from nearfar.data import Inputs
from nearfar.data.inputs.embedded import Embedded
from nearfar.encoders.base import KINDS, FixedEncoder
from nearfar.errors import UserError, shown


def _path(given: Any) -> str:
    if not isinstance(given, str) or not given.strip():
        named = "" if given in ("", None) else f", not {shown(given)}"
        raise ValueError(f"needs the name of a file of embeddings (.npz, .npy, .parquet){named}")
    return given


FilePath = Annotated[str, BeforeValidator(_path), Field(validate_default=True)]


class FileFeatures(FixedEncoder):
    """Rows → their embeddings in a file, joined by id or by row number; nothing is computed.

    The files are read with the data (``nearfar.data.embeddings``); what is found stands beside the
    inputs under the hash of its values, which alone, with the number of columns, says what a stage
    is made of: equal values from another file are the same stage, a changed file is another one.

    Args:
        inputs: the rows (nothing is read from them here).
        path: the file: ``.npz`` or ``.npy`` of numpy, parquet, or another table.
        key: its array or column of ids; without it the one called so, or the only texts.
        values: its array, or its column of lists, that holds the embeddings, where it has several.
        match: ``id`` or ``row``; by default by id where the file has ids, else by row number.
        digest: the hash of the values, once they are read.
        columns: how many columns they have.
    """

    accepts: ClassVar[frozenset[str]] = KINDS
    expensive: ClassVar[bool] = False
    settled: ClassVar[tuple[str, ...]] = ("digest", "columns")
    """Options that are known when the data are read, in the place of all others."""

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Always: another model made them."""
        return True

    def __init__(
        self,
        inputs: Inputs,
        *,
        path: FilePath = "",
        key: Annotated[str, Field(min_length=1)] | None = None,
        values: Annotated[str, Field(min_length=1)] | None = None,
        match: Literal["id", "row"] | None = None,
        digest: str = "",
        columns: int = 0,
    ) -> None:
        self.digest, self.out_features = digest, columns

    def features(self, inputs: Any) -> np.ndarray:
        """Return the embeddings of every row, float32 (n, ``out_features``).

        Raises:
            UserError: there are none of these rows.
        """
        found = inputs.embeddings.get(self.digest) if isinstance(inputs, Embedded) else None
        if found is None:
            raise UserError(
                f"this arm reads {self.out_features:,} embedding columns from a file, and there are"
                " none of these rows: nearfar predict takes them with --embeddings FILE (embed and"
                " export --to onnx do not)"
            )
        rows: np.ndarray = found
        return rows

    def feature_names(self) -> list[str]:
        """Return the numbers of the columns."""
        return [f"embedding {number + 1}" for number in range(self.out_features)]
