"""Metrics of reconstructions, of the squared errors of rows."""

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics.metric import OF_ERROR, Metric

Floats = NDArray[np.float64]


def sse(squares: Floats) -> float:
    """Mean over rows (n,) of the squared error summed over a row's numbers, values in [0, 1]."""
    return float(squares.mean())


def sse_rows(squares: Floats) -> Floats:
    """Row scores of :func:`sse`."""
    return squares


SSE = Metric(
    "sse",
    "summed squared error",
    "lower",
    "none",
    sse,
    sse_rows,
    "reconstruction",
    OF_ERROR,
    least=0.0,
)
