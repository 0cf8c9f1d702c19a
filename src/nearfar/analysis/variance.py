"""How sure a mean over trainings is: training noise, rows and splits as parts of one variance.

One estimator serves folds, repeated folds, re-splits and seeds on a fixed split. The model of a
row's score in a training is d(i, s) = μ + row_i + training_s + e_is; docs/statistics.md derives
what follows from it. A *unit* is a row, or its group where rows are grouped. With m_s the mean of
training s over its n_s tested rows, s² the sample variance of these means over n trainings, and
a_gs the sum over the tested rows of unit g of (d_is - m_s)/n_s, times sqrt(G_s/(G_s - 1)) for G_s
tested units,

    U = (1/n) Σ_s Σ_g a_gs²                       variance of one training's mean from its own units
    P = (1/(n(n-1))) Σ_{s≠s'} Σ_g a_gs a_gs'      covariance of two trainings through shared units
    T = max(0, s² - (U - P))                      training noise
    b = P + (U - P)/n                             what the rows contribute
    SE² = c·b + T/n

For one rotation of folds and c = 1 this is max(s², U)/n, the restricted maximum likelihood estimate
of the balanced one-way design. ``c`` answers for what one data set cannot show: how other training
rows would have moved the difference (Nadeau and Bengio 2003, "Inference for the generalization
error", Machine Learning 52). It is an assumption, validated by simulation: 1.7 for statements about
fresh data sets, 1 for a statement about this split only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Design = Literal["folds", "resplits", "fixed"]

FRESH = 1.7
"""c for fresh data sets: the variance owed to rows over what the tested rows show of it."""

FEW = 10
"""Under so many trainings degrees of freedom are counted with care for how little s² says."""


@dataclass(frozen=True)
class Tested:
    """One training: which rows it tested, int64 (n_s,) without repetition, and their scores."""

    rows: Integers
    scores: Floats

    @property
    def mean(self) -> float:
        """The mean score of the tested rows."""
        return float(self.scores.mean())


@dataclass(frozen=True)
class Parts:
    """What the variance of a mean over ``n`` trainings consists of.

    ``between`` is s², ``own`` U, ``shared`` P, ``training`` T, ``rows`` b; ``units`` counts the
    tested units. ``overlap`` is the share of its units that a training has in common with another
    one, on average over pairs, and ``rotation`` how many trainings of a design of folds test every
    row once. ``spread`` is Σ_s w_s² · n for trainings of weight w_s: 1 unless rows are weighted.
    ``repeated`` says that all trainings gave every row the same score. ``units_df`` are the degrees
    of freedom of the units' variance on a fixed split; None where unit scores are not known.
    """

    design: Design
    n: int
    units: int
    between: float
    own: float
    shared: float
    training: float
    rows: float
    overlap: float
    rotation: int
    spread: float = 1.0
    repeated: bool = False
    units_df: float | None = None

    @property
    def factor(self) -> float:
        """The factor c on what rows contribute."""
        return 1.0 if self.design == "fixed" else FRESH

    @property
    def squared_error(self) -> float:
        """SE² of the mean."""
        return self.factor * self.rows + self.training * self.spread / self.n

    @property
    def df(self) -> float:
        """Degrees of freedom of that standard error (Satterthwaite 1946).

        By the shares of SE², as the squares of its parts are fourth powers of scores.
        """
        total = self.squared_error
        units = self._unit_df
        if total <= 0 or (self.design == "fixed" and self.repeated):
            return units
        if self.design != "fixed" and self.n >= FEW:
            noise = self.training * self.spread / self.n / total
            return 1 / ((self.factor * self.rows / total) ** 2 / units + noise**2 / (self.n - 1))
        certain = self.factor * self.shared / total
        told = (self.own - self.shared) / self.between if self.between else math.inf
        told = min(max(told, 1.0), 10.0)
        few = min((self.n - 1) * told**2, units)
        found = 1 / (certain**2 / units + (1 - certain) ** 2 / few)
        return min(found, 2.0 * (self.n - 1)) if self.design == "fixed" and self.n <= 3 else found

    @property
    def _unit_df(self) -> float:
        """Degrees of freedom of what the units say: fresh ones are halved for heavy tails."""
        if self.design != "fixed":
            return max(self.units / 2, 1)
        return max(self.units - 1 if self.units_df is None else self.units_df, 1)

    @property
    def persistence(self) -> float | None:
        """The share of U that a row brings to every training; None where none is tested twice."""
        if not self.overlap or not self.own:
            return None
        return min(max(self.shared / (self.overlap * self.own), 0.0), 1.0)

    def at(self, n: int, persistence: float | None = None) -> "Parts":
        """Return what is expected of ``n`` trainings of the same design.

        ``persistence`` is taken where it was not measured: 1, the default, says that all that rows
        contribute stays however often they are tested.
        """
        known = self.persistence
        share = known if known is not None else 1.0 if persistence is None else persistence
        overlap = self._overlap_at(n)
        shared = share * overlap * self.own
        rows = shared + (self.own - shared) / n
        units = self.units
        if self.design == "folds":
            units = round(units * min(n, self.rotation) / min(self.n, self.rotation))
        return replace(
            self, n=n, shared=shared, rows=rows, overlap=overlap, spread=1.0, units=units
        )

    def _overlap_at(self, n: int) -> float:
        if self.design != "folds":
            return self.overlap
        if n < 2:
            return 0.0
        whole, rest = divmod(n, self.rotation)
        same = whole * self.rotation * (self.rotation - 1) + rest * (rest - 1)
        return (1 - same / (n * (n - 1))) / self.rotation


@dataclass(frozen=True)
class Measured:
    """A mean over trainings and the parts of its variance."""

    mean: float
    parts: Parts


def single_unit(trainings: Sequence[Tested], groups: Integers | None) -> str:
    """Say that all tested rows are one unit, of which no error can be measured; else empty."""
    tested = np.unique(np.concatenate([t.rows for t in trainings]))
    if len(tested) == 1:
        return "only one row is tested, so no error of rows can be measured"
    if groups is None or len(np.unique(groups[tested])) > 1:
        return ""
    return "all tested rows are of one group, so no error of rows can be measured"


def measure(
    trainings: Sequence[Tested], groups: Integers | None, n_rows: int, folds: int = 0
) -> Measured | None:
    """Estimate a mean over trainings (at least 2) from the scores of their tested rows.

    Args:
        trainings: what each tested; the design is recognised by which rows are tested together.
        groups: the group of every row, int64 (n_rows,); None where every row stands for itself.
        n_rows: how many rows the data set has.
        folds: how many trainings test every row once, where that is known: of rows of which only
            some are tested, as those that have a target, it is not to be recognised.

    Returns:
        The mean over trainings, re-splits with their rows weighted by how much they tell, and its
        parts; None where only one unit was tested. A training that tests a single unit shows no
        spread within: its deviation is that from the mean over trainings.
    """
    n = len(trainings)
    tested = np.unique(np.concatenate([t.rows for t in trainings]))
    labels = tested if groups is None else groups[tested]
    _, unit_of = np.unique(labels, return_inverse=True)
    units = int(unit_of.max()) + 1
    if units < 2:
        return None
    deviations, rows_of = np.zeros((n, units)), np.zeros((n, units))
    totals = np.zeros((n, units))
    means = np.array([t.mean for t in trainings])
    for s, training in enumerate(trainings):
        unit = unit_of[np.searchsorted(tested, training.rows)]
        rows_of[s] = np.bincount(unit, minlength=units)
        totals[s] = np.bincount(unit, weights=training.scores - means[s], minlength=units)
        seen = int(np.count_nonzero(rows_of[s]))
        if seen > 1:
            deviations[s] = totals[s] / len(unit) * math.sqrt(seen / (seen - 1))
        else:
            deviations[s, unit[0]] = (means[s] - means.mean()) * math.sqrt(n / (n - 1))
        totals[s] += means[s] * rows_of[s]
    own = float(np.square(deviations).sum() / n)
    twice = bool((np.count_nonzero(rows_of, axis=0) > 1).any())
    shared = min(max(_between_pairs(deviations), 0.0), own) if twice else 0.0
    between = float(means.var(ddof=1))
    design, rotation = _design(trainings, n_rows, folds)
    parts = Parts(
        design,
        n,
        units,
        between,
        own,
        shared,
        max(0.0, between - (own - shared)),
        shared + (own - shared) / n,
        _overlap(rows_of / rows_of.sum(axis=1, keepdims=True)) if twice else 0.0,
        rotation,
        repeated=_repeated(trainings),
        units_df=_units_df(deviations.mean(axis=0)),
    )
    if design == "resplits":
        return _weighted(rows_of, totals, parts)
    return Measured(float(means.mean()), parts)


def _units_df(deviations: Floats) -> float | None:
    """Return the degrees of freedom of the variance that units (units,) show; None without one.

    They match its mean and variance, as Satterthwaite (1946) does, with the fourth moment of the
    units themselves: of normal ones they are the units less one, and few where few of them carry
    the variance, as those of a rare class do under AUROC.
    """
    largest = np.abs(deviations).max()
    if not largest:
        return None
    squares = np.square(deviations / largest)
    total, units = squares.sum(), len(squares)
    spread = np.square(squares).sum() - total**2 / units
    return float(min(units - 1, 2 * total**2 / spread)) if spread > 0 else units - 1.0


def _between_pairs(values: Floats) -> float:
    """The mean over ordered pairs of rows of (n, units) of their inner product."""
    n = len(values)
    return float((np.square(values.sum(axis=0)).sum() - np.square(values).sum()) / (n * (n - 1)))


def _overlap(present: Floats) -> float:
    """The mean over pairs of trainings of their shared units, relative to the units of one."""
    alone = float(np.square(present).sum() / len(present))
    return min(_between_pairs(present) / alone, 1.0)


def _repeated(trainings: Sequence[Tested]) -> bool:
    """Whether all trainings tested the same rows and gave each the same score."""
    first = trainings[0]
    return all(
        np.array_equal(t.rows, first.rows) and np.array_equal(t.scores, first.scores)
        for t in trainings[1:]
    )


def _design(trainings: Sequence[Tested], n_rows: int, folds: int) -> tuple[Design, int]:
    """Recognise the design, and how many trainings test every row once, whatever their order."""
    first = np.sort(trainings[0].rows)
    if all(np.array_equal(np.sort(t.rows), first) for t in trainings[1:]):
        return "fixed", 1
    if folds:
        return "folds", folds
    counts, covered = _rotations(trainings, n_rows)
    mean_size = float(np.mean([len(t.rows) for t in trainings]))
    whole = [count for count, rows in zip(counts, covered, strict=True) if rows == n_rows]
    rotation = whole[0] if whole else max(round(n_rows / mean_size), counts[0], 2)
    return ("folds" if len(counts) == -(-len(trainings) // rotation) else "resplits"), rotation


def _rotations(trainings: Sequence[Tested], n_rows: int) -> tuple[list[int], list[int]]:
    """Put every training into the first rotation that tests none of its rows yet.

    Returns how many trainings each rotation has, and how many rows they test.
    """
    tested: list[NDArray[np.bool_]] = []
    counts: list[int] = []
    for training in trainings:
        free = (k for k, mask in enumerate(tested) if not mask[training.rows].any())
        chosen = next(free, len(tested))
        if chosen == len(tested):
            tested.append(np.zeros(n_rows, dtype=bool))
            counts.append(0)
        tested[chosen][training.rows] = True
        counts[chosen] += 1
    return counts, [int(mask.sum()) for mask in tested]


def _weighted(rows_of: Floats, totals: Floats, parts: Parts) -> Measured:
    """Weight units by what they tell: one that is tested often tells its persistent part once.

    With R the part of a unit's variance that stays and E the part that each training draws anew, a
    unit that is tested C times has a mean of variance R + E/C, whose inverse, relative to that
    of R + E, is its rows' weight.
    ``rows_of`` says how many rows of a unit a training tested, ``totals`` the sum of their scores,
    both (n, units). R and E are those of an average unit, so equal counts give the plain mean.
    """
    seen = rows_of > 0
    count = seen.sum(axis=0)
    whole = parts.own * float(np.mean(rows_of.sum(axis=1) ** 2 / seen.sum(axis=1)))
    stays = whole * (parts.persistence or 0.0)
    if not whole:
        return Measured(float((totals.sum(axis=1) / rows_of.sum(axis=1)).mean()), parts)
    weight = whole / (stays + (whole - stays) / count)
    share = rows_of @ (weight / count)
    all_rows = share.sum()
    rows, spread = whole * weight.sum() / all_rows**2, np.square(share / all_rows).sum() * parts.n
    mean = float((totals @ (weight / count)).sum() / all_rows)
    return Measured(mean, replace(parts, rows=float(rows), spread=float(spread)))


def assumed_parts(between: float, n: int, n_test: int, n_rows: int, rotation: int) -> Parts:
    """Return the parts where row scores are not known: all spread is taken to be owed to rows.

    ``rotation`` is the number of folds, 0 for re-splits. That is the most cautious reading: rows'
    part does not shrink with more trainings on the same rows.
    """
    design: Design = "folds" if rotation else "resplits"
    blank = Parts(design, n, n - 1, between, between, 0.0, 0.0, between / n, 0.0, rotation or 1)
    overlap = blank._overlap_at(n) if rotation else n_test / n_rows
    own = between / (1 - overlap)
    shared = overlap * own
    return replace(
        blank,
        units=2 * (n - 1),
        own=own,
        shared=shared,
        rows=shared + (own - shared) / n,
        overlap=overlap,
    )
