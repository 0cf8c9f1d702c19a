"""Corruptions of feature vectors: noise, outliers, missing values.

Every column is changed in its own unit: its mean and (population) deviation over the given rows.
A column that does not vary is left as it is by noise and by a missing value. Columns of any kind
are changed once they are numbers, as the fit that is judged has prepared them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.vectors import Vectors

Change = Callable[[Tensor, Tensor, Tensor, float, Generator], Tensor]
"""Values (n, columns), their columns' means and deviations, size, source of draws → values."""

NEAREST, FARTHEST = 5.0, 10.0
"""Outliers lie between so many deviations from the column's mean."""


def feature_noise(
    values: Tensor, mean: Tensor, deviation: Tensor, size: float, generator: Generator
) -> Tensor:
    """Add normal noise of ``size`` times the column's deviation to every value."""
    noise = torch.randn(values.shape, generator=generator, device=values.device)
    return values + size * deviation * noise


def outliers(
    values: Tensor, mean: Tensor, deviation: Tensor, size: float, generator: Generator
) -> Tensor:
    """Replace a share ``size`` of the values by some far from the column's mean, on either side."""
    hit, far = torch.rand((2, *values.shape), generator=generator, device=values.device)
    side = 2 * far - 1
    out = (FARTHEST - NEAREST) * side + torch.where(side < 0, -NEAREST, NEAREST)
    return torch.where(hit < size, mean + deviation * out, values)


def missing(
    values: Tensor, mean: Tensor, deviation: Tensor, size: float, generator: Generator
) -> Tensor:
    """Replace a share ``size`` of the values by the column's mean, as if they were missing."""
    hit = torch.rand(values.shape, generator=generator, device=values.device)
    return torch.where(hit < size, mean, values)


@dataclass(frozen=True)
class VectorCorruption:
    """``change`` with its size at severities 1 to 5."""

    change: Change
    sizes: tuple[float, float, float, float, float]
    accepts: ClassVar[frozenset[str]] = frozenset({"vector"})

    def check(self, inputs: Any) -> str:
        """Return why these vectors cannot be corrupted so, or ""."""
        if isinstance(inputs, Columns):
            varies = len(np.unique(inputs.codes(), axis=0)) > 1
        else:
            varies = bool((inputs.values != inputs.values[:1]).any())
        return "" if varies else "no column of these rows varies, so there is nothing to scale by"

    def apply(self, inputs: Any, severity: int, key: int) -> Vectors:
        """Return corrupted vectors with the same columns."""
        values: Tensor = inputs.values
        deviation, mean = torch.std_mean(values, dim=0, correction=0)
        generator = Generator(device=values.device).manual_seed(key)
        size = self.sizes[severity - 1]
        return Vectors(self.change(values, mean, deviation, size, generator), inputs.columns)


VECTOR_CORRUPTIONS: dict[str, VectorCorruption] = {
    "feature_noise": VectorCorruption(feature_noise, (0.1, 0.2, 0.4, 0.7, 1.0)),
    "outliers": VectorCorruption(outliers, (0.01, 0.02, 0.05, 0.1, 0.2)),
    "missing": VectorCorruption(missing, (0.05, 0.1, 0.2, 0.35, 0.5)),
}
