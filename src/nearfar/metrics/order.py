"""Where numbers stand among others."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shares_below(values: Floats, among: Floats) -> Floats:
    """Return what share of ``among`` (m,), m ≥ 1, lies below each value (n,); equals count half.

    Of values among themselves this is (mean rank - 1/2) / n. O((n + m) log m); infinite values are
    allowed.
    """
    ordered = np.sort(among)
    below, up_to = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return np.asarray((below + up_to) / (2 * len(ordered)), dtype=np.float64)


def means_above(values: Floats, weights: Floats) -> Floats:
    """Return, for each value (n,), the mean over all n of the weights (n,) of those above it.

    A weight counts as 0 where the value is below, and half where it is equal. O(n log n).
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    below, up_to = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return np.asarray((sums[-1] - (sums[below] + sums[up_to]) / 2) / len(values))
