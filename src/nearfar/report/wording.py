"""How metrics, verdicts and entries of a summary are written, in the terminal and on the page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nearfar import metrics
from nearfar.metrics import label_of as metric_name
from nearfar.numbers import (
    MISSING,
    count,
    duration,
    finite,
    fixed,
    number,
    percent,
    together,
    with_spread,
)

VERDICT_SIGNS = {
    "better": "▲",
    "worse": "▼",
    "same": "≈",
    "undecided": "?",
    "withheld": "✕",
    "supported": "✓",
    "not supported": "✕",
}
VERDICT_NAMES = {"same": "no relevant difference"}
"""How verdicts are written; the others are their own names."""

GROUP_NAMES = {"published": "As published", "own": "Our own", "control": "Controls"}


def higher_is_better(summary: Mapping[str, Any]) -> bool:
    """Whether larger values of the study's metric are better; a summary says so of a plug-in's."""
    known = "higher" if metrics.higher_is_better(summary["metric"]) else "lower"
    return bool(summary.get("better", known) == "higher")


def verdict_name(word: str) -> str:
    """How a verdict is written."""
    return VERDICT_NAMES.get(word, word)


def chances(entry: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """The chances of better, no relevant difference and worse; None where nothing was tested."""
    found = [finite(entry.get(key)) for key in ("p_better", "p_same", "p_worse")]
    better, same, worse = found
    return None if better is None or same is None or worse is None else (better, same, worse)


def whole_percents(shares: Sequence[float]) -> list[int]:
    """Shares of 1 as whole percents that add up to 100: the largest remainders are rounded up.

    >>> whole_percents([0.004, 0.841, 0.155])
    [0, 84, 16]
    """
    exact = [100 * share for share in shares]
    whole = [math.floor(value) for value in exact]
    places = sorted(range(len(exact)), key=lambda k: whole[k] - exact[k])
    for k in places[: 100 - sum(whole)]:
        whole[k] += 1
    return whole


def chance_words(found: Sequence[float]) -> str:
    """``better 0.3%, no relevant difference 84.2%, worse 15.5%``."""
    names = ("better", verdict_name("same"), "worse")
    return ", ".join(f"{name} {_chance(p)}" for name, p in zip(names, found, strict=True))


def _chance(p: float) -> str:
    """A chance with one decimal; neither impossible nor certain by rounding."""
    if 0 < p < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < p < 1 else f"{fixed(100 * p, 1)}%"


def difference(comparison: Mapping[str, Any]) -> str:
    """The difference of a comparison, signed, with the decimals of its interval."""
    found, low, high = (finite(comparison.get(key)) for key in ("difference", "low", "high"))
    if found is None or low is None or high is None:
        return number(found, signed=True)
    return together([found, low, high], signed=True)[0]


def interval(entry: Mapping[str, Any], signed: bool = False) -> str:
    """``[low, high]`` of an entry of ``summary.json``; empty where there is none."""
    low, high = finite(entry.get("low")), finite(entry.get("high"))
    if low is None or high is None:
        return ""
    first, last = together([low, high], signed)
    return f"[{first}, {last}]"


def mean_std(entry: dict[str, Any] | None) -> str:
    """``mean ± std``, or the mean alone where one seed ran."""
    if entry is None or finite(entry.get("mean")) is None:
        return MISSING
    mean, spread = entry["mean"], finite(entry.get("std"))
    return number(mean) if spread is None else with_spread(mean, spread)


__all__ = [
    "GROUP_NAMES",
    "MISSING",
    "VERDICT_NAMES",
    "VERDICT_SIGNS",
    "chance_words",
    "chances",
    "count",
    "difference",
    "duration",
    "finite",
    "interval",
    "mean_std",
    "metric_name",
    "number",
    "percent",
    "verdict_name",
    "whole_percents",
]
