"""Feature columns of any kind as they were read: not yet numbers, gaps and all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nearfar.data.inputs.vectors import Vectors

Kind = Literal["number", "boolean", "date", "category", "text"]
NUMERIC: frozenset[str] = frozenset({"number", "boolean", "date"})
"""Kinds whose cells are numbers: booleans are 0 and 1, dates seconds since 1970 (UTC)."""

RULE = 2
"""Version of how such columns become numbers (``data/prepare``): part of a data set's digest."""


@dataclass(frozen=True)
class Column:
    """One column: float64 (n,) with NaN for a missing cell, or texts (n,) with "" for one."""

    name: str
    kind: Kind
    cells: npt.NDArray[Any]
    layout: str = ""
    """Of dates: how they are written, see ``read/cells.py``; of numbers ``.`` where they have a
    decimal point though a study's have a comma."""
    truths: tuple[str, ...] = ()
    codes: bool = False
    """Of texts of a model's training, with ``truths``: see ``data/table_form.py``."""
    complete: bool = False
    """Of a model's training: no row lacked a cell, so nothing was learnt of rows that do."""

    @property
    def gaps(self) -> npt.NDArray[np.bool_]:
        """Which cells are missing (n,)."""
        empty: npt.NDArray[np.bool_] = self.cells == ""
        return np.isnan(self.cells) if self.kind in NUMERIC else empty

    def taken(self, index: npt.NDArray[np.int64]) -> Column:
        """Return the rows ``index`` alone."""
        return replace(self, cells=self.cells[index])


class Columns:
    """Feature columns of all rows, as cells.

    What encoders take is made of them by a preparation that is fitted to the training rows of a
    split (``data/prepare``): a :class:`Vectors`.

    Args:
        columns: all of one length, with different names.

    Raises:
        ValueError: if there are none, or their lengths differ.
    """

    kind: str = "vector"

    def __init__(self, columns: Sequence[Column]) -> None:
        if not columns or len({len(column.cells) for column in columns}) > 1:
            raise ValueError("need columns, all of one length")
        self.columns = tuple(columns)

    @classmethod
    def of_any(cls, inputs: Vectors | Columns) -> Columns:
        """Return complete columns of numbers as columns of cells, and such as they are."""
        if isinstance(inputs, Columns):
            return inputs
        values = inputs.values.cpu().numpy().astype(np.float64)
        return cls([Column(name, "number", values[:, k]) for k, name in enumerate(inputs.columns)])

    @property
    def has_gaps(self) -> bool:
        """Whether a cell is missing."""
        return any(bool(column.gaps.any()) for column in self.columns)

    def numeric(self) -> list[Column]:
        """Return the columns of numbers that are not missing everywhere."""
        return [
            column
            for column in self.columns
            if column.kind == "number" and not np.isnan(column.cells).all()
        ]

    def __len__(self) -> int:
        return len(self.columns[0].cells)

    def select(self, index: Tensor) -> Tensor:
        """Refuse: cells are no tensor before a preparation has made numbers of them.

        Raises:
            TypeError: always.
        """
        raise TypeError("columns of several kinds have to be prepared before they are batches")

    def take(self, index: Tensor) -> Columns:
        """Return the rows ``index`` (int64, (b,)) alone."""
        return self.taken(index.cpu().numpy())

    def taken(self, index: npt.NDArray[np.int64]) -> Columns:
        """Return the rows ``index`` (int64, (b,)) alone."""
        return Columns([column.taken(index) for column in self.columns])

    def to(self, device: torch.device | str) -> Columns:
        """Return the same columns: cells are not on a device."""
        return self

    def codes(self) -> npt.NDArray[np.int64]:
        """Return (n, columns): in each column, equal cells have equal numbers."""
        found = [
            np.unique(column.cells, return_inverse=True, equal_nan=True)[1].reshape(-1)
            if column.kind in NUMERIC
            else np.unique(column.cells.astype(str), return_inverse=True)[1].reshape(-1)
            for column in self.columns
        ]
        return np.stack(found, axis=1).astype(np.int64)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all cells, names and kinds, and the version of the rule that prepares them."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "rule": np.array([RULE]),
            "columns": np.array([column.name for column in self.columns], dtype="U"),
            "kinds": np.array([column.kind for column in self.columns], dtype="U"),
        }
        for place, column in enumerate(self.columns):
            if column.kind in NUMERIC:
                arrays[f"cells {place}"] = column.cells
            else:
                encoded = [str(cell).encode("utf-8", "surrogatepass") for cell in column.cells]
                ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
                arrays[f"cells {place}"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
                arrays[f"ends {place}"] = ends
        return arrays


def texts(cells: Sequence[str]) -> npt.NDArray[np.object_]:
    """Return texts (n,) as the cells of a column."""
    found = np.empty(len(cells), dtype=object)
    found[:] = list(cells)
    return found
