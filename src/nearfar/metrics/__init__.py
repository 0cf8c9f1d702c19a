"""From (truth, prediction) to numbers: what is measured, and which direction is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearfar.metrics.classification import (
    Classified,
    accuracy,
    balanced_accuracy,
    balanced_rows,
    correct_rows,
    ece,
    nll,
    nll_rows,
    top3_accuracy,
    top3_rows,
)
from nearfar.metrics.reconstruction import sse, sse_rows
from nearfar.metrics.regression import (
    absolute_errors,
    mae,
    mse,
    r2,
    r2_rows,
    rmse,
    rmse_rows,
    spearman,
    squared_errors,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """What a metric's values mean.

    ``label`` is how a reader sees it; ``better`` is the direction of improvement; ``value`` maps
    (truth, prediction) of a regression, :class:`Classified` rows, or the squared errors of
    reconstructed rows, to the number, nan where it is
    undefined; ``row_scores`` maps them to numbers per row whose mean is the metric to first order,
    None where there are none.
    """

    label: str
    better: Literal["lower", "higher"]
    value: Callable[..., float]
    row_scores: Callable[..., Array] | None = None


REGRESSION: dict[str, Metric] = {
    "mae": Metric("MAE", "lower", mae, absolute_errors),
    "rmse": Metric("RMSE", "lower", rmse, rmse_rows),
    "mse": Metric("MSE", "lower", mse, squared_errors),
    "r2": Metric("R²", "higher", r2, r2_rows),
    "spearman": Metric("Spearman correlation", "higher", spearman),
}
CLASSIFICATION: dict[str, Metric] = {
    "accuracy": Metric("accuracy", "higher", accuracy, correct_rows),
    "top3_accuracy": Metric("top-3 accuracy", "higher", top3_accuracy, top3_rows),
    "balanced_accuracy": Metric("balanced accuracy", "higher", balanced_accuracy, balanced_rows),
    "nll": Metric("negative log-likelihood", "lower", nll, nll_rows),
    "ece": Metric("calibration error", "lower", ece),
}
RECONSTRUCTION: dict[str, Metric] = {
    "sse": Metric("summed squared error", "lower", sse, sse_rows),
}
METRICS: dict[str, Metric] = {**REGRESSION, **CLASSIFICATION, **RECONSTRUCTION}
METRICS_OF: dict[str, dict[str, Metric]] = {
    "regression": REGRESSION,
    "classification": CLASSIFICATION,
    "reconstruction": RECONSTRUCTION,
}
"""The metrics that a task has; the first one is its default."""


def evaluate_regression(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Return every regression metric that is defined for these rows.

    ``truth`` and ``prediction`` are (n,), n ≥ 1, finite, in one unit. A metric that is undefined
    is left out: ``spearman`` when either side is constant, ``r2`` when the truth is. Raises
    ValueError for other shapes, for no rows, and for a value that is not finite: a diverged
    prediction never becomes a number.
    """
    first = np.asarray(truth, dtype=np.float64)
    second = np.asarray(prediction, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise ValueError(
            f"truth and prediction must be (n,) with n ≥ 1, got {first.shape} and {second.shape}"
        )
    for name, values in (("truth", first), ("prediction", second)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise ValueError(f"{name} has {bad} of {values.size} values that are not finite")
    values_by_name = {name: metric.value(first, second) for name, metric in REGRESSION.items()}
    return {name: value for name, value in values_by_name.items() if np.isfinite(value)}


def evaluate_classification(rows: Classified) -> dict[str, float]:
    """Return every classification metric that is finite."""
    found = {name: metric.value(rows) for name, metric in CLASSIFICATION.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


__all__ = [
    "CLASSIFICATION",
    "METRICS",
    "METRICS_OF",
    "RECONSTRUCTION",
    "REGRESSION",
    "Classified",
    "Metric",
    "evaluate_classification",
    "evaluate_regression",
]
