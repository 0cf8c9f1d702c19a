"""Pictures of searches: every point along the axes, and how much each axis mattered."""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean
from typing import Any

from nearfar.metrics import METRICS
from nearfar.report.wording import finite, metric_name

Choice = Mapping[str, Any]


def searched(choices: Sequence[Choice]) -> bool:
    """Whether there is something to draw: points that were proposed, and that have ended."""
    return bool(choices[0].get("space")) and any(_points(choice) for choice in choices)


def room_of(number: int, choices: Sequence[Choice]) -> str:
    """Return room for the pictures of an arm's searches, the so many-th of the page."""
    return (
        f'<p class="about">{escape(_meaning(choices))}</p>'
        f'<div class="grid wide" id="chosen-search-{number}"></div>'
    )


def picture_of(title: str, choices: Sequence[Choice]) -> dict[str, Any]:
    """Return an arm's searches as the script draws them, those of several splits together.

    Those that another metric decided than the first one are left out: values would not compare.
    ``points`` are ``[seed, places along the axes, value, rank among its search, state]``: ranks go
    from 0 (best) to 1, and a state is ``chosen``, ``pruned`` or ``done``.
    """
    space: Mapping[str, Mapping[str, Any]] = choices[0]["space"]
    metric = choices[0]["metric"]
    return {
        "title": title,
        "metric": metric_name(metric),
        "better": METRICS[metric].better,
        "axes": [_axis(name, axis) for name, axis in space.items()],
        "points": [
            point for choice in choices if choice["metric"] == metric for point in _points(choice)
        ],
        "importance": importance_of(choices),
    }


def importance_of(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Return the shares of each axis, of every search and their mean, largest mean first."""
    known = [choice["importance"] for choice in choices if choice.get("importance")]
    axes = sorted({axis for shares in known for axis in shares})
    found = []
    for axis in axes:
        each = [value for shares in known if (value := finite(shares.get(axis))) is not None]
        if each:
            found.append({"axis": axis, "mean": fmean(each), "each": each})
    return sorted(found, key=lambda entry: -entry["mean"])


def _meaning(choices: Sequence[Choice]) -> str:
    text = (
        "A line is a point, from its values to its validation metric; the stronger, the better "
        "among the points of its search, and orange is what was chosen."
    )
    points = [point for choice in choices for point in choice.get("points") or []]
    if any(point.get("status") == "pruned" for point in points):
        text += " Dashed ones were given up early."
    if not importance_of(choices):
        return text
    return (
        f"{text} The importance of an axis is its share in how the metric varies over the points "
        "(fANOVA), a mark for each search."
    )


def _axis(name: str, axis: Mapping[str, Any]) -> dict[str, Any]:
    if axis.get("from") is None:
        values = axis.get("values") or []
        return {"name": name, "labels": [str(value) for value in values]}
    return {"name": name, "range": [axis["from"], axis["to"]], "log": bool(axis.get("log"))}


def _points(choice: Choice) -> list[list[Any]]:
    metric, space = choice["metric"], choice["space"]
    sign = 1.0 if METRICS[metric].better == "lower" else -1.0
    ended = [
        (point, value)
        for point in choice.get("points") or []
        if (value := finite((point.get("values") or {}).get(metric))) is not None
    ]
    order = sorted(range(len(ended)), key=lambda k: sign * ended[k][1])
    rank = {k: place / max(1, len(order) - 1) for place, k in enumerate(order)}
    seed = ", ".join(str(seed) for seed in choice.get("seeds") or [])
    return [
        [
            seed,
            [_place(space[axis], point["labels"].get(axis)) for axis in space],
            value,
            round(rank[k], 3),
            "chosen" if point["labels"] == choice.get("chosen") else str(point.get("status")),
        ]
        for k, (point, value) in enumerate(ended)
    ]


def _place(axis: Mapping[str, Any], label: Any) -> float | str | None:
    """Return the number of a point on a range, or its label among values."""
    if axis.get("from") is None:
        return str(label)
    try:
        return finite(float(label))
    except (TypeError, ValueError):
        return None
