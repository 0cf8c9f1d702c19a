"""Feature vectors: one float32 matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Vectors:
    """Feature columns of all rows.

    Args:
        values: shape (n, columns); kept as float32.
        columns: a name for every column.

    Raises:
        ValueError: if the shape is not (n, columns), or a value is not finite.
    """

    kind: str = "vector"

    def __init__(self, values: Tensor | npt.ArrayLike, columns: Sequence[str]) -> None:
        tensor = torch.as_tensor(values).to(torch.float32).contiguous()
        if tensor.ndim != 2 or tensor.shape[1] != len(columns):
            raise ValueError(f"need shape (n, {len(columns)}), got {tuple(tensor.shape)}")
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError("a feature is missing, infinite or beyond the range of float32")
        self.values = tensor
        self.columns = list(columns)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def select(self, index: Tensor) -> Tensor:
        """Return the rows ``index`` (int64, (b,)) as a float32 tensor of shape (b, columns)."""
        return self.values.index_select(0, index.to(self.values.device))

    def take(self, index: Tensor) -> Vectors:
        """Return the rows ``index`` (int64, (b,)) alone."""
        return Vectors(self.values.index_select(0, index), self.columns)

    def to(self, device: torch.device | str) -> Vectors:
        """Return the same columns on ``device``."""
        moved = object.__new__(Vectors)
        moved.values, moved.columns = self.values.to(device), self.columns
        return moved

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the values and the column names."""
        return {"values": self.values.cpu().numpy(), "columns": np.array(self.columns, dtype="U")}
