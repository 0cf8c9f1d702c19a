"""Words that sentences about a study are made of."""

from collections.abc import Iterable
from dataclasses import replace

from nearfar.analysis.comparison import training_count
from nearfar.analysis.results import RunResults, Series
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS, label_of
from nearfar.numbers import number

SHOWN = 6
UNIT_WORDS = {"z": "z-scored", "target": "in its own unit"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def extreme(results: RunResults) -> str:
    """What the best mean is called."""
    return "lowest" if METRICS[results.metric].better == "lower" else "highest"


def measure(metric: str, target: str) -> str:
    """``MAE``, or ``MAE over all targets``."""
    label = label_of(metric)
    return f"{label} over {target}" if target == ALL_TARGETS else label


def mean_size(arm: str, series: Series, results: RunResults) -> str:
    """A mean in the primary unit, and in the target's own where it was measured in both."""
    units = [series.unit] + [
        s.unit
        for s in results.series(arm, series.condition)
        if s == replace(series, unit=s.unit) and s.unit != series.unit
    ]
    means = [(results.mean(arm, replace(series, unit=unit)), unit) for unit in units]
    verdict_lines = [
        f"{number(mean)} {UNIT_WORDS.get(unit, unit)}".strip()
        for mean, unit in means
        if mean is not None
    ]
    seeds = training_count(len(results.series(arm, series.condition)[series]))
    return f"{verdict_lines[0]}{''.join(f' ({also})' for also in verdict_lines[1:])} over {seeds}"


def listed(items: Iterable[str], last: str = " and ") -> str:
    names = list(items)
    if len(names) > SHOWN:
        return ", ".join(names[:SHOWN]) + f"{last}{len(names) - SHOWN} more"
    return ", ".join([*names[:-2], last.join(names[-2:])])


def spelled(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)
