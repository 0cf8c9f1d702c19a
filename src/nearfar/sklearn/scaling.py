"""Columns brought to one scale, in float64, before anything is trained on them in float32."""

from __future__ import annotations

import numpy as np

from nearfar.data.scales import Floats, Scales


def scale_of(rows: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation of columns (n, columns); the latter is 1 of what is constant."""
    found = Scales.of(rows)
    deviation = np.where(found.varies, found.deviation, 1.0)
    return found.mean * found.largest, deviation * found.largest


def scaled(rows: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Return rows (n, columns) in deviations from the mean."""
    return np.asarray((rows - mean) / deviation, dtype=np.float64)
