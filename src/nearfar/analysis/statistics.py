"""From p-values to a word: families, verdicts, and what a difference means in percent."""

import math
from collections.abc import Sequence
from typing import Literal

from nearfar.analysis.estimate import ALPHA

Verdict = Literal["better", "worse", "same", "undecided", "withheld"]
Direction = Literal["lower", "higher"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm (1979), in the order given.

    The smallest is multiplied by their number, the next by one less, and so on, each at least
    as large as the one before and at most 1: comparing them with 5% keeps the chance of any
    false finding among all of them at 5%.

    Raises:
        ValueError: a value that is not between 0 and 1.
    """
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"p-values lie between 0 and 1, got {p}")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def decide(
    difference: float, p_difference: float, p_same: float, better: Direction, *, asked: bool
) -> Verdict:
    """Put a comparison into a word, from p-values that are adjusted already.

    A margin that somebody ``asked`` for says what matters: a sure difference inside it is none.
    The default margin says so of differences that are not sure alone.
    """
    if asked and p_same <= ALPHA:
        return "same"
    if p_difference <= ALPHA:
        improves = difference < 0 if better == "lower" else difference > 0
        return "better" if improves else "worse"
    return "same" if p_same <= ALPHA else "undecided"


def reduction_percent(difference: float, baseline: float) -> float | None:
    """Reduction of an error over the baseline's in %, positive where the arm's is lower.

    None where the baseline's is not above 0: a share of it would say nothing.
    """
    return -100 * difference / baseline if 0 < baseline < math.inf else None
