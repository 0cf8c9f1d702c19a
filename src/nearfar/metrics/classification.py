"""Metrics of classification, of what a classifier said of each row."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics.metric import Margin, Metric

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""
LEAST_PROBABILITY = 1e-12
"""Stands for the probability 0 that a solved head gives, so that its logarithm is a number."""
_ROUNDED = 2e-6


@dataclass(frozen=True)
class Classified:
    """Rows with their class and what was said of it; every field but the last (n,).

    ``truth`` and ``prediction`` are class numbers, ``log_probability`` is that of the truth,
    ``rank`` its place among all classes by probability (1 is the prediction), ``confidence`` the
    probability of the prediction. ``classes`` is how many there are, None where that is not known.
    """

    truth: Integers
    prediction: Integers
    log_probability: Floats
    rank: Integers
    confidence: Floats
    classes: int | None = None

    @classmethod
    def of(cls, truth: NDArray[np.number], log_probabilities: Floats) -> Self:
        """Take class numbers (n,) and log probabilities (n, classes).

        Raises:
            ValueError: shapes that do not fit, no rows, or a log probability that is not a number.
        """
        numbers = np.asarray(truth).astype(np.int64)
        if (
            log_probabilities.ndim != 2
            or len(numbers) != len(log_probabilities)
            or not len(numbers)
        ):
            raise ValueError(
                f"need (n,) and (n, classes), got {numbers.shape} and {log_probabilities.shape}"
            )
        if np.isnan(log_probabilities).any():
            raise ValueError("a log probability is not a number")
        rows = np.arange(len(numbers))
        own = log_probabilities[rows, numbers]
        before = np.arange(log_probabilities.shape[1]) < numbers[:, None]
        ahead = (log_probabilities > own[:, None]) | ((log_probabilities == own[:, None]) & before)
        prediction = log_probabilities.argmax(axis=1)
        return cls(
            truth=numbers,
            prediction=prediction,
            log_probability=own,
            rank=1 + ahead.sum(axis=1),
            confidence=np.exp(log_probabilities[rows, prediction]),
            classes=log_probabilities.shape[1],
        )

    @property
    def may_be_two(self) -> bool:
        """Whether there are two classes, or where that is not known, no row tells of a third."""
        highest = max(self.truth.max(), self.prediction.max())
        return self.classes in {2, None} and bool(highest <= 1 and self.rank.max() <= 2)

    @property
    def correct(self) -> Floats:
        """1 where the prediction is the truth, else 0."""
        return np.asarray(self.rank == 1, dtype=np.float64)


def accuracy(rows: Classified) -> float:
    """Share of rows whose prediction is the truth."""
    return float(rows.correct.mean())


def top3_accuracy(rows: Classified) -> float:
    """Share of rows whose class is among the three most probable.

    A class that got no vote, such as most of those of a forest or of nearest neighbours, is not
    among them, however few classes got any: probability 0, or the least that stands for it.
    """
    return float(top3_rows(rows).mean())


def balanced_accuracy(rows: Classified) -> float:
    """Mean over the classes that occur of the share found (recall); "macro accuracy"."""
    return float(_recalls(rows)[np.unique(rows.truth)].mean())


def nll(rows: Classified) -> float:
    """Mean negative log-likelihood of the truth, in nats: the cross-entropy."""
    return float(-rows.log_probability.mean())


def ece(rows: Classified) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over 15 equal bins.

    Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks", equation 3.
    """
    place = np.minimum((rows.confidence * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(place, weights=rows.correct - rows.confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(place))


def correct_rows(rows: Classified) -> Floats:
    """Row scores of :func:`accuracy`."""
    return rows.correct


def top3_rows(rows: Classified) -> Floats:
    """Row scores of :func:`top3_accuracy`."""
    no_vote = rows.log_probability <= -np.inf
    no_vote |= np.abs(rows.log_probability - math.log(LEAST_PROBABILITY)) < _ROUNDED
    return np.asarray((rows.rank <= 3) & ~no_vote, dtype=np.float64)


def balanced_rows(rows: Classified) -> Floats:
    """Row scores of :func:`balanced_accuracy`: it + (correct - recall) n / (classes · rows).

    Recall and rows are those of the row's class: the counts of classes are as random as the rows,
    so a row tells only how it differs from others of its class.
    """
    own, counts = _recalls(rows)[rows.truth], np.bincount(rows.truth)
    weights = len(rows.truth) / (np.count_nonzero(counts) * counts[rows.truth])
    return np.asarray(balanced_accuracy(rows) + (rows.correct - own) * weights)


def nll_rows(rows: Classified) -> Floats:
    """Row scores of :func:`nll`."""
    return -rows.log_probability


def _recalls(rows: Classified) -> Floats:
    """Share found of each class up to the largest number, 0 where a class has no row."""
    found, counts = np.bincount(rows.truth, weights=rows.correct), np.bincount(rows.truth)
    return np.asarray(found / np.maximum(counts, 1))


def confusion(truth: Integers, prediction: Integers, classes: int) -> Integers:
    """Counts (classes, classes) of rows (n,): truth in rows, prediction in columns."""
    flat = np.bincount(truth * classes + prediction, minlength=classes * classes)
    return np.asarray(flat.reshape(classes, classes), dtype=np.int64)


def recalls(counts: Integers) -> Floats:
    """Share found of each class, (classes,), of its confusions; nan where a class has no row."""
    total = counts.sum(axis=1)
    shares = np.divide(counts.diagonal(), total, out=np.full(len(total), np.nan), where=total > 0)
    return np.asarray(shares, dtype=np.float64)


TASK = "classification"

_OF_ROWS = Margin(0.02, False, "two rows in a hundred")
_OF_CLASSES = Margin(0.02, False, "two rows in a hundred, every class counting alike")
_OF_LIKELIHOOD = Margin(0.1, True, "less than a tenth of the baseline's loss")
_OF_CONFIDENCE = Margin(0.01, False, "one hundredth of a probability")

ACCURACY = Metric(
    "accuracy",
    "accuracy",
    "higher",
    "none",
    accuracy,
    correct_rows,
    TASK,
    _OF_ROWS,
    labels=True,
    least=0.0,
    most=1.0,
)
TOP3_ACCURACY = Metric(
    "top3_accuracy",
    "top-3 accuracy",
    "higher",
    "none",
    top3_accuracy,
    top3_rows,
    TASK,
    _OF_ROWS,
    least=0.0,
    most=1.0,
)
BALANCED_ACCURACY = Metric(
    "balanced_accuracy",
    "balanced accuracy",
    "higher",
    "none",
    balanced_accuracy,
    balanced_rows,
    TASK,
    _OF_CLASSES,
    labels=True,
    least=0.0,
    most=1.0,
)
NLL = Metric(
    "nll",
    "negative log-likelihood",
    "lower",
    "none",
    nll,
    nll_rows,
    TASK,
    _OF_LIKELIHOOD,
    labels=True,
    least=0.0,
)
ECE = Metric(
    "ece",
    "calibration error",
    "lower",
    "none",
    ece,
    task=TASK,
    same=_OF_CONFIDENCE,
    least=0.0,
    most=1.0,
)
