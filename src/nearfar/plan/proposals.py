"""Which points of a search are tried, each in the light of those before: Optuna's proposals.

What was proposed is not kept: it follows again from the seed and from how the points came out, so
the stages of a run are all that a search is resumed from. Points are proposed in groups of a fixed
size, those of a group without knowing of each other's outcome; so the choices do not depend on how
many workers there are.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nearfar.errors import UserError
from nearfar.plan.racing import Better, best_of, mean_of, raced
from nearfar.plan.racing import Values as Trained
from nearfar.study.axis import TRIALS, Axis

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FIRST = 10
"""Points that are drawn before there is anything to learn from."""
TOGETHER = 5
"""Points that are proposed at once after that."""
DIGITS = 4
"""Digits to which values of a range are rounded, more where its ends are close together."""
MOST_DIGITS = 12

Values = dict[str, tuple[str, Any]]
"""Axis → label and value."""


@dataclass(frozen=True)
class Space:
    """The axes along which an arm searches, by name, and how many points it tries.

    Each is trained with so many ``seeds``, or given up below a p-value of ``prune``.
    """

    axes: tuple[tuple[str, Axis], ...]
    seeds: int = 1
    prune: float = 0.0

    @property
    def trials(self) -> int:
        """The most that one of the axes asks for."""
        return max((axis.trials for _, axis in self.axes if axis.trials), default=TRIALS)

    def group(self, done: int) -> int:
        """Return how many points are proposed at once after so many are done."""
        return min(TOGETHER if done else FIRST, self.trials - done)

    def to_plain(self) -> dict[str, dict[str, Any]]:
        """Return the ranges and values, by axis."""
        return {name: axis.model_dump(mode="json") for name, axis in self.axes}


def seed_of(*parts: object) -> int:
    """Return the seed of a search: that of its split, its arm and its condition."""
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16)


@dataclass(frozen=True)
class Proposed:
    """How far proposals got: whether all are there, and which points were given up early."""

    complete: bool
    pruned: list[Values] = field(default_factory=list)


def proposed(
    space: Space,
    seed: int,
    better: Better,
    outcome: Callable[[Values, int], float | None],
    *,
    at_once: bool = False,
) -> Proposed:
    """Propose points, as far as the outcomes of those before are known.

    Args:
        space: the axes.
        seed: of the sampler.
        better: which values of the metric are.
        outcome: takes a point and the number of a seed, from 0; returns its metric on validation
            rows, NaN where training diverged or it has no value there, None while that is open.
        at_once: propose all with all seeds, whether outcomes are known or not.

    Raises:
        UserError: Optuna is not installed.
    """
    told: list[Trained] = []
    pruned: list[Values] = []
    while len(told) < space.trials:
        size = space.trials if at_once else space.group(len(told))
        points = _points(_Asked(space), seed, better, tuple(told), size)
        if at_once:
            for values in points:
                for number in range(space.seeds):
                    outcome(values, number)
            return Proposed(False)
        ends = _group(space, points, told, better, outcome)
        if ends is None:
            return Proposed(False, pruned)
        pruned += [
            point
            for point, end in zip(points, ends, strict=True)
            if len(end) < space.seeds and not math.isnan(mean_of(end))
        ]
        told += ends
    return Proposed(True, pruned)


def _group(
    space: Space,
    points: list[Values],
    told: list[Trained],
    better: Better,
    outcome: Callable[[Values, int], float | None],
) -> list[Trained] | None:
    """Return how the points of a group came out; None while that is open."""
    best = best_of(told, space.seeds, better)
    return raced(
        len(points),
        lambda point, number: outcome(points[point], number),
        seeds=space.seeds,
        prune=space.prune,
        best=best,
        better=better,
    )


@dataclass(frozen=True)
class _Asked:
    """A space that can be looked up: axes may have values that cannot."""

    space: Space

    def __hash__(self) -> int:
        return hash(repr(self.space))


@lru_cache(maxsize=4096)
def _points(
    asked: _Asked, seed: int, better: Better, told: tuple[Trained, ...], count: int
) -> list[Values]:
    """Return the points that follow on those of which the outcomes are ``told``."""
    try:
        import optuna
    except ImportError:
        names = ", ".join(name for name, axis in asked.space.axes if axis.searched)
        raise UserError(
            f"axes ({names}): ranges are searched by Optuna, which is not installed: "
            "pip install 'nearfar[optuna]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=FIRST, constant_liar=True)
    direction = "minimize" if better == "lower" else "maximize"
    study = optuna.create_study(sampler=sampler, direction=direction)
    ranges = {name: distribution_of(axis) for name, axis in asked.space.axes}
    worst = math.inf if better == "lower" else -math.inf
    done = 0
    while done < len(told):
        size = asked.space.group(done)
        trials = [study.ask(ranges) for _ in range(size)]
        for trial, values in zip(trials, told[done : done + size], strict=True):
            value = mean_of(values)
            study.tell(trial, worst if math.isnan(value) else value)
        done += size
    group = [study.ask(ranges) for _ in range(count)]
    return [
        {name: _labelled(axis, trial.params[name]) for name, axis in asked.space.axes}
        for trial in group
    ]


def distribution_of(axis: Axis, *, steps: bool = True) -> "BaseDistribution":
    """Return what Optuna draws the values of an axis from: numbers, or labels of a list."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if axis.from_ is None or axis.to is None:
        return CategoricalDistribution(list(axis.labelled()))
    step = axis.step if steps else None
    high = axis.to if step is None else axis.last_step
    if axis.whole:
        every = 1 if step is None else int(step)
        return IntDistribution(int(axis.from_), int(high), log=bool(axis.log), step=every)
    return FloatDistribution(axis.from_, high, log=bool(axis.log), step=step)


def _labelled(axis: Axis, proposed: Any) -> tuple[str, Any]:
    """Return label and value of what Optuna proposed for an axis; numbers are rounded."""
    if axis.from_ is None or axis.to is None:
        return str(proposed), axis.labelled()[proposed]
    if axis.whole:
        return str(proposed), proposed
    largest = max(abs(axis.from_), abs(axis.to))
    more = -math.floor(math.log10((axis.to - axis.from_) / largest))
    digits = min(DIGITS + max(0, more - 1), MOST_DIGITS) if axis.step is None else MOST_DIGITS
    value = float(f"{proposed:.{digits}g}")
    value = min(max(value, float(axis.from_)), float(axis.to))
    return str(value), value
