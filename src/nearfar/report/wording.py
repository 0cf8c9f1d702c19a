"""How numbers, metrics and verdicts are written, the same in the terminal and on the page."""

import math
from collections.abc import Mapping
from typing import Any

METRIC_NAMES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mse": "MSE",
    "r2": "R²",
    "spearman": "Spearman ρ",
    "accuracy": "accuracy",
    "top3_accuracy": "top-3 accuracy",
    "balanced_accuracy": "balanced accuracy",
    "nll": "negative log-likelihood",
    "ece": "calibration error",
    "knn_accuracy": "kNN accuracy",
    "sse": "summed squared error",
    "loss": "loss",
    "pick_accuracy": "accuracy of picking the positive",
    "label_correlation": "label correlation",
    "neighbour_error": "neighbour error",
    "alignment": "alignment",
    "uniformity": "uniformity",
    "effective_rank": "effective rank",
}
HIGHER_IS_BETTER = frozenset(
    {
        "r2",
        "spearman",
        "accuracy",
        "top3_accuracy",
        "balanced_accuracy",
        "knn_accuracy",
        "pick_accuracy",
    }
)
VERDICT_SIGNS = {
    "better": "▲",
    "worse": "▼",
    "equivalent": "≈",
    "undecided": "?",
    "withheld": "✕",
    "supported": "✓",
    "not supported": "✕",
}
GROUP_NAMES = {"published": "As published", "own": "Our own", "control": "Controls"}
MISSING = "–"


def higher_is_better(summary: Mapping[str, Any]) -> bool:
    """Whether larger values of the study's metric are better; a summary says so of a plug-in's."""
    known = "higher" if summary["metric"] in HIGHER_IS_BETTER else "lower"
    return bool(summary.get("better", known) == "higher")


def metric_name(metric: str) -> str:
    """The metric as a reader knows it."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def finite(value: Any) -> float | None:
    """``value`` as a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: Any, signed: bool = False) -> str:
    """Three decimals below ten, fewer above; a true minus sign; a dash for what is missing.

    >>> number(0.2561), number(-12.34), number(None), number(0.01, signed=True)
    ('0.256', '−12.3', '–', '+0.010')
    """
    known = finite(value)
    if known is None:
        return MISSING
    size = abs(known)
    if size >= 1e5:
        text = f"{size:.1e}"
    else:
        decimals = 3 if size < 10 else 1 if size < 1000 else 0
        text = f"{size:,.{decimals}f}"
    if known < 0:
        return "−" + text
    return ("+" + text) if signed else text


def percent(value: Any) -> str:
    """A signed percentage with one decimal."""
    known = finite(value)
    if known is None:
        return MISSING
    return f"{'−' if known < 0 else '+'}{abs(known):.1f}%"


def interval(entry: dict[str, Any], signed: bool = False) -> str:
    """``[low, high]`` of an entry of ``summary.json``; empty where there is none."""
    low, high = finite(entry.get("low")), finite(entry.get("high"))
    if low is None or high is None:
        return ""
    return f"[{number(low, signed)}, {number(high, signed)}]"


def mean_std(entry: dict[str, Any] | None) -> str:
    """``mean ± std``, or the mean alone where one seed ran."""
    if entry is None or finite(entry.get("mean")) is None:
        return MISSING
    text = number(entry["mean"])
    return text if finite(entry.get("std")) is None else f"{text} ± {number(entry['std'])}"


def count(value: Any) -> str:
    """A whole number with thousands separated."""
    known = finite(value)
    return MISSING if known is None else f"{known:,.0f}"


def duration(seconds: Any) -> str:
    """Seconds in the unit that a person would choose.

    >>> duration(0.42), duration(75), duration(5400)
    ('0.4 s', '75 s', '90 min')
    """
    known = finite(seconds)
    if known is None:
        return MISSING
    if known < 10:
        return f"{known:.1f} s"
    if known < 180:
        return f"{known:.0f} s"
    return f"{known / 60:.0f} min" if known < 3 * 3600 else f"{known / 3600:.1f} h"
