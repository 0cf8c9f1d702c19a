"""Which stages are carried out as one computation: a function of the study, not of a clock.

Heads on the same features share every product with these, be they solved or trained. Where an
encoder is so small that starting its operations costs more than these do, the seeds of an arm are
trained together, in float32 throughout. The numbers of a stage depend on its company by rounding
alone.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from nearfar.plan.chain import Step
from nearfar.plan.specs import FitSpec, SolveSpec
from nearfar.stacking.kinds import can_stack_encoder, can_stack_head, can_stack_optimizer
from nearfar.train.device import FULL

Bundle = tuple[Step, ...]
"""Stages of one computation, which all start from the same stage or from none; most are alone."""

MOST_SEEDS = 5
"""Runs of one arm that are trained as one: more gain little, and another process has work too."""


def bundled(steps: Iterable[Step]) -> list[Bundle]:
    """Return the stages in bundles; a bundle stands where the first of its group stood.

    A group of seeds is two bundles or more, so that two processes can share it.
    """
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(_batch_key(step), []).append(step)
    return [bundle for group in groups.values() for bundle in _parts(group)]


def _parts(group: list[Step]) -> Iterator[Bundle]:
    seeds = {step.spec.seed for step in group}
    size = len(group)
    if len(seeds) > 1:
        size = min(math.ceil(len(group) / 2), MOST_SEEDS)
    for begin in range(0, len(group), size):
        yield tuple(group[begin : begin + size])


def _batch_key(step: Step) -> str:
    """Return what a stage has in common with those that it can be carried out with."""
    spec = step.spec
    if isinstance(spec, SolveSpec) and spec.head.name == "logistic":
        return _plain("solved", _features(spec), spec.head.options["iterations"])
    if isinstance(spec, FitSpec) and not spec.augment and _is_stackable(spec):
        if spec.train == "head":
            kept = ("target", "head", "readout", "loss", "metric", "standardise", "weights")
            plain, optimizer = spec.to_plain(), type(spec.recipe.optimizer).__name__
            return _plain("trained", _features(spec), {k: plain.get(k) for k in kept}, optimizer)
        full = spec.environment.precision == FULL
        if spec.input is None and full and _has_small_encoder(spec):
            seedless = replace(spec, seed=0, data=replace(spec.data, split_seed=None))
            return _plain("seeds", seedless.to_plain())
    return step.hash


def _plain(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True)


def _features(spec: FitSpec | SolveSpec) -> dict[str, Any]:
    """Return what determines the features of all rows, and how these are split."""
    plain = spec.to_plain()
    data = {key: plain["data"][key] for key in ("digest", "split")}
    start = {key: plain.get(key) for key in ("input", "encoder", "seed")}
    return {**data, **start, "environment": plain["environment"]}


def _is_stackable(spec: FitSpec) -> bool:
    if spec.environment.devices > 1:
        return False
    recipe = spec.recipe
    if any(part is not None for part in (spec.label_smoothing, recipe.average, recipe.chunk)):
        return False
    return can_stack_optimizer(spec.recipe.optimizer) and can_stack_head(
        spec.head.name, spec.head.options, readout=spec.readout.name, loss=spec.loss
    )


def _has_small_encoder(spec: FitSpec) -> bool:
    encoder = spec.encoder
    return encoder is not None and can_stack_encoder(encoder.name, encoder.options)
