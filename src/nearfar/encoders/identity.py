"""The columns themselves as features: the floor that a learned representation must beat."""

from typing import ClassVar

import numpy as np
import torch

from nearfar.encoders.base import FixedEncoder, Inputs


class Identity(FixedEncoder):
    """Columns → the same columns, unscaled.

    Args:
        inputs: the vectors; their number of columns is read.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"vector"})

    def __init__(self, inputs: Inputs) -> None:
        self.out_features = int(inputs.select(torch.zeros(1, dtype=torch.int64)).shape[1])

    def features(self, inputs: Inputs) -> np.ndarray:
        """Return the columns of every row, float32 (n, columns)."""
        rows: np.ndarray = inputs.select(torch.arange(len(inputs))).numpy()
        return rows
