"""Measures of a representation: how features of rows lie to one another, and to the labels.

They judge no prediction, and nothing is chosen by them: they say why an arm is better. All depend
on angles and ratios of distances alone, so a representation that is shifted, turned or stretched as
a whole has the same measures.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics.metric import Measure
from nearfar.metrics.regression import spearman

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ROWS = 2000
"""Rows that are measured at most: the cost grows with their square."""

PAIRS = 100_000
"""Pairs of these that are looked at, at most, where all have to be ranked or averaged."""

CLOSEST = 0.05
"""Share of the pairs, those with the closest numbers as labels, that should be alike."""

DIGITS = 9
"""Decimals of distances: what rounding errors tell apart counts as equally far."""


@dataclass(frozen=True)
class Represented:
    """Rows with their features and labels.

    ``features`` float64 (n, d) have mean 0 and a mean squared norm of 1; ``labels`` are the numbers
    of classes, int64 (n,), or targets of one scale, float64 (n, k).
    """

    features: Floats
    labels: Floats | Integers

    @classmethod
    def of(
        cls, features: NDArray[np.floating], labels: Floats | Integers, *, standardise: bool = False
    ) -> Self | None:
        """Take features (n, d) and labels; None where features are constant or not all finite.

        A column counts as constant whose deviations are within the rounding of float32. With
        ``standardise`` every other column is divided by its deviation: for columns that are
        measured in different units, which no training brought to one scale.

        Raises:
            ValueError: shapes that do not fit.
        """
        numbers = labels.ndim == 2 and labels.dtype.kind == "f"
        classes = labels.ndim == 1 and labels.dtype.kind in "iu"
        if features.ndim != 2 or len(features) != len(labels) or not (numbers or classes):
            raise ValueError(
                "need features (n, d) and labels float (n, k) or int (n,), got "
                f"{features.shape} and {labels.dtype} {labels.shape}"
            )
        if not features.size or not np.isfinite(features).all():
            return None
        largest = np.abs(features).max(axis=0).astype(np.float64)
        values = features.astype(np.float64)
        values -= values.mean(axis=0)
        reach = np.abs(values).max(axis=0)
        constant = reach <= 1e-6 * largest
        if constant.all():
            return None
        values[:, constant] = 0.0
        values /= np.where(constant, 1.0, reach) if standardise else reach.max()
        if standardise:
            values /= np.where(constant, 1.0, values.std(axis=0))
        values /= np.sqrt(np.square(values).sum() / len(values))
        return cls(values, labels)

    @cached_property
    def gram(self) -> Floats:
        """Inner products of features, (n, n)."""
        return np.asarray(self.features @ self.features.T)

    @cached_property
    def pairs(self) -> tuple[Integers, Integers]:
        """The rows of every pair, (pairs,) each; of more than 100,000 pairs, of every k-th."""
        first, second = np.triu_indices(len(self.features), 1)
        step = max(1, -(-len(first) // PAIRS))
        return first[::step], second[::step]

    @cached_property
    def label_distances(self) -> Floats:
        """Label distances of the pairs, (pairs,)."""
        return self.label_distance(*self.pairs)

    @cached_property
    def squares(self) -> Floats:
        """Squared feature distances of the pairs, (pairs,)."""
        norms, (first, second) = np.diag(self.gram), self.pairs
        return _rounded(norms[first] + norms[second] - 2 * self.gram[first, second])

    @cached_property
    def squares_on_sphere(self) -> Floats:
        """Squared distances of the directions of pairs from the mean, (pairs,), between 0 and 4.

        A row at the mean itself has none and stays in the centre of the sphere.
        """
        norms, (first, second) = np.sqrt(np.diag(self.gram)), self.pairs
        known = norms > 10.0**-DIGITS
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=known)
        cosines = self.gram[first, second] * inverse[first] * inverse[second]
        return _rounded(known[first] + 0.0 + known[second] - 2 * cosines)

    def label_distance(self, first: Integers, second: Integers) -> Floats:
        """Label distances of rows (m,) and rows (m,): Euclidean; of classes 0 if the same, else 1.

        Differences are rounded to nine decimals.
        """
        if self.labels.ndim == 1:
            return np.asarray(self.labels[first] != self.labels[second], dtype=np.float64)
        differences = self.labels[first] - self.labels[second]
        return _rounded(np.sqrt(np.square(differences).sum(axis=1)))


def _rounded(distances: Floats) -> Floats:
    return distances.round(DIGITS).clip(0)


def label_correlation(rows: Represented) -> float:
    """Spearman correlation, over pairs of rows, of feature distance with label distance.

    1 where pairs stand in the same order by both, which is what Rank-N-Contrast asks for (Zha et
    al. 2023, definition 1, over all pairs at once). Of classes, a pair's distance is 0 or 1; then
    perfectly separate classes stay below 1, for feature distances have fewer ties than these. nan
    where either distance is the same for all pairs.
    """
    return spearman(rows.label_distances, rows.squares) if len(rows.squares) else float("nan")


def neighbour_error(rows: Represented) -> float:
    """Mean label distance between a row and its nearest neighbour among the other rows.

    In the labels' unit; of classes, the share of rows whose neighbour is of another class. Several
    that are equally near count by their mean.
    """
    count = len(rows.features)
    if count < 2:
        return float("nan")
    squares = np.diag(rows.gram) - 2 * rows.gram
    np.fill_diagonal(squares, np.inf)
    nearest = squares.min(axis=1, keepdims=True)
    row, neighbour = np.nonzero(squares <= nearest + 10.0**-DIGITS)
    totals = np.bincount(row, weights=rows.label_distance(row, neighbour), minlength=count)
    return float((totals / np.bincount(row, minlength=count)).mean())


def alignment(rows: Represented) -> float:
    """Mean squared distance, on the unit sphere, of pairs of rows that should be alike.

    The alignment loss with exponent 2 of Wang and Isola 2020 ("Understanding contrastive
    representation learning through alignment and uniformity on the hypersphere", section 4.1.1).
    Alike are rows of one class, or the 5% of all pairs with the closest labels, more where these
    tie: the same pairs for every arm, whether or not it is trained with views. Directions are taken
    from the mean, since most encoders here are not trained on a sphere. nan where no pair is alike.
    """
    distances, closest = rows.label_distances, 0.0
    if len(distances) and rows.labels.ndim == 2:
        closest = float(np.quantile(distances, CLOSEST, method="inverted_cdf"))
    alike = distances <= closest
    return float(rows.squares_on_sphere[alike].mean()) if alike.any() else float("nan")


def uniformity(rows: Represented) -> float:
    """Log of the mean over pairs of exp(-2 · squared distance on the unit sphere).

    The uniformity loss with t = 2 of Wang and Isola 2020, section 4.1.2, directions taken from the
    mean. 0 where all rows coincide; about -4 where they spread evenly over many dimensions.
    """
    squares = rows.squares_on_sphere
    return float(np.log(np.exp(-2 * squares).mean())) if len(squares) else float("nan")


def effective_rank(rows: Represented) -> float:
    """Exponential of the entropy of the singular values of features (n, d), divided by their sum.

    Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality". Between 1
    and min(n - 1, d), for the features have mean 0.
    """
    wide = rows.features.shape[1] > len(rows.features)
    squares = np.linalg.eigvalsh(rows.gram if wide else rows.features.T @ rows.features)
    rounding = squares[-1] * max(rows.features.shape) * np.finfo(np.float64).eps
    values = np.sqrt(squares[squares > rounding])
    shares = values / values.sum()
    return float(np.exp(-(shares @ np.log(shares))))


LABEL_CORRELATION = Measure(
    "label_correlation",
    "label correlation",
    "higher",
    "none",
    label_correlation,
    "Do features lie the farther apart, the more the targets differ? Spearman correlation over "
    "pairs of rows: 1 is perfect order, 0 none.",
    "Do features of different classes lie farther apart? Spearman correlation over pairs of "
    "rows: 0 is no order; even perfectly separate classes stay below 1.",
)
NEIGHBOUR_ERROR = Measure(
    "neighbour_error",
    "neighbour error",
    "lower",
    "target",
    neighbour_error,
    "How far the target of a row’s nearest neighbour is from its own, on average.",
    "Share of rows whose nearest neighbour is of another class.",
)
ALIGNMENT = Measure(
    "alignment",
    "alignment",
    "lower",
    "none",
    alignment,
    "Mean squared distance of directions between rows of nearly equal targets (the closest 5% "
    "of pairs): 0 is together, 2 is unrelated.",
    "Mean squared distance of directions between rows of one class: 0 is together, 2 is unrelated.",
)
_EVEN = (
    "How evenly directions spread: 0 is all in one place, −4 evenly over many dimensions. It pulls "
    "against alignment."
)
UNIFORMITY = Measure("uniformity", "uniformity", "lower", "none", uniformity, _EVEN, _EVEN)
_RANK = (
    "How many dimensions the features use (entropy of their singular values); neither few nor many "
    "is better by itself."
)
EFFECTIVE_RANK = Measure(
    "effective_rank", "effective rank", None, "none", effective_rank, _RANK, _RANK
)

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (LABEL_CORRELATION, NEIGHBOUR_ERROR, ALIGNMENT, UNIFORMITY, EFFECTIVE_RANK)
}


def measured_rows(rows: Integers) -> Integers:
    """Return 2,000 of the rows (n,), evenly spread, or all if there are not so many."""
    if len(rows) <= ROWS:
        return rows
    return np.asarray(rows[np.arange(ROWS) * len(rows) // ROWS])


def evaluate_representation(
    features: NDArray[np.floating], labels: Floats | Integers, *, standardise: bool = False
) -> dict[str, float]:
    """Return every measure that is defined for these rows; none where features are constant.

    Args:
        features: (n, d); n is best at most :data:`ROWS`.
        labels: numbers of classes, int (n,), or targets on one scale, float (n, k).
        standardise: as :meth:`Represented.of` has it.

    Raises:
        ValueError: shapes that do not fit.
    """
    rows = Represented.of(features, labels, standardise=standardise)
    if rows is None:
        return {}
    found = {name: measure.value(rows) for name, measure in MEASURES.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}
