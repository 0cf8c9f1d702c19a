"""Pixels of reduced images as features: what a linear model can do without a network."""

from typing import ClassVar

import numpy as np
import torch
from pydantic import PositiveInt
from torch.nn import functional

from nearfar.data import Inputs
from nearfar.encoders.base import FixedEncoder
from nearfar.encoders.images import image_shape

VALUES = 2**24
"""Values of images that are reduced at a time, of four bytes each."""


class Pixels(FixedEncoder):
    """Images → their pixels in [0, 1], flattened, after a reduction that keeps columns few.

    Args:
        inputs: the images; their size is read.
        side: sides with more pixels are reduced to so many (antialiased), each by itself.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})
    expensive = False
    mixed_units = False

    def __init__(self, inputs: Inputs, *, side: PositiveInt = 32) -> None:
        channels, height, width = image_shape(inputs)
        self.size = [min(side, height), min(side, width)]
        self._values = channels * height * width
        self.out_features = channels * self.size[0] * self.size[1]

    def features(self, inputs: Inputs) -> np.ndarray:
        """Return the numbers of every row, float32 (n, ``out_features``); channels come first."""
        rows = np.empty((len(inputs), self.out_features), dtype=np.float32)
        at_once = max(VALUES // self._values, 1)
        for part in torch.split(torch.arange(len(inputs)), at_once):
            small = functional.interpolate(
                inputs.select(part), size=self.size, mode="bilinear", antialias=True
            )
            rows[part[0] : part[-1] + 1] = small.flatten(1).cpu().numpy()
        return rows
