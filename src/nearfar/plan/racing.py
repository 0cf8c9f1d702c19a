"""Points of a search that are trained with several seeds: which are given up before the last one.

Every point is trained with the same seeds, so points are compared by pairs: Optuna's
``WilcoxonPruner`` gives one up that is worse than the best so far. Laps of a group of points are a
function of their outcomes alone, so that the same are given up whoever trains them.
"""

import math
import warnings
from collections.abc import Callable
from functools import lru_cache
from statistics import fmean
from typing import Literal

Better = Literal["lower", "higher"]
Values = tuple[float, ...]
"""A point's metric with each seed that it was trained with, NaN where it came to none."""


def mean_of(values: Values) -> float:
    """Return what a point is worth: its mean, NaN where one seed came to no value."""
    return fmean(values) if all(map(math.isfinite, values)) else math.nan


def best_of(told: list[Values], seeds: int, better: Better) -> Values | None:
    """Return the values of the best point that all seeds were trained of; None if there is none."""
    whole = [v for v in told if len(v) == seeds and math.isfinite(mean_of(v))]
    return min(whole, key=lambda values: _sign(better) * mean_of(values), default=None)


def raced(
    count: int,
    outcome: Callable[[int, int], float | None],
    *,
    seeds: int,
    prune: float,
    best: Values | None,
    better: Better,
) -> list[Values] | None:
    """Train a group of points lap after lap, a seed each; return their values.

    Where there is no ``best`` yet, the one that leads after the first lap gets all its seeds before
    the others go on, for them to be compared with.

    Args:
        count: how many points there are.
        outcome: takes a point's number and a seed's; see :func:`nearfar.plan.proposals.proposed`.
        seeds: of a point that is not given up.
        prune: the p-value below which one is given up; 0: none is.
        best: the values of the best point of the groups before.
        better: which values of the metric are.

    Returns:
        The values of each point, fewer than ``seeds`` where one is NaN or it was given up; None
        while outcomes are open.
    """
    values: list[Values] = [()] * count

    def lap(points: list[int], number: int) -> bool:
        ends = [outcome(point, number) for point in points]
        for point, end in zip(points, ends, strict=True):
            if end is not None:
                values[point] += (end,)
        return all(end is not None for end in ends)

    if not lap(list(range(count)), 0):
        return None
    if prune and best is None:
        finite = [k for k in range(count) if math.isfinite(values[k][0])]
        for leader in sorted(finite, key=lambda k: _sign(better) * values[k][0]):
            for number in range(1, seeds):
                if not lap([leader], number):
                    return None
                if not math.isfinite(values[leader][-1]):
                    break
            if best := best_of([values[leader]], seeds, better):
                break
    going = list(range(count))
    for number in range(1, seeds):
        going = [k for k in going if len(values[k]) == number and math.isfinite(mean_of(values[k]))]
        going = [k for k in going if not is_worse(values[k], best, prune, better)]
        if not lap(going, number):
            return None
        going = [k for k in range(count) if len(values[k]) == number + 1]
    return values


@lru_cache(maxsize=4096)
def is_worse(values: Values, best: Values | None, prune: float, better: Better) -> bool:
    """Return whether Optuna's pruner gives a point up that has these values so far."""
    if not prune or best is None:
        return False
    import optuna

    direction = "minimize" if better == "lower" else "maximize"
    study = optuna.create_study(direction=direction)
    study.add_trial(
        optuna.trial.create_trial(value=fmean(best), intermediate_values=dict(enumerate(best)))
    )
    running = optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING, intermediate_values=dict(enumerate(values))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=prune)
        return bool(pruner.prune(study, running))


def _sign(better: Better) -> int:
    return 1 if better == "lower" else -1
