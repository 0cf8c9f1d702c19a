"""Columns brought to one scale, in float64, before anything is trained on them in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def scale_of(rows: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation of the columns of rows (n, columns); 1 where a column is constant.

    They are taken relative to the largest value of a column: sums of huge values stay finite.
    """
    largest = np.abs(rows).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    relative = rows / unit
    mean, deviation = relative.mean(axis=0), relative.std(axis=0)
    varies = deviation > 1e-12
    return mean * unit, np.where(varies, deviation, 1.0) * unit


def scaled(rows: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Return rows (n, columns) in deviations from the mean."""
    return np.asarray((rows - mean) / deviation, dtype=np.float64)
