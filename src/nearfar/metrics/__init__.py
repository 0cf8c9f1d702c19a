"""From (truth, prediction) to numbers: what is measured, and which direction is better.

A metric stands in a file, with its name, label, direction, unit, task and computation, and in one
line of the dictionary below; everything else reads these.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nearfar.extensions import Registry
from nearfar.metrics.binary import of_label
from nearfar.metrics.classification import (
    Classified,
    confusion,
    recalls,
)
from nearfar.metrics.metric import Margin, Measure, Metric
from nearfar.metrics.representation import MEASURES
from nearfar.references import References

BUILT_IN = References[Metric](
    {
        "mae": "nearfar.metrics.regression:MAE",
        "rmse": "nearfar.metrics.regression:RMSE",
        "mse": "nearfar.metrics.regression:MSE",
        "r2": "nearfar.metrics.regression:R2",
        "spearman": "nearfar.metrics.regression:SPEARMAN",
        "accuracy": "nearfar.metrics.classification:ACCURACY",
        "top3_accuracy": "nearfar.metrics.classification:TOP3_ACCURACY",
        "balanced_accuracy": "nearfar.metrics.classification:BALANCED_ACCURACY",
        "auroc": "nearfar.metrics.auroc:AUROC",
        "average_precision": "nearfar.metrics.binary:AVERAGE_PRECISION",
        "f1": "nearfar.metrics.binary:F1",
        "f1_micro": "nearfar.metrics.binary:F1_MICRO",
        "mcc": "nearfar.metrics.binary:MCC",
        "brier": "nearfar.metrics.binary:BRIER",
        "nll": "nearfar.metrics.classification:NLL",
        "ece": "nearfar.metrics.classification:ECE",
        "sse": "nearfar.metrics.reconstruction:SSE",
    }
)
TASKS = ("regression", "classification", "multilabel", "reconstruction")
DEFAULTS = {"multilabel": "average_precision"}
"""The metric of a study that names none, where it is not the first of its task."""

DECIDED = frozenset({"accuracy", "balanced_accuracy", "f1", "f1_micro", "mcc"})
"""The metrics of classes that go by decisions alone: they need no probabilities."""


def _of_task(task: str) -> dict[str, Metric]:
    found = {name: metric for name, metric in BUILT_IN.items() if metric.judges(task)}
    return dict(sorted(found.items(), key=lambda item: item[0] != DEFAULTS.get(task)))


METRICS_OF: dict[str, dict[str, Metric]] = {task: _of_task(task) for task in TASKS}
"""The built-in metrics that a task has; the first one is its default."""
REGRESSION, CLASSIFICATION, MULTILABEL, RECONSTRUCTION = METRICS_OF.values()

MONITORED = {
    "loss": "loss",
    "knn_accuracy": "kNN accuracy",
    "pick_accuracy": "accuracy of picking the positive",
}
"""What curves show of training beside metrics, and how a reader sees it."""


def labels() -> dict[str, str]:
    """Return the label of everything that is measured, by its name."""
    registered: list[Metric | Measure] = [*METRICS.values(), *MEASURES.values()]
    return {**MONITORED, **{entry.name: entry.label for entry in registered}}


def label_of(name: str) -> str:
    """Return how a reader sees a metric, a measure or a curve; of another one, its name."""
    return labels().get(name, name.replace("_", " "))


def higher_is_better(name: str) -> bool:
    """Return whether larger values of a metric are better; not so of one that nobody knows."""
    metric = METRICS.built_in.get(name)
    return metric is not None and metric.better == "higher"


def metric_mistake(metric: Any) -> str:
    """Return what an object lacks to be a metric of a study file, empty if nothing."""
    if not isinstance(metric, Metric):
        return "is not a nearfar.metrics.Metric"
    if metric.better not in ("lower", "higher"):
        return f"has better={metric.better!r}; allowed: higher, lower"
    if metric.unit not in ("target", "squared", "none"):
        return f"has unit={metric.unit!r}; allowed: none, squared, target"
    if metric.task not in METRICS_OF:
        return f"has task={metric.task!r}; allowed: {', '.join(sorted(METRICS_OF))}"
    known = callable(metric.value)
    return _margin_mistake(metric.same) if known else "has a value that is no function"


def _margin_mistake(margin: Any) -> str:
    if not isinstance(margin, Margin):
        return f"has same={margin!r}, which is not a nearfar.metrics.Margin"
    given: dict[str, Any] = vars(margin)
    amount, relative, why = given["amount"], given["relative"], given["why"]
    number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if not number or not np.isfinite(amount) or amount <= 0:
        return f"has same.amount={amount!r}; allowed: a number above 0"
    if not isinstance(relative, bool):
        return f"has same.relative={relative!r}; allowed: True, False"
    if not isinstance(why, str) or not why.strip():
        return "has an empty same.why: say why a smaller difference is none"
    return ""


METRICS = Registry("metric", "metrics", BUILT_IN, metric_mistake)


def evaluate_regression(
    truth: ArrayLike, prediction: ArrayLike, also: Sequence[str] = ()
) -> dict[str, float]:
    """Return every built-in metric that is defined for these rows, and those of ``also``.

    ``truth`` and ``prediction`` are (n,), n ≥ 1, finite, in one unit. A metric that is undefined
    is left out: ``spearman`` and ``r2`` when the truth is constant. Raises
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


def evaluate_label(rows: Classified, also: Sequence[str] = ()) -> dict[str, float]:
    """Return every built-in metric of a label that is finite, and those of ``also``."""
    return _finite(rows, _with(MULTILABEL, also), pooled=False)


def evaluate_pooled(rows: Classified, also: Sequence[str] = ()) -> dict[str, float]:
    """Return every metric of all labels of all rows together that is finite; ``rows`` are pairs."""
    return _finite(rows, _with(MULTILABEL, also), pooled=True)


def _finite(rows: Classified, metrics: dict[str, Metric], *, pooled: bool) -> dict[str, float]:
    found = {n: metric.value(rows) for n, metric in metrics.items() if metric.pooled == pooled}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _with(built_in: dict[str, Metric], also: Sequence[str]) -> dict[str, Metric]:
    return {**built_in, **{name: METRICS[name] for name in also}}


__all__ = [
    "CLASSIFICATION",
    "DECIDED",
    "MEASURES",
    "METRICS",
    "METRICS_OF",
    "MULTILABEL",
    "RECONSTRUCTION",
    "REGRESSION",
    "Classified",
    "Margin",
    "Measure",
    "Metric",
    "confusion",
    "evaluate_classification",
    "evaluate_label",
    "evaluate_pooled",
    "evaluate_regression",
    "higher_is_better",
    "label_of",
    "labels",
    "of_label",
    "recalls",
]
