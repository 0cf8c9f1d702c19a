"""Which stages are carried out as one computation: a function of the study, not of a clock.

Heads that are solved on the same features share every product with these. The numbers of a stage do
not depend on its company beyond the rounding of such products.
"""

import json
from collections.abc import Iterable

from nearfar.study.chain import Step

Bundle = tuple[Step, ...]
"""Stages of one computation, which all start from the same stage or from none; most are alone."""


def bundled(steps: Iterable[Step]) -> list[Bundle]:
    """Return the stages in bundles; a bundle stands where the first of its members stood."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(_shared(step) or step.hash, []).append(step)
    return [tuple(group) for group in groups.values()]


def _shared(step: Step) -> str:
    """Return what a stage has in common with those that it is carried out with; "" if alone."""
    spec = step.spec
    if spec["kind"] != "fit" or "train" in spec or "logistic" not in spec["head"]:
        return ""
    data = {key: spec["data"][key] for key in ("digest", "split")}
    start = {key: spec[key] for key in ("input", "encoder", "seed") if key in spec}
    iterations = spec["head"]["logistic"]["iterations"]
    shared = [data, start, iterations, spec["environment"]]
    return json.dumps(shared, sort_keys=True)
