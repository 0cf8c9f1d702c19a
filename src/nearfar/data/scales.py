"""In which scale columns are, and which of them vary, in whatever unit they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-12
"""Deviations, relative to the largest value, up to which they are the rounding of float64."""


@dataclass(frozen=True)
class Scales:
    """Of each column (columns,): the largest value, and mean and deviation relative to it.

    Relative to it, sums of huge values stay finite. ``largest`` is 1 where all are 0.
    """

    largest: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, rows: Floats) -> Self:
        """Take them from rows (n, columns), n at least 1."""
        largest = np.abs(rows).max(axis=0)
        unit = np.where(largest > 0, largest, 1.0)
        relative = rows / unit
        return cls(unit, relative.mean(axis=0), relative.std(axis=0))

    @property
    def varies(self) -> npt.NDArray[np.bool_]:
        """Which columns vary by more than rounding, and by what can be divided by."""
        least = np.finfo(np.float64).tiny
        return (self.deviation > _ROUNDING) & (self.deviation * self.largest > least)

    def blurred_in_float32(self) -> bool:
        """Tell whether a column that varies would not do so as well in float32.

        Its deviation is a thousand rounding steps or less; or so small that the epsilon of a batch
        norm (1e-5 beside the variance) counts, or its square is near the largest number.
        """
        relative = self.deviation[self.varies]
        deviation = relative * self.largest[self.varies]
        coarse = relative < 1e3 * np.finfo(np.float32).eps
        return bool((coarse | (deviation < 1e-2) | (deviation > 1e15)).any())
