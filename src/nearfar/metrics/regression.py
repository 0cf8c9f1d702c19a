"""Metrics of regression: ``(truth, prediction)``, float64 ``(n,)`` each, to one number.

``row_scores`` of a metric are numbers per row whose mean is the metric and whose variance over
rows, divided by n, is the metric's sampling variance to first order (Hampel's influence function
plus the metric). They let a comparison on a fixed test set count how few its rows are.
"""

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics.metric import OF_ERROR, Margin, Metric
from nearfar.metrics.order import means_above, shares_below

Array = NDArray[np.float64]


def mae(truth: Array, prediction: Array) -> float:
    """Mean absolute error, in the target's unit."""
    return float(np.abs(truth - prediction).mean())


def mse(truth: Array, prediction: Array) -> float:
    """Mean squared error, in the target's unit squared."""
    return float(np.square(truth - prediction).mean())


def rmse(truth: Array, prediction: Array) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(mse(truth, prediction)))


def r2(truth: Array, prediction: Array) -> float:
    """Share of the variance explained, 1 - MSE / variance; nan when the truth is constant."""
    variance = _variance(truth)
    return 1.0 - mse(truth, prediction) / variance if variance > 0 else float("nan")


def spearman(truth: Array, prediction: Array) -> float:
    """Spearman's rank correlation, ties with their mean rank.

    0 where the prediction is constant, nan where the truth is.
    """
    from scipy.stats import rankdata

    first, second = rankdata(truth), rankdata(prediction)
    first -= first.mean()
    second -= second.mean()
    if first @ first == 0:
        return float("nan")
    if second @ second == 0:
        return 0.0
    return float(first @ second) / float(np.sqrt((first @ first) * (second @ second)))


def absolute_errors(truth: Array, prediction: Array) -> Array:
    """Row scores of :func:`mae`, shape (n,)."""
    return np.abs(truth - prediction)


def squared_errors(truth: Array, prediction: Array) -> Array:
    """Row scores of :func:`mse`, shape (n,)."""
    return np.square(truth - prediction)


def rmse_rows(truth: Array, prediction: Array) -> Array:
    """Row scores of :func:`rmse`, shape (n,): rmse + (e² - mse) / (2 rmse)."""
    squares = np.square(truth - prediction)
    mean = squares.mean()
    root = np.sqrt(mean)
    if root == 0:
        return np.zeros_like(squares)
    return np.asarray(root + (squares - mean) / (2 * root))


def r2_rows(truth: Array, prediction: Array) -> Array:
    """Row scores of :func:`r2`, shape (n,): r2 - (e² - mse)/v + mse (c² - v)/v², c centred truth.

    nan where the truth is constant.
    """
    squares = np.square(truth - prediction)
    mean = squares.mean()
    centred = np.square(truth - truth.mean())
    variance = _variance(truth)
    if variance == 0:
        return np.full_like(squares, np.nan)
    influence = mean * (centred - variance) / variance**2 - (squares - mean) / variance
    return np.asarray(1 - mean / variance + influence)


def spearman_rows(truth: Array, prediction: Array) -> Array:
    """Row scores of :func:`spearman`, (n,): all 0 of a constant prediction, nan of such a truth.

    The metric is A / √(BC), with A = mean f·g, B = mean f², C = mean g², where f and g are what
    share of the rows lies below, ties half, less 1/2. A row adds its own f·g to A, and moves the f
    of every row with a larger truth and the g of every row with a larger prediction; B and C, fixed
    without ties, move likewise. So ties are allowed for.
    """
    first, second = shares_below(truth, truth) - 0.5, shares_below(prediction, prediction) - 0.5
    cross, one, two = (first * second).mean(), np.square(first).mean(), np.square(second).mean()
    if one == 0:
        return np.full(len(truth), np.nan)
    if two == 0:
        return np.zeros(len(truth))
    cross_moves = (
        first * second + means_above(truth, second) + means_above(prediction, first) - 3 * cross
    )
    one_moves = np.square(first) + 2 * means_above(truth, first) - 3 * one
    two_moves = np.square(second) + 2 * means_above(prediction, second) - 3 * two
    value = cross / np.sqrt(one * two)
    moves = cross_moves / np.sqrt(one * two) - value / 2 * (one_moves / one + two_moves / two)
    return np.asarray(value + moves)


def _variance(truth: Array) -> float:
    """Return the variance; of a constant 0, though the mean of equal numbers may be another."""
    return float(truth.var()) if truth.min() < truth.max() else 0.0


TASK = "regression"
_OF_SQUARE = Margin(0.2, True, "two tenths of a squared error are a tenth of its root")
_OF_VARIANCE = Margin(0.02, False, "two hundredths of the variance")
_OF_CORRELATION = Margin(0.02, False, "two hundredths of a perfect correlation")

MAE = Metric("mae", "MAE", "lower", "target", mae, absolute_errors, TASK, OF_ERROR, least=0.0)
RMSE = Metric("rmse", "RMSE", "lower", "target", rmse, rmse_rows, TASK, OF_ERROR, least=0.0)
MSE = Metric("mse", "MSE", "lower", "squared", mse, squared_errors, TASK, _OF_SQUARE, least=0.0)
R2 = Metric("r2", "R²", "higher", "none", r2, r2_rows, TASK, _OF_VARIANCE, most=1.0)
SPEARMAN = Metric(
    "spearman",
    "Spearman correlation",
    "higher",
    "none",
    spearman,
    spearman_rows,
    TASK,
    _OF_CORRELATION,
    least=-1.0,
    most=1.0,
)
