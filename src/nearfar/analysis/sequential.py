"""Tests at several looks: stop at whichever look decides, and still err in 5% at most.

Whoever looks at p after every few trainings and stops at the first small one errs far more often
than p says. Here a study is looked at after 5, 10, … trainings, and each look has a critical value
of its own. The error that may be used up by a share t of the information is

    α(t) = 2 - 2Φ(z_{α/2}/√t)

(Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials", Biometrika 70), which
resembles O'Brien and Fleming (1979, "A multiple testing procedure for clinical trials", Biometrics
35): next to nothing at first, nearly all at the last look. *Information* is the inverse of the
variance of the mean, relative to what it is after all planned trainings. It does not grow with the
number of trainings where the rows' part of the variance, which stays, is large. Critical values
follow from it by recursive integration (Armitage, McPherson and Rowe 1969, "Repeated significance
tests on accumulating data", J. Royal Statistical Society A 132). A t-test at the nominal level
2Φ(-c) stands for a normal one with the critical value c.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from nearfar.analysis.estimate import ALPHA, LEVEL, Estimate, check_level, fewest
from nearfar.analysis.variance import Parts

Floats = NDArray[np.float64]

LEAST_INFORMATION = 1e-3
"""A look that adds a smaller share of the information than this is none of its own."""

EXHAUSTED = 0.97
"""From this share of the information on, further trainings would tell next to nothing."""

SLIM = 0.05
"""A study whose chance of a decision is smaller than this is hopeless."""

FARTHEST = 37.0
"""Standard deviations beyond which a normal probability is no number above 0."""


@dataclass(frozen=True)
class Looks:
    """A look after every ``size`` trainings, up to ``most``, where the last one is.

    Raises:
        ValueError: a size under 1, or fewer trainings than one look needs.
    """

    size: int
    most: int

    def __post_init__(self) -> None:
        """Refuse a plan without a look."""
        if self.size < 1 or self.most < self.size:
            raise ValueError(f"the size of a look must be 1 to {self.most}, got {self.size}")

    def times(self, n: int) -> list[int]:
        """After how many trainings the looks up to ``n`` trainings are.

        An ``n`` between two looks is the look after the last one: 12 are 5, 10, 12. More trainings
        than ``most`` stand for the last look.
        """
        return [*range(self.size, min(n, self.most), self.size), n]


def information(estimate: Estimate, looks: Looks, n: int) -> list[float]:
    """Return the share of the planned information at each look up to ``n`` trainings.

    The variances after other numbers of trainings are predicted from the parts that ``estimate``
    measured; until folds have tested a row twice, all that rows contribute is taken to stay. Where
    no parts are known, each training of varying splits counts the same, and on a fixed split all is
    known at once.

    Returns:
        V(most)/V(k) for the look after k trainings: above 0, at most 1, never falling.
    """
    return list(accumulate(_precision(estimate, looks, n), max))


def _precision(estimate: Estimate, looks: Looks, n: int) -> list[float]:
    """V(most)/V(k) at each look as it is: it may fall, where some rows count twice."""
    times = looks.times(n)
    most = max(looks.most, n)
    if estimate.parts is None:
        return [1.0 if estimate.design == "fixed" else k / most for k in times]
    parts = _told(estimate.parts)
    last = parts.at(most).squared_error
    variances = [parts.at(k).squared_error for k in times]
    return [min(1.0, last / variance) if variance > 0 else 1.0 for variance in variances]


def _told(parts: Parts) -> Parts:
    """Return the parts without a persistence that one rotation of folds cannot have told."""
    return parts if _twice(parts) else replace(parts, overlap=0.0, shared=0.0)


def _twice(parts: Parts) -> bool:
    """Whether some row was tested by two trainings."""
    return parts.design != "folds" or parts.n > parts.rotation


def boundaries(information: Sequence[float], alpha: float) -> list[float]:
    """Return the critical value of |mean|/SE at each look for a two-sided error of ``alpha``.

    Args:
        information: the share at each look, above 0 and at most 1, not falling.
        alpha: two-sided error over all looks, above 0 and below 1.

    Returns:
        A value a look, accurate to 0.001; infinite at a look that adds no information.

    Raises:
        ValueError: shares or an error outside of their range.
    """
    shares = tuple(round(float(t), 9) for t in information)
    if not shares or shares[0] <= 0 or shares[-1] > 1 or list(shares) != sorted(shares):
        raise ValueError(f"information must rise from above 0 to at most 1, got {[*information]}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, for instance 0.05; got {alpha}")
    return list(_boundaries(shares, float(-ndtri(alpha / 2))))


@lru_cache(maxsize=4096)
def _boundaries(shares: tuple[float, ...], z: float) -> tuple[float, ...]:
    """Critical values where ``z`` is the one of a single look with all information.

    The sum S = Z·√t has independent increments of variance t_k - t_{k-1}. Its density, among paths
    that crossed no boundary, is carried from look to look at the points of a Gauss-Legendre rule on
    the positive half: it is even.
    """
    found = [math.inf] * len(shares)
    steps = _steps(shares)
    sums = weighted = np.empty(0)
    previous, spent = 0.0, 0.0
    for number, look in enumerate(steps):
        t = shares[look]
        spread = math.sqrt(t - previous)
        total = 2 * float(ndtr(-z / math.sqrt(t)))
        if number == 0:
            found[look] = z / math.sqrt(t)
        else:
            found[look] = _critical(sums, weighted, spread, t, total - spent, z / math.sqrt(t))
        if number + 1 < len(steps):
            ahead = math.sqrt(shares[steps[number + 1]] - t)
            edge = min(found[look], FARTHEST) * math.sqrt(t)
            points, weights = _rule(edge / min(spread, ahead))
            following = edge * points
            density = _density(sums, weighted, spread, following)
            sums, weighted = following, edge * weights * density
        previous, spent = t, total
    return tuple(found)


def _steps(shares: Sequence[float]) -> list[int]:
    """The looks that add information."""
    found: list[int] = []
    last = 0.0
    for look, t in enumerate(shares):
        if not found or t - last >= LEAST_INFORMATION:
            found.append(look)
            last = t
    return found


def _critical(
    sums: Floats, weighted: Floats, spread: float, t: float, spend: float, least: float
) -> float:
    """The critical value at which a path leaves with probability ``spend`` (both sides).

    It lies between the one that would spend the error of all looks, ``least``, and the one that
    would spend ``spend`` if no path had left before; Newton's steps on the logarithm find it.
    """
    if spend <= 0:
        return math.inf
    low, high = least, min(float(-ndtri(spend / 2)), FARTHEST)
    critical, root = low, math.sqrt(t)
    while high - low > 1e-6:
        above, below = (sums - critical * root) / spread, (sums + critical * root) / spread
        leaves = 2 * float(weighted @ (ndtr(above) + ndtr(-below)))
        low, high = (critical, high) if leaves > spend else (low, critical)
        step = math.inf
        if leaves > 0:
            both = np.exp(-0.5 * np.square(above)) + np.exp(-0.5 * np.square(below))
            slope = 2 * float(weighted @ both) * root / (spread * math.sqrt(2 * math.pi))
            step = math.log(leaves / spend) * leaves / slope if slope > 0 else math.inf
        if abs(step) < 1e-7:
            break
        inside = low < critical + step < high
        critical = critical + step if inside else (low + high) / 2
    return critical


def _density(sums: Floats, weighted: Floats, spread: float, following: Floats) -> Floats:
    """The density of the next sum, (m,), from the weighted density of the last, (k,)."""
    scale = 1 / (spread * math.sqrt(2 * math.pi))
    if not sums.size:
        return scale * np.exp(-0.5 * np.square(following / spread))
    apart = np.subtract.outer(following, sums) / spread
    beyond = np.add.outer(following, sums) / spread
    kernel = np.exp(-0.5 * np.square(apart)) + np.exp(-0.5 * np.square(beyond))
    return scale * (kernel @ weighted)


def _rule(widths: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre points and weights on [0, 1], enough for a range of so many deviations."""
    return _legendre(2 ** max(4, math.ceil(math.log2(2 * widths + 8))))


@lru_cache(maxsize=16)
def _legendre(points: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return (nodes + 1) / 2, weights / 2


@dataclass(frozen=True)
class _Seen:
    """The looks so far: their information, and what share of it the current mean keeps.

    The mean of one and a half rotations says less than that of one, as it counts some rows twice.
    """

    shares: tuple[float, ...]
    kept: float = 1.0

    def boundary(self, z: float) -> float:
        """The critical value at the current look; ``z`` is the one of a single last look.

        A look that adds no information sees the mean of an earlier one once more, and noise where
        it keeps less than all. It crosses if the earlier mean lay beyond its boundary: this noise
        alone would carry a mean from there past the value returned in ``SLIM`` of cases.
        """
        critical = _boundaries(self.shares, z)[_steps(self.shares)[-1]]
        noise = -float(ndtri(SLIM)) * math.sqrt(1 - self.kept)
        return max(critical, critical * math.sqrt(self.kept) + noise)


def _seen(estimate: Estimate, looks: Looks) -> _Seen:
    precision = _precision(estimate, looks, estimate.n)
    shares = tuple(round(t, 9) for t in accumulate(precision, max))
    return _Seen(shares, min(1.0, precision[-1] / shares[-1]))


def _overall(p: float, seen: _Seen) -> float:
    """The smallest two-sided error over all looks at which a nominal ``p`` crosses now.

    The boundary is nearly linear in the normal quantile of that error, so regula falsi finds it
    (Illinois variant, Dowell and Jarratt 1971, BIT 11).
    """
    if not 0 < p < 1:
        return p
    reached = float(-ndtri(p / 2))
    low, high = 1e-3, reached * math.sqrt(seen.shares[-1])
    if len(seen.shares) == 1:
        return max(p, 2 * float(ndtr(-high)))
    below = seen.boundary(low) - reached
    if high <= low or below > 0:
        return 1.0
    above = seen.boundary(high) - reached
    while high - low > 1e-5:
        middle = (low * above - high * below) / (above - below)
        gap = seen.boundary(middle) - reached
        if abs(gap) < 1e-4:
            low = middle
            break
        if gap > 0:
            high, above, below = middle, gap, below / 2
        else:
            low, below, above = middle, gap, above / 2
    return max(p, 2 * float(ndtr(-low)))


def sequential_p(estimate: Estimate, looks: Looks, null: float = 0.0) -> float:
    """Two-sided p of a true mean of ``null`` that holds wherever the looks were stopped.

    The smallest error over all looks whose boundary the mean crosses at the current one; never
    below the p of a single look, and equal to it where the only look is the last one.
    """
    return _overall(estimate.p_value(null), _seen(estimate, looks))


def sequential_same_p(estimate: Estimate, margin: float, looks: Looks) -> float:
    """p of a true mean at or beyond ±``margin`` that holds wherever the looks were stopped.

    The larger of two one-sided sequential tests, each by the two-sided boundary of twice its error;
    1 where the mean itself lies beyond the margin.
    """
    p = estimate.equivalence_p(margin)
    if p >= 0.5:
        return 1.0
    return _overall(2 * p, _seen(estimate, looks)) / 2


def sequential_interval(
    estimate: Estimate, looks: Looks, level: float = LEVEL
) -> tuple[float, float]:
    """Repeated confidence interval: at all looks at once it covers the true mean at ``level``.

    Jennison and Turnbull (1989), "Interim analyses: the repeated confidence interval approach",
    J. Royal Statistical Society B 51.

    Raises:
        ValueError: a level that is not between 0 and 1.
    """
    check_level(level)
    critical = _seen(estimate, looks).boundary(float(-ndtri((1 - level) / 2)))
    half = _quantile(estimate.df, critical) * estimate.error
    return estimate.mean - half, estimate.mean + half


def _quantile(df: float, critical: float) -> float:
    """The t quantile that is passed as rarely as ``critical`` by a normal variate."""
    return -float(stdtrit(df, ndtr(-min(critical, FARTHEST))))


def sequential_decides(estimate: Estimate, margin: float, looks: Looks, alpha: float) -> bool:
    """Whether the current look decides: for a difference, or for none beyond the margin.

    As p over all looks at most ``alpha`` would, by the boundaries at that error.
    """
    seen = _seen(estimate, looks)
    for p, error in ((estimate.p_value(), alpha), (2 * estimate.equivalence_p(margin), 2 * alpha)):
        if p <= error and -float(ndtri(p / 2)) >= seen.boundary(-float(ndtri(error / 2))):
            return True
    return False


def look_that_decides(
    estimate: Estimate, margin: float, looks: Looks, alpha: float = ALPHA
) -> int | None:
    """Return after about how many trainings a later look decides if mean and spread stay.

    Where no look of the plan does, as many trainings as a longer last one would need; None where
    none would, as ``Estimate.trainings_to_decide`` has it.
    """

    def decides(n: int) -> bool:
        ahead = replace(estimate.at(n, 0.0), n=n)
        return sequential_decides(ahead, margin, looks, alpha)

    first = (estimate.n // looks.size + 1) * looks.size
    planned = [*range(first, looks.most, looks.size), looks.most]
    found = next((n for n in planned if n > estimate.n and decides(n)), None)
    return fewest(decides, max(looks.most, estimate.n)) if found is None else found


def hopeless(estimate: Estimate, margin: float, looks: Looks, alpha: float = ALPHA) -> bool:
    """Whether to give up: hardly any chance is left that the planned trainings decide.

    Non-binding: whoever goes on nevertheless errs no more often, as no boundary counts on it.
    Always False before folds have tested rows twice, as one rotation does not tell how much of the
    variance stays: what looks like exhausted rows may be training noise.

    Args:
        estimate: the mean so far; mean and spread are taken to stay as they are.
        margin: the largest difference that counts as none.
        looks: the plan.
        alpha: two-sided error of a difference, one-sided of "same".

    Returns:
        True where ``EXHAUSTED`` of the information is in, or where the last look would decide (a
        difference from 0, or none beyond the margin) with a probability under ``SLIM``.
    """
    parts = estimate.parts
    if estimate.design != "fixed" and (
        parts is None or parts.persistence is None or not _twice(parts)
    ):
        return False
    t = information(estimate, looks, estimate.n)[-1]
    return t >= EXHAUSTED or _chance(estimate, margin, looks, alpha, t) < SLIM


def _chance(estimate: Estimate, margin: float, looks: Looks, alpha: float, t: float) -> float:
    """Probability that the last look decides: its mean is N(mean, V(now) - V(most))."""
    planned = _Seen(tuple(round(t, 9) for t in information(estimate, looks, looks.most)))
    df = estimate.at(looks.most).df
    error, spread = estimate.error * math.sqrt(t), estimate.error * math.sqrt(1 - t)
    differs = _quantile(df, planned.boundary(float(-ndtri(alpha / 2)))) * error
    same = margin - _quantile(df, planned.boundary(float(-ndtri(alpha)))) * error
    chance = 1 - _within(differs, estimate.mean, spread)
    return min(1.0, chance + _within(same, estimate.mean, spread))


def _within(distance: float, mean: float, spread: float) -> float:
    """Probability that a normal variate lies within ±``distance``."""
    if distance <= 0:
        return 0.0
    return float(ndtr((distance - mean) / spread) - ndtr((-distance - mean) / spread))
