"""From (truth, prediction) to numbers: what is measured, and which direction is better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearfar.extensions import Registry
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
    None where there are none. ``task`` is what is predicted: ``regression``, ``classification`` or
    ``reconstruction``.
    """

    label: str
    better: Literal["lower", "higher"]
    value: Callable[..., float]
    row_scores: Callable[..., Array] | None = None
    task: str = "regression"


REGRESSION: dict[str, Metric] = {
    "mae": Metric("MAE", "lower", mae, absolute_errors),
    "rmse": Metric("RMSE", "lower", rmse, rmse_rows),
    "mse": Metric("MSE", "lower", mse, squared_errors),
    "r2": Metric("R²", "higher", r2, r2_rows),
    "spearman": Metric("Spearman correlation", "higher", spearman),
}
CLASSES = "classification"
CLASSIFICATION: dict[str, Metric] = {
    "accuracy": Metric("accuracy", "higher", accuracy, correct_rows, CLASSES),
    "top3_accuracy": Metric("top-3 accuracy", "higher", top3_accuracy, top3_rows, CLASSES),
    "balanced_accuracy": Metric(
        "balanced accuracy", "higher", balanced_accuracy, balanced_rows, CLASSES
    ),
    "nll": Metric("negative log-likelihood", "lower", nll, nll_rows, CLASSES),
    "ece": Metric("calibration error", "lower", ece, task=CLASSES),
}
RECONSTRUCTION: dict[str, Metric] = {
    "sse": Metric("summed squared error", "lower", sse, sse_rows, task="reconstruction"),
}
METRICS_OF: dict[str, dict[str, Metric]] = {
    "regression": REGRESSION,
    "classification": CLASSIFICATION,
    "reconstruction": RECONSTRUCTION,
}
"""The built-in metrics that a task has; the first one is its default."""


def metric_mistake(metric: Any) -> str:
    """Return what an object lacks to be a metric of a study file, empty if nothing."""
    if not isinstance(metric, Metric):
        return "is not a nearfar.metrics.Metric"
    if metric.better not in ("lower", "higher"):
        return f"has better={metric.better!r}; allowed: higher, lower"
    if metric.task not in METRICS_OF:
        return f"has task={metric.task!r}; allowed: {', '.join(sorted(METRICS_OF))}"
    return "" if callable(metric.value) else "has a value that is no function"


METRICS = Registry(
    "metric", "metrics", {**REGRESSION, **CLASSIFICATION, **RECONSTRUCTION}, metric_mistake
)


def evaluate_regression(
    truth: ArrayLike, prediction: ArrayLike, also: Sequence[str] = ()
) -> dict[str, float]:
    """Return every built-in metric that is defined for these rows, and those of ``also``.

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
    values_by_name = {
        name: metric.value(first, second) for name, metric in _with(REGRESSION, also).items()
    }
    return {name: value for name, value in values_by_name.items() if np.isfinite(value)}


def evaluate_classification(rows: Classified, also: Sequence[str] = ()) -> dict[str, float]:
    """Return every built-in classification metric that is finite, and those of ``also``."""
    found = {name: metric.value(rows) for name, metric in _with(CLASSIFICATION, also).items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _with(built_in: dict[str, Metric], also: Sequence[str]) -> dict[str, Metric]:
    return {**built_in, **{name: METRICS[name] for name in also}}


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
