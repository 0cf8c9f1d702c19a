"""From adjusted p-values to a verdict, its reason, and what more trainings would tell."""

from dataclasses import dataclass, replace

from nearfar.analysis.comparison import Comparison, outlook
from nearfar.analysis.estimate import ALPHA, Estimate
from nearfar.analysis.statistics import decide
from nearfar.analysis.testing import Testing
from nearfar.metrics import METRICS
from nearfar.numbers import fixed, p_value, precise


@dataclass(frozen=True)
class Adjusted:
    """p-values of a comparison, adjusted over the ``size`` comparisons of its family."""

    p: float
    p_same: float
    size: int


def judged(
    c: Comparison, estimate: Estimate, found: Adjusted, testing: Testing, *, asked: bool, split: str
) -> Comparison:
    """Put a comparison into a word, and say why.

    ``asked`` says that the margin is the study's own; ``split`` what the verdict is for, where that
    is one split.
    """
    p, p_same, size, room = found.p, found.p_same, found.size, c.margin or 0.0
    verdict = decide(estimate.mean, p, p_same, METRICS[c.metric].better, asked=asked)
    family = f" after Holm's adjustment over {size} comparisons" if size > 1 else ""
    here = f"; {split}" if split else ""
    done, inside = replace(c, p_holm=p, verdict=verdict), p_same <= ALPHA
    margin = f"±{precise(room)}"
    tie = estimate.parts is None and not estimate.mean
    if verdict == "same":
        if tie:
            return replace(done, reason=f"a tie: no tested row differs; within {margin}{here}")
        sure = "; the difference is sure, but inside the margin" if p <= ALPHA else ""
        return replace(done, reason=f"within {margin}, {p_value(p_same)}{family}{sure}{here}")
    if verdict != "undecided":
        small = f"; smaller than the margin of {margin}" if inside else _probably_small(c, margin)
        return replace(done, reason=f"{p_value(p)}{family}{small}{here}")
    trainings = testing.trainings_to_decide(estimate, room, ALPHA / size)
    start = "a tie: no tested row differs" if tie else f"{p_value(p)}{family}"
    waiting = replace(
        done,
        trainings_to_decide=trainings,
        undecidable=trainings is None,
        open=testing.goes_on(estimate, room, ALPHA / size),
    )
    return replace(waiting, reason=f"{start}; {outlook(waiting)}{here}")


def _probably_small(c: Comparison, margin: str) -> str:
    """Say that a difference that is sure is more probably than not of no relevance."""
    if c.p_same is None or c.p_same <= 1 / 2:
        return ""
    return f"; probably ({fixed(100 * c.p_same, 0)}%) smaller than the margin of {margin}"
