"""How metrics, verdicts and entries of a summary are written, in the terminal and on the page."""

from collections.abc import Mapping
from typing import Any

from nearfar import metrics
from nearfar.metrics import label_of as metric_name
from nearfar.numbers import MISSING, count, duration, finite, number, percent

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


def higher_is_better(summary: Mapping[str, Any]) -> bool:
    """Whether larger values of the study's metric are better; a summary says so of a plug-in's."""
    known = "higher" if metrics.higher_is_better(summary["metric"]) else "lower"
    return bool(summary.get("better", known) == "higher")


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


__all__ = [
    "GROUP_NAMES",
    "MISSING",
    "VERDICT_SIGNS",
    "count",
    "duration",
    "finite",
    "interval",
    "mean_std",
    "metric_name",
    "number",
    "percent",
]
