"""Intervals, tests and verdicts over seeds.

Everything rests on one model of a mean over n seeds with sample deviation s: its standard error
is sqrt(s²/n + floor²), where ``floor`` is what more seeds cannot remove.

* Seeds on one split and nothing else: floor 0 (Student's t).
* Re-splits of one data set overlap, so their errors are correlated: floor = s·sqrt(n_test/n_train),
  which is the corrected variance (1/n + n_test/n_train)·s² of Nadeau and Bengio (2003), "Inference
  for the generalization error", Machine Learning 52, section 5, with n - 1 degrees of freedom.
* One fixed split: floor = sqrt(Var(row difference)/n_test), from the rows that the test part
  happens to have; Satterthwaite's (1946) degrees of freedom for the sum of the two variances.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.05
LEVEL = 0.95
MIN_SEEDS = 3

Verdict = Literal["better", "worse", "equivalent", "undecided", "withheld"]


def _t_tail(t: float, df: float) -> float:
    from scipy.special import stdtr

    return float(stdtr(df, -t))


def _t_quantile(probability: float, df: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` seeds and how sure it is; made by the functions below.

    ``std`` is the sample deviation (n - 1) over seeds, ``floor`` the part of the standard error
    that no number of seeds removes, ``floor_df`` its degrees of freedom where it was estimated
    apart from ``std`` (None where it is a multiple of ``std``).
    """

    mean: float
    std: float
    n: int
    floor: float = 0.0
    floor_df: int | None = None

    def error_at(self, n: float) -> float:
        """Standard error of the mean over ``n`` seeds of this deviation."""
        return math.sqrt(self.std**2 / n + self.floor**2)

    def df_at(self, n: float) -> float:
        """Degrees of freedom of that standard error."""
        if self.floor_df is None:
            return n - 1
        seeds, rows = self.std**2 / n, self.floor**2
        if seeds + rows == 0:
            return n - 1
        return (seeds + rows) ** 2 / (seeds**2 / (n - 1) + rows**2 / self.floor_df)

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.error_at(self.n)

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Two-sided t-interval of the mean at ``level``."""
        half = _t_quantile((1 + level) / 2, self.df_at(self.n)) * self.error
        return self.mean - half, self.mean + half

    def p_value(self) -> float:
        """Two-sided p of a true mean of 0; without any spread 1 at 0 and 0 elsewhere."""
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return 2 * _t_tail(abs(self.mean) / self.error, self.df_at(self.n))

    def equivalence_p(self, margin: float) -> float:
        """p of a true mean at or beyond ±``margin``: the larger of two one-sided t-tests.

        Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power
        approach", J. Pharmacokinetics and Biopharmaceutics 15.
        """
        room = margin - abs(self.mean)
        if self.error == 0:
            return 0.0 if room > 0 or self.mean == 0 else 1.0
        return _t_tail(room / self.error, self.df_at(self.n))

    def _decides(self, n: float, margin: float, alpha: float) -> bool:
        error, df = self.error_at(n), self.df_at(n)
        differs = abs(self.mean) >= _t_quantile(1 - alpha / 2, df) * error
        return differs or margin - abs(self.mean) >= _t_quantile(1 - alpha, df) * error

    def seeds_to_decide(self, margin: float, alpha: float = ALPHA) -> int | None:
        """Return about how many seeds decide if mean and spread stay as they are.

        Decided means a difference from 0, or equivalence within ``margin``, at ``alpha``. None
        says that no number of seeds would: the floor of the standard error is too high.
        """
        enough = 1e9
        if not self._decides(enough, margin, alpha):
            return None
        low, high = MIN_SEEDS - 1, MIN_SEEDS
        while not self._decides(high, margin, alpha):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._decides(middle, margin, alpha) else (middle, high)
        return high


def _finite(values: ArrayLike, least: int, what: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < least or not np.isfinite(array).all():
        raise ValueError(
            f"{what} must be a list of at least {least} finite numbers, got {array.shape} "
            f"with {int(np.count_nonzero(~np.isfinite(array)))} not finite"
        )
    return array


def mean_over_seeds(values: ArrayLike) -> Estimate:
    """Estimate a mean from independent values (n,), n ≥ 2: Student's t.

    Raises ValueError for fewer values and for values that are not finite.
    """
    array = _finite(values, 2, "values")
    return Estimate(float(array.mean()), float(array.std(ddof=1)), array.size)


def corrected_mean(values: ArrayLike, n_test: int, n_train: int) -> Estimate:
    """Estimate a mean from values (n,), n ≥ 2, each from its own random split of one data set.

    The variance is s²·(1/n + n_test/n_train) with n - 1 degrees of freedom (Nadeau and Bengio
    2003). Their argument is about any error measured on overlapping splits, so the interval of
    one arm's mean takes the factor as well as that of a difference. ``n_train`` counts the rows
    that a model is fitted on, validation rows left out, which makes the factor a little larger.
    Raises ValueError as :func:`mean_over_seeds` does, and for counts below 1.
    """
    if n_test < 1 or n_train < 1:
        raise ValueError(f"n_test and n_train must be at least 1, got {n_test} and {n_train}")
    plain = mean_over_seeds(values)
    return Estimate(plain.mean, plain.std, plain.n, plain.std * math.sqrt(n_test / n_train))


def corrected_paired_t(differences: ArrayLike, n_test: int, n_train: int) -> Estimate:
    """Compare two arms over re-splits that both saw: ``differences`` (n,), n ≥ 3, arm - baseline.

    The same estimate as :func:`corrected_mean`; under three seeds there is no test (ValueError).
    """
    return corrected_mean(_finite(differences, MIN_SEEDS, "differences"), n_test, n_train)


def fixed_split_t(differences: ArrayLike, row_differences: ArrayLike) -> Estimate:
    """Compare two arms over seeds on one split: a statement about this split's training rows.

    ``differences`` (n,), n ≥ 3, arm - baseline per seed; ``row_differences`` (n_test,), the same
    per test row, mean over seeds. SE² = s²/n + Var(row difference)/n_test. The row variance
    holds a little of the seeds' noise again, which errs on the side of a wider interval.
    Raises ValueError for fewer seeds, under two rows, and values that are not finite.
    """
    seeds = mean_over_seeds(_finite(differences, MIN_SEEDS, "differences"))
    rows = _finite(row_differences, 2, "row_differences")
    floor = float(rows.std(ddof=1)) / math.sqrt(rows.size)
    return Estimate(seeds.mean, seeds.std, seeds.n, floor, rows.size - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm (1979), in the order given.

    The smallest is multiplied by their number, the next by one less, and so on, each at least
    as large as the one before and at most 1: comparing them with 5% keeps the chance of any
    false finding among all of them at 5%.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def decide(
    difference: float,
    p_difference: float,
    p_equivalence: float,
    better: Literal["lower", "higher"],
) -> Verdict:
    """Put a comparison into a word, from p-values that are adjusted already.

    Equivalence goes first: a difference that is sure but inside the margin is one that does not
    matter.
    """
    if p_equivalence <= ALPHA:
        return "equivalent"
    if p_difference <= ALPHA:
        improves = difference < 0 if better == "lower" else difference > 0
        return "better" if improves else "worse"
    return "undecided"


def reduction_percent(difference: float, baseline: float) -> float | None:
    """Reduction of an error over the baseline's in %, positive where the arm's is lower.

    None when the baseline's is 0.
    """
    return -100 * difference / baseline if baseline else None
