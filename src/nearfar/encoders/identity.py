"""The inputs themselves as features: the baseline that a learned representation must beat."""

from typing import ClassVar

import numpy as np
import torch
from torch import nn

from nearfar.data import Inputs
from nearfar.encoders.base import FixedEncoder

ROWS = 4096
"""Rows that are read at a time."""


class Identity(FixedEncoder):
    """Columns → the same columns; images → their pixels in [0, 1], flattened. Nothing is scaled.

    Args:
        inputs: the vectors or images; their size is read.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"vector", "image"})
    expensive = False

    def __init__(self, inputs: Inputs) -> None:
        self.mixed_units = inputs.kind == "vector"
        self.out_features = inputs.select(torch.zeros(1, dtype=torch.int64)).numel()

    def features(self, inputs: Inputs) -> np.ndarray:
        """Return the numbers of every row, float32 (n, ``out_features``); channels come first."""
        rows = np.empty((len(inputs), self.out_features), dtype=np.float32)
        for part in torch.split(torch.arange(len(inputs)), ROWS):
            rows[part[0] : part[-1] + 1] = inputs.select(part).flatten(1).cpu().numpy()
        return rows

    def as_module(self) -> nn.Module:
        """Return a module that flattens a batch."""
        return nn.Flatten()
