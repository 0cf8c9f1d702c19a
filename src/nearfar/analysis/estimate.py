"""A mean and how sure it is: interval, p-values, chances, and what more trainings would tell."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from nearfar.analysis.variance import Design, Integers, Parts, Tested, assumed_parts, measure

ALPHA = 0.05
LEVEL = 0.95
POWER = 0.8
MIN_SEEDS = 3
"""Under so many trainings nothing is tested: their spread says next to nothing."""

MOST_TRAININGS = 1_000_000


@dataclass(frozen=True)
class Chances:
    """How probable it is that the true difference is better, within the margin, or worse.

    From a flat prior: the t distribution of the estimate, read as what is known of the truth.
    """

    better: float
    same: float
    worse: float


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` trainings with its standard error and degrees of freedom."""

    mean: float
    error: float
    df: float
    n: int
    parts: Parts | None = None
    design: Design | None = None

    @classmethod
    def of(cls, mean: float, parts: Parts) -> Self:
        """Return the estimate of a mean whose variance has these parts."""
        error = math.sqrt(parts.squared_error)
        return cls(mean, error, parts.df, parts.n, parts, parts.design)

    def half_width(self, level: float = LEVEL) -> float:
        """Half the width of the two-sided t interval at ``level``, which is between 0 and 1.

        Raises:
            ValueError: a level outside.
        """
        check_level(level)
        return float(stdtrit(self.df, (1 + level) / 2)) * self.error

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Two-sided t interval of the mean at ``level``; raises as :meth:`half_width` does."""
        half = self.half_width(level)
        return self.mean - half, self.mean + half

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p of a true mean of ``null``."""
        return min(1.0, 2 * self._tail(abs(self.mean - null)))

    def equivalence_p(self, margin: float) -> float:
        """p of a true mean at or beyond ±``margin``: the larger of two one-sided t-tests.

        Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power
        approach", J. Pharmacokinetics and Biopharmaceutics 15.
        """
        return self._tail(margin - abs(self.mean))

    def smallest_margin(self, alpha: float = ALPHA) -> float:
        """The smallest margin within which the mean surely lies: |mean| + t·SE, one-sided."""
        return abs(self.mean) + float(stdtrit(self.df, 1 - alpha)) * self.error

    def chances(self, margin: float, better: str) -> Chances:
        """Return how probable better, same (within ±``margin``) and worse are."""
        above, below = self._tail(margin - self.mean), self._tail(margin + self.mean)
        good, bad = (below, above) if better == "lower" else (above, below)
        return Chances(good, max(0.0, 1 - good - bad), bad)

    def _tail(self, distance: float) -> float:
        """Probability of a t variate beyond ``distance`` standard errors."""
        if self.error == 0:
            return 0.5 if distance == 0 else float(distance < 0)
        return float(stdtr(self.df, -distance / self.error))

    def at(self, n: int, persistence: float | None = None) -> "Estimate":
        """Return what is expected of ``n`` trainings if mean and spread stay as they are."""
        if self.parts is None:
            return self
        return Estimate.of(self.mean, self.parts.at(n, persistence))

    def detectable(self, alpha: float = ALPHA, power: float = POWER) -> float:
        """The size of a true difference that is found with ``power`` at two-sided ``alpha``."""
        quantiles = stdtrit(self.df, 1 - alpha / 2) + stdtrit(self.df, power)
        return float(quantiles) * self.error

    def decides(self, margin: float, alpha: float = ALPHA) -> bool:
        """Whether this mean and error decide: for a difference, or for none beyond the margin."""
        if 2 * self._tail(abs(self.mean)) <= alpha:
            return True
        return self.equivalence_p(margin) <= alpha

    def trainings_to_decide(self, margin: float, alpha: float = ALPHA) -> int | None:
        """Return about how many trainings decide if mean and spread stay; None if none would.

        None says that the part of the error that rows contribute, which more trainings on the same
        rows cannot remove, is too large.
        """
        return fewest(lambda n: self.at(n, 0.0).decides(margin, alpha), self.n)


def fewest(decides: Callable[[int], bool], start: int) -> int | None:
    """Return the fewest trainings above ``start`` that decide, None where not even a million do."""
    if not decides(MOST_TRAININGS):
        return None
    low, high = start, 2 * start
    while high < MOST_TRAININGS and not decides(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def check_level(level: float) -> None:
    """Raise ValueError for a level of an interval that is not between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, for instance 0.95; got {level}")


def estimate_rows(
    trainings: Sequence[Tested],
    n_rows: int,
    groups: Integers | None = None,
    scale: float = 0.0,
    folds: int = 0,
) -> Estimate | None:
    """Estimate a mean from row scores; None under two trainings or where one unit is tested in all.

    Args:
        trainings: at least 2.
        n_rows: how many rows the data set has.
        groups: int64 (n_rows,), None where rows are not grouped.
        scale: the largest size of a score. Where every row differs by the same amount, zero spread
            is no certainty: 95% of the time up to 1 - 0.05^(1/units) of the rows ("rule of three")
            would differ otherwise, by at most this much each.
        folds: how many trainings test every row once; 0 where that is to be recognised.
    """
    if len(trainings) < 2:
        return None
    found = measure(trainings, groups, n_rows, folds)
    if found is None:
        return None
    parts, estimate = found.parts, Estimate.of(found.mean, found.parts)
    if parts.own <= (1e-12 * scale) ** 2 and estimate.error <= 1e-12 * scale:
        df = float(max(parts.units - 1, 1))
        unseen = 1 - ALPHA ** (1 / parts.units)
        error = scale * unseen / float(stdtrit(df, (1 + LEVEL) / 2))
        return Estimate(found.mean, error, df, parts.n, None, parts.design)
    return estimate


def estimate_values(
    values: Sequence[float], n_test: int, n_rows: int, rotation: int = 0
) -> Estimate | None:
    """Estimate a mean from one value a training alone, where splits vary and rows are not known.

    All spread is taken to be owed to rows, the most cautious reading. ``rotation`` is the number of
    folds, 0 for re-splits. None under two trainings, and where all values are the same: zero spread
    is no certainty.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size < 2 or not np.ptp(array):
        return None
    between = float(array.var(ddof=1))
    parts = assumed_parts(between, array.size, n_test, n_rows, rotation)
    return replace(Estimate.of(float(array.mean()), parts), df=float(array.size - 1))


def right_or_wrong(scores: NDArray[np.float64]) -> bool:
    """Whether all scores are 0 or 1."""
    return bool(np.isin(scores, (0.0, 1.0)).all())


def score_scale(scores: NDArray[np.float64]) -> float:
    """Return the largest size that a score can have: 1 of right and wrong, else what was seen."""
    if right_or_wrong(scores):
        return 1.0
    return float(np.abs(scores).max())


def breakdowns_not_excluded(n: int) -> float:
    """The largest rate of breakdowns that ``n`` trainings without one leave possible, at 95%."""
    return float(1 - ALPHA ** (1 / n))
