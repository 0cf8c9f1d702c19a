"""From what stages took on few rows to what they will take on all, by how they grow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from nearfar.data import Split
from nearfar.execution.estimate.rehearsal import Measured
from nearfar.objectives import OBJECTIVES
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle
from nearfar.plan.specs import FitSpec, PretrainSpec, SolveSpec
from nearfar.train.recipe import Recipe
from nearfar.train.rounds import PARTS, Rounds

SOLVED = 0.7, 2.5
"""Between which powers of the rows the time of a solved head is taken to grow."""
LINEAR = 1.0, 1.0
"""The same of what is done row by row."""


@dataclass(frozen=True)
class Took:
    """What a bundle of stages will take: seconds of its own, of features for all, and bytes."""

    seconds: float
    features: Mapping[str, float]
    bytes: float


def taken(measured: Sequence[Measured], bundle: Bundle, splits: Sequence[Split]) -> Took:
    """Return what a bundle takes on all rows.

    Where it was rehearsed once, nobody knows what of the rest stays. What is done with a row beside
    training costs no more than a step with it.

    Args:
        measured: on more and more rows, at least once.
        bundle: its stages.
        splits: of all rows, one for each stage, as its conditions leave them.
    """
    last = measured[-1]
    rows = _rows(splits[0])
    spec = bundle[0].spec
    powers = SOLVED if isinstance(spec, SolveSpec) else LINEAR
    rest = _grown([(m.rows, m.rest) for m in measured], rows, powers)
    if len(measured) == 1 and isinstance(spec, PretrainSpec | FitSpec):
        rest = min(rest, last.rest + rows * last.round / _seen(spec.recipe, last.trained))
    trained = [_trained(step, split, last) for step, split in zip(bundle, splits, strict=True)]
    features = {
        name: _grown([(m.rows, m.features.get(name, s)) for m in measured], rows, LINEAR)
        for name, s in last.features.items()
    }
    size = _grown([(m.rows, float(m.bytes - m.weights)) for m in measured], rows, LINEAR)
    return Took(rest + fmean(trained), features, last.weights + size)


def _rows(split: Split) -> int:
    return len(split.train) + len(split.validation) + len(split.test)


def _trained(step: Step, split: Split, last: Measured) -> float:
    """Return the seconds of a stage's rounds, those of all in its bundle while it is trained."""
    spec = step.spec
    if not isinstance(spec, PretrainSpec | FitSpec):
        return 0.0
    recipe, rows = spec.recipe, len(split.train)
    rounds = len(Rounds.of(recipe, rows).ends)
    seen = recipe.steps(rows) * min(recipe.batch, rows)
    of_round = _seen(recipe, last.trained)
    times = rounds
    if not (_predicts(spec) if isinstance(spec, PretrainSpec) else recipe.goes_by_validation):
        times = min(rounds, PARTS)
    share = _rows(split) / last.rows
    return last.round * seen / of_round + last.judging * share * times


def _seen(recipe: Recipe, rows: int) -> int:
    """Return the rows that an epoch over so few of them shows."""
    return max(recipe.steps_per_epoch(rows) * min(recipe.batch, rows), 1)


def _predicts(spec: PretrainSpec) -> bool:
    return bool(getattr(OBJECTIVES[spec.objective.name], "predicts", False))


def _grown(points: Sequence[tuple[int, float]], rows: int, powers: tuple[float, float]) -> float:
    """Return a value at ``rows`` rows, from its values at fewer, ascending.

    Where the power is sure, a part that stays is told from one that grows; elsewhere the power is
    that between the last two points, as far as it is believed. One point stands for itself where
    the rows are nearly as many, and grows with them otherwise.
    """
    known, value = points[-1]
    if rows <= known or value <= 0:
        return value * min(1.0, rows / known) if powers == LINEAR else value
    if len(points) == 1:
        return value * math.pow(rows / known, max(powers[0], 1.0))
    before, less = points[-2]
    if powers == LINEAR:
        grows = max((value - less) / (known - before), 0.0)
        return value + grows * (rows - known)
    power = math.log(max(value, 1e-9) / max(less, 1e-9)) / math.log(known / before)
    return value * math.pow(rows / known, min(max(power, powers[0]), powers[1]))
