"""How a mean is tested: once, or at several looks of which any may be the last."""

from dataclasses import dataclass

from nearfar.analysis.estimate import ALPHA, LEVEL, Estimate
from nearfar.analysis.sequential import (
    Looks,
    hopeless,
    look_that_decides,
    sequential_interval,
    sequential_p,
    sequential_same_p,
)


@dataclass(frozen=True)
class Testing:
    """p-values and intervals of an estimate; with ``looks``, those that hold at whichever stops."""

    looks: Looks | None = None

    def p(self, estimate: Estimate) -> float:
        """Two-sided p of a true mean of 0."""
        return estimate.p_value() if self.looks is None else sequential_p(estimate, self.looks)

    def same_p(self, estimate: Estimate, margin: float) -> float:
        """p of a true mean at or beyond the margin."""
        if self.looks is None:
            return estimate.equivalence_p(margin)
        return sequential_same_p(estimate, margin, self.looks)

    def interval(self, estimate: Estimate) -> tuple[float, float]:
        """95% interval of the mean."""
        if self.looks is None:
            return estimate.interval(LEVEL)
        return sequential_interval(estimate, self.looks, LEVEL)

    def smallest_margin(self, estimate: Estimate) -> float:
        """The smallest margin at which the mean would count as none."""
        if self.looks is None:
            return estimate.smallest_margin()
        low, high = sequential_interval(estimate, self.looks, 1 - 2 * ALPHA)
        return max(abs(low), abs(high))

    def trainings_to_decide(self, estimate: Estimate, margin: float, alpha: float) -> int | None:
        """About how many trainings decide if mean and spread stay; None if none would."""
        if self.looks is None:
            return estimate.trainings_to_decide(margin, alpha)
        return look_that_decides(estimate, margin, self.looks, alpha)

    def goes_on(self, estimate: Estimate, margin: float, alpha: float) -> bool:
        """Whether an undecided mean is worth another round of trainings."""
        if self.looks is None or estimate.n >= self.looks.most:
            return False
        return not hopeless(estimate, margin, self.looks, alpha)
