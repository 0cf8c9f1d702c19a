"""Molecules or images with measured columns beside them: a temperature, a solvent, an age."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.vectors import Vectors


@dataclass(frozen=True)
class JoinedBatch:
    """Some rows: ``batch`` as an encoder of ``Joined.inputs`` takes it, and their columns."""

    batch: Any
    columns: Tensor
    """float32 (b, c)."""

    def __len__(self) -> int:
        return len(self.columns)

    def rows_between(self, begin: int, end: int) -> JoinedBatch:
        """Return the rows from ``begin`` on, up to ``end``."""
        tensor = isinstance(self.batch, Tensor)
        some = self.batch[begin:end] if tensor else self.batch.rows_between(begin, end)
        return JoinedBatch(some, self.columns[begin:end])


@dataclass(frozen=True)
class Joined:
    """What an encoder looks at, and columns that stand beside its features before the head.

    ``columns`` are cells at first; a stage prepares them by its training rows (``data/prepare``).
    Pre-training does not see them: an encoder of two views of one row would tell the pair by them.
    """

    inputs: Any
    """``Molecules`` or ``Images`` (n rows)."""
    columns: Columns | Vectors

    @property
    def kind(self) -> str:
        """``molecule`` or ``image``."""
        kind: str = self.inputs.kind
        return kind

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, index: Tensor) -> JoinedBatch:
        """Return the batch of the rows ``index`` (int64, (b,)); the columns must be prepared."""
        return JoinedBatch(self.inputs.select(index), self.columns.select(index))

    def take(self, index: Tensor) -> Joined:
        """Return the rows ``index`` (int64, (b,)) alone."""
        return Joined(self.inputs.take(index), self.columns.take(index))

    def to(self, device: torch.device | str) -> Joined:
        """Return the same rows on ``device``."""
        return Joined(self.inputs.to(device), self.columns.to(device))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the rows consist of."""
        beside = {f"beside.{name}": array for name, array in self.columns.arrays().items()}
        return {**self.inputs.arrays(), **beside}

    def having(self, inputs: Any) -> Joined:
        """Return these columns beside other molecules or images (n rows)."""
        return replace(self, inputs=inputs)


def without_columns(inputs: Any) -> Any:
    """Return the molecules or images alone where columns stand beside them; others as they are."""
    return inputs.inputs if isinstance(inputs, Joined) else inputs
