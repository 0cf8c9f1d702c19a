"""Where training pauses to be judged: a run's optimiser steps, cut into rounds."""

import math
from dataclasses import dataclass
from typing import Literal, Self

from nearfar.train.recipe import Recipe

PARTS = 20
"""Rounds of a run whose length is given in iterations, unless an epoch is shorter."""


@dataclass(frozen=True)
class Round:
    """One of a run's rounds, at its end: its number, from 1, and how many there are."""

    number: int
    of: int

    def is_due(self, times: int = PARTS) -> bool:
        """Whether what is done at most ``times`` times in a run is due after this round."""
        return self.number % math.ceil(self.of / times) == 0 or self.number == self.of


@dataclass(frozen=True)
class Rounds:
    """The steps after which rounds end, ascending; the last one ends the run.

    ``kept`` maps the steps after which weights are kept to what a study file calls them: an epoch,
    or an iteration. ``unit`` is what the run is counted in.
    """

    ends: tuple[int, ...]
    kept: dict[int, int]
    unit: Literal["epoch", "iteration"]
    steps_per_epoch: int

    @classmethod
    def of(cls, recipe: Recipe, rows: int, keep: tuple[int, ...] = ()) -> Self:
        """Return the rounds of ``recipe`` over ``rows`` training rows.

        Rounds end with epochs. Where the recipe gives iterations, they end with each twentieth of
        these if that comes sooner. A point to ``keep`` ends a round too. No round is longer than an
        epoch.
        """
        steps = recipe.steps_per_epoch(rows)
        if recipe.iterations is None:
            total = recipe.steps(rows)
            kept = {epoch * steps: epoch for epoch in keep}
            return cls(tuple(range(steps, total + 1, steps)), kept, "epoch", steps)
        total = recipe.iterations
        if math.ceil(total / PARTS) < steps:
            ends = {total * part // PARTS for part in range(1, PARTS + 1)} - {0}
        else:
            ends = {*range(steps, total, steps), total}
        kept = {iteration: iteration for iteration in keep}
        return cls(tuple(sorted(ends | kept.keys())), kept, "iteration", steps)

    def begin(self, number: int) -> int:
        """Return the steps done before round ``number``."""
        return self.ends[number - 2] if number > 1 else 0

    def end(self, number: int) -> int:
        """Return the steps done after round ``number``; 0 for round 0."""
        return self.ends[number - 1] if number else 0

    def epoch(self, number: int) -> float:
        """Return the epochs done after round ``number``, whole ones as ``int``."""
        whole, rest = divmod(self.end(number), self.steps_per_epoch)
        return round(whole + rest / self.steps_per_epoch, 4) if rest else whole

    def count(self, number: int) -> int:
        """Return the epochs or iterations, whatever ``unit`` says, done after round ``number``."""
        return number if self.unit == "epoch" else self.end(number)
