"""Which columns of features vary, in whatever unit they come."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FINE, _COARSE = 1e-12, 1e-6
"""Deviations, relative to the largest value, up to which they are rounding: of float64, float32."""


def resolved(features: NDArray[Any]) -> float:
    """Return up to which deviation, relative to the largest value, columns of this type are one."""
    return _COARSE if features.dtype.kind == "f" and features.dtype.itemsize <= 4 else _FINE


def varies(rows: NDArray[np.float64], rounding: float = _FINE) -> NDArray[np.bool_]:
    """Return which columns of ``rows`` (n, d) vary by more than ``rounding`` of their largest."""
    largest = np.abs(rows).max(axis=0)
    relative = rows / np.where(largest > 0, largest, 1.0)
    return np.asarray(relative.std(axis=0) > rounding)
