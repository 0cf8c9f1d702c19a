"""Which stages are carried out as one computation: a function of the study, not of a clock.

Heads on the same features share every product with these, be they solved or trained. Where an
encoder is so small that starting its operations costs more than these do, the seeds of an arm are
trained together, in float32 throughout. The numbers of a stage depend on its company by rounding
alone.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nearfar.plan.chain import Step
from nearfar.stacking.losses import STACKED_LOSSES
from nearfar.stacking.optimizer import STACKED_OPTIMIZERS
from nearfar.train.device import FULL

Spec = Mapping[str, Any]
Bundle = tuple[Step, ...]
"""Stages of one computation, which all start from the same stage or from none; most are alone."""

SMALL = ("emnist_cnn", "mlp")
"""Encoders of which several are trained as one (``stacking/predictors.py``)."""

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
    seeds = {step.spec["seed"] for step in group}
    size = len(group)
    if len(seeds) > 1:
        size = min(math.ceil(len(group) / 2), MOST_SEEDS)
    for begin in range(0, len(group), size):
        yield tuple(group[begin : begin + size])


def _batch_key(step: Step) -> str:
    """Return what a stage has in common with those that it can be carried out with."""
    spec = step.spec
    if spec["kind"] == "fit" and "augment" not in spec:
        if "train" not in spec and "logistic" in spec["head"]:
            iterations = spec["head"]["logistic"]["iterations"]
            return _plain("solved", _features(spec), iterations)
        if "train" in spec and _is_stackable(spec):
            if spec["train"] == "head":
                kept = ("target", "head", "readout", "loss", "metric", "standardise", "weights")
                shape = {key: spec.get(key) for key in kept}
                return _plain("trained", _features(spec), shape, *spec["recipe"]["optimizer"])
            full = spec["environment"].get("precision", FULL) == FULL
            if "input" not in spec and _is_small(spec["encoder"]) and full:
                split = {**spec["data"]["split"], "seed": None}
                data = {**spec["data"], "split": split}
                return _plain("seeds", {**spec, "seed": None, "data": data})
    return step.hash


def _plain(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True)


def _features(spec: Spec) -> dict[str, Any]:
    """Return what determines the features of all rows, and how these are split."""
    data = {key: spec["data"][key] for key in ("digest", "split")}
    start = {key: spec[key] for key in ("input", "encoder", "seed") if key in spec}
    return {**data, **start, "environment": spec["environment"]}


def _is_stackable(spec: Spec) -> bool:
    ((head, options),) = spec["head"].items()
    readout = next(iter(spec.get("readout", {"z": {}})))
    return (
        head in ("linear", "mlp")
        and not options.get("dropout")
        and readout in ("z", "own")
        and spec["loss"] in STACKED_LOSSES
        and next(iter(spec["recipe"]["optimizer"])) in STACKED_OPTIMIZERS
    )


def _is_small(encoder: Mapping[str, Mapping[str, Any]]) -> bool:
    ((name, options),) = encoder.items()
    return name in SMALL and not options.get("dropout")
