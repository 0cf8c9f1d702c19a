"""Which stages are alike, so that one rehearsal tells of all of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nearfar.execution.estimate.rehearsal import Measured
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle

ENOUGH = 1.0
"""Seconds of a rehearsal after which a larger one would tell little more."""
LARGER = 4
"""How many times the rows of a rehearsal the next one has."""
BY_NAME = ("optimizer", "schedule")
"""Parts of a recipe whose numbers cost nothing."""


@dataclass
class Case:
    """Bundles of stages that cost alike; ``first`` is the one that is rehearsed.

    It is ``cold`` until it was rehearsed twice in this process: the first time loads modules.
    """

    key: str
    first: Bundle
    measured: list[Measured] = field(default_factory=list)
    failed: str = ""
    cold: bool = True

    def wants(self, rows: int, total: int) -> bool:
        """Whether a rehearsal on so many of ``total`` rows would tell more."""
        if not self.measured:
            return True
        last = self.measured[-1]
        if self.cold and len(self.measured) == 1 and last.whole < ENOUGH:
            return True
        if last.rows >= min(rows, total) or last.rows >= 0.9 * total:
            return False
        return len(self.measured) < 2 or last.whole < ENOUGH

    def add(self, found: Measured) -> None:
        """Take in a rehearsal; one on as many rows as the first takes its place.

        One that was broken off counts where there is no other.
        """
        if self.measured and not found.ended:
            return
        again = len(self.measured) == 1 and self.measured[0].rows >= found.rows
        again = again or not all(m.ended for m in self.measured)
        self.measured = [found] if again else [*self.measured, found]
        self.cold = self.cold and not again

    def expected(self, rows: int) -> float:
        """Return about how many of the processor's seconds a rehearsal on so many rows takes."""
        if not self.measured:
            return 0.0
        last = self.measured[-1]
        return last.whole * max(rows / last.rows, 1.0)


def cases_of(bundles: list[Bundle], steps: Mapping[str, Step], digest: str) -> dict[str, Case]:
    """Return the distinct kinds of bundles by their keys, in the order of the plan."""
    cases: dict[str, Case] = {}
    for bundle in bundles:
        key = case_key(bundle, steps, digest)
        cases.setdefault(key, Case(key, bundle))
    return cases


def case_key(bundle: Bundle, steps: Mapping[str, Step], digest: str) -> str:
    """Return what bundles that cost alike have in common: all but seeds, lengths and rates."""
    plain = sorted(json.dumps(_cost_of(step, steps), sort_keys=True) for step in bundle)
    return hashlib.sha256("\n".join([digest, *plain]).encode()).hexdigest()[:24]


def _cost_of(step: Step, steps: Mapping[str, Step]) -> dict[str, Any]:
    plain = step.spec.to_plain()
    for key in ("seed", "data", "keep", "encoder_lr"):
        plain.pop(key, None)
    if "recipe" in plain:
        plain["recipe"] = _recipe(plain["recipe"])
    if "test" in plain:
        plain["test"] = {key: v for key, v in plain["test"].items() if key == "corruption"}
    if step.needs is not None:
        before = steps.get(step.needs)
        plain["input"] = None if before is None else _cost_of(before, steps)
    return plain


def _recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without its length, and with the names alone of what costs as much."""
    kept = {key: value for key, value in recipe.items() if key not in {"epochs", "iterations"}}
    return kept | {key: list(kept[key]) for key in BY_NAME if isinstance(kept.get(key), dict)}
