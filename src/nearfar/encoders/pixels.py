"""Pixels of reduced images as features: what a linear model can do without a network."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from nearfar.data import Inputs
from nearfar.encoders.base import FixedEncoder
from nearfar.encoders.images import image_shape

VALUES = 2**24
"""Values of images that are reduced at a time, of four bytes each."""


class Reduction(nn.Module):
    """The same reduction as one matrix for the rows of an image and one for its columns.

    Args:
        before: height and width of the images.
        after: theirs when reduced.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, before: Sequence[int], after: Sequence[int]) -> None:
        super().__init__()
        for name, side, reduced in zip(("rows", "columns"), before, after, strict=True):
            self.register_buffer(name, _matrix(side, reduced))

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features (b, c · h' · w') of images (b, c, h, w)."""
        return (self.rows @ batch @ self.columns.T).flatten(1)


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
        self.sides = [height, width]
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

    def as_module(self) -> nn.Module:
        """Return a module that reduces and flattens a batch."""
        return Reduction(self.sides, self.size)


def _matrix(before: int, after: int) -> Tensor:
    """Return what reduces a line of pixels: float32 (after, before)."""
    lines = torch.eye(before)[None, None]
    size = [after, before]
    return functional.interpolate(lines, size=size, mode="bilinear", antialias=True)[0, 0]
