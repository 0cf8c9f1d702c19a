"""The mean of a metric over several targets, each of which the truth defines or does not."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS, of_label

Floats = NDArray[np.float64]


class OverTargets:
    """Takes the metrics of one target after another and gives their means.

    Left out of a mean are targets whose truth leaves the metric undefined, which are the same for
    all that is compared. There is no mean where a target has no value though its truth defines
    it: without that target, it would be of other targets than those it is compared with.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = {}

    def take(
        self,
        split: str,
        unit: str,
        names: Collection[str],
        found: Mapping[str, float],
        defined: Callable[[str], bool],
    ) -> None:
        """Take those of ``names`` that were found of one target.

        ``unit`` is that of metrics that have one; ``defined`` says whether the truth defines one.
        """
        for name in names:
            if name in found or defined(name):
                values = self._values.setdefault((split, name, unit_of(name, unit)), [])
                values.append(found.get(name, float("nan")))

    def means(self) -> list[dict[str, Any]]:
        """Return the mean over targets of every metric of every part that has one."""
        means = {place: float(np.mean(values)) for place, values in self._values.items()}
        return [
            metric_entry(split, ALL_TARGETS, metric, unit, mean)
            for (split, metric, unit), mean in means.items()
            if not np.isnan(mean)
        ]


def defines_of_numbers(metric: str, truth: Floats) -> bool:
    """Return whether a metric of numbers has a value for some prediction of these truths (n,)."""
    value = METRICS[metric].value
    return len(truth) > 0 and any(np.isfinite(value(truth, g)) for g in (truth, truth[::-1]))


def defines_of_one(truths: Mapping[str, Floats], metric: str) -> bool:
    """The same, of the truths that the metric is given."""
    return defines_of_numbers(metric, truths[metric])


def defines_of_label(metric: str, truth: NDArray[np.number]) -> bool:
    """Return whether a metric of labels has a value for some prediction of these truths (n,)."""
    value, odds = METRICS[metric].value, np.asarray(truth, dtype=np.float64) - 0.5
    return any(np.isfinite(value(of_label(truth, guess))) for guess in (odds, -odds))


def mean_of_defined(values: Sequence[tuple[float, Callable[[], bool]]]) -> float:
    """Return the mean of values, each beside whether its truth defines it.

    nan where one is undefined though its truth defines it, or where there is none.
    """
    known = [value for value, defined in values if not np.isnan(value) or defined()]
    return float(np.mean(known)) if known else float("nan")


def unit_of(metric: str, unit: str) -> str:
    """Return the unit of a metric of targets in this unit."""
    return "" if METRICS[metric].unit == "none" else unit


def scaled(metric: str, value: float, deviation: float) -> float:
    """Return a metric in the target's own unit over the target's deviation, as it has that unit."""
    power = {"target": 1, "squared": 2, "none": 0}[METRICS[metric].unit]
    return value / deviation**power


def metric_entry(split: str, target: str, metric: str, unit: str, value: float) -> dict[str, Any]:
    """Return what a stage's outcome says of a metric."""
    return {
        "split": split,
        "target": target,
        "metric": metric,
        "unit": unit,
        "value": float(value),
    }
