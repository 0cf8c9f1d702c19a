"""Metrics of two classes, of which the second is the one that is looked for; and of labels.

They go by the numbers of :class:`~nearfar.metrics.Classified` rows alone. Row scores are the metric
plus its influence function (see docs/statistics.md), with the counts of classes as random as rows.
"""

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics.auroc import second_class_scores
from nearfar.metrics.classification import TASK, Classified
from nearfar.metrics.metric import Margin, Metric

Floats = NDArray[np.float64]


def of_label(truth: NDArray[np.number], log_odds: Floats) -> Classified:
    """Return what was said of a label: class 1 where a row has it; truth and log odds (n,)."""
    return Classified.of(
        truth, np.stack([-np.logaddexp(0.0, log_odds), -np.logaddexp(0.0, -log_odds)], axis=1)
    )


def average_precision(rows: Classified) -> float:
    """Mean, over the rows of class 1, of the precision where the threshold is their probability.

    As scikit-learn's ``average_precision_score``, without interpolation; rows of one probability
    are taken together. nan where the truth has not both classes, or where there are more than two.
    """
    found = _precisions(rows)
    return float("nan") if found is None else float(found[0][rows.truth == 1].mean())


def average_precision_rows(rows: Classified) -> Floats:
    """Row scores of :func:`average_precision`, (n,).

    The metric is A / P: A the mean over rows of y·g, where y says whether a row is of class 1 and g
    is the precision among the rows of its probability and above; P is the mean of y. A row adds its
    own y·g to A, and moves the g of every row of class 1 below it: up if it is of class 1 itself,
    by (y - g) / (rows at or above).
    """
    found = _precisions(rows)
    if found is None:
        return np.full(len(rows.truth), np.nan)
    precision, above, scores = found
    y, n = rows.truth == 1, len(rows.truth)
    order = np.argsort(scores[y], kind="stable")
    ordered, weight = scores[y][order], 1 / above[y][order]
    ends = np.searchsorted(ordered, scores, side="right")
    reached = np.concatenate([[0.0], np.cumsum(weight)])[ends]
    expected = np.concatenate([[0.0], np.cumsum(weight * precision[y][order])])[ends]
    share, own = y.mean(), np.where(y, precision, 0.0)
    value = own.sum() / (share * n)
    moved = own + (y * reached - expected) / n
    return np.asarray(value + (moved - value * share) / share - value * (y - share) / share)


def f1(rows: Classified) -> float:
    """Harmonic mean of precision and recall of class 1: 2 TP / (2 TP + FP + FN).

    nan where the truth has no class 1, whatever was predicted, or where there are more than two
    classes.
    """
    counts = _hits(rows)
    if counts is None:
        return float("nan")
    return float(counts[0].sum() / counts[1].sum())


def f1_rows(rows: Classified) -> Floats:
    """Row scores of :func:`f1`, (n,): f1 + (a - f1·b) / mean b.

    a is 2 for a hit of class 1 and 0 otherwise, b is how many of truth and prediction are class 1.
    """
    counts = _hits(rows)
    if counts is None:
        return np.full(len(rows.truth), np.nan)
    hits, said = counts
    value = hits.sum() / said.sum()
    return np.asarray(value + (hits - value * said) / said.mean())


def brier(rows: Classified) -> float:
    """Mean squared difference of the probability of class 1 and the truth; of two classes."""
    return float(brier_rows(rows).mean())


def brier_rows(rows: Classified) -> Floats:
    """Row scores of :func:`brier`, (n,); nan where there are more than two classes."""
    scores = second_class_scores(rows)
    if scores is None:
        return np.full(len(rows.truth), np.nan)
    return np.asarray(np.square(scores + 0.5 - (rows.truth == 1)))


def mcc(rows: Classified) -> float:
    """Matthews correlation coefficient of truth and prediction, of any number of classes.

    Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient".
    0 where all predictions are one class (as scikit-learn has it), nan where the truth is.
    """
    return float(mcc_rows(rows).mean())


def mcc_rows(rows: Classified) -> Floats:
    """Row scores of :func:`mcc`, (n,).

    With p and t the shares of a class among predictions and truths and c the accuracy, it is
    X / √(YZ), X = c - Σ p·t, Y = 1 - Σ p², Z = 1 - Σ t², whose moves by a row are added up. All 0
    where the predictions are one class.
    """
    n, classes = len(rows.truth), 1 + int(max(rows.truth.max(), rows.prediction.max()))
    p = np.bincount(rows.prediction, minlength=classes) / n
    t = np.bincount(rows.truth, minlength=classes) / n
    cross, one, two = rows.correct.mean() - p @ t, 1 - p @ p, 1 - t @ t
    if two <= 0:
        return np.full(n, np.nan)
    if one <= 0:
        return np.zeros(n)
    own_p, own_t = p[rows.prediction], t[rows.truth]
    cross_moves = (rows.correct - rows.correct.mean()) - (
        t[rows.prediction] + p[rows.truth] - 2 * (p @ t)
    )
    one_moves, two_moves = -2 * (own_p - p @ p), -2 * (own_t - t @ t)
    value = cross / np.sqrt(one * two)
    moves = cross_moves / np.sqrt(one * two) - value / 2 * (one_moves / one + two_moves / two)
    return np.asarray(value + moves)


def _precisions(rows: Classified) -> tuple[Floats, Floats, Floats] | None:
    """Return precision at each row's probability, rows there and above over n, and the scores."""
    scores, y = second_class_scores(rows), rows.truth == 1
    if scores is None or y.all() or not y.any():
        return None
    n, ordered = len(scores), np.sort(scores)
    above = (n - np.searchsorted(ordered, scores, side="left")) / n
    right = np.sort(scores[y])
    hits = (len(right) - np.searchsorted(right, scores, side="left")) / n
    return hits / above, above, scores


def _hits(rows: Classified) -> tuple[Floats, Floats] | None:
    """Return of rows twice whether class 1 was found, and how often it was said or true.

    None where the truth has no class 1, or where there are more than two classes.
    """
    if not (rows.truth == 1).any() or not rows.may_be_two:
        return None
    true, said = rows.truth == 1, rows.prediction == 1
    return 2.0 * (true & said), true.astype(np.float64) + said


_OF_PRECISION = Margin(0.02, False, "two hundredths of a precision")
_OF_CORRELATION = Margin(0.02, False, "two hundredths of a perfect correlation")
_OF_SQUARES = Margin(0.1, True, "less than a tenth of the baseline's")

AVERAGE_PRECISION = Metric(
    "average_precision",
    "average precision",
    "higher",
    "none",
    average_precision,
    average_precision_rows,
    TASK,
    _OF_PRECISION,
    two_classes=True,
    labels=True,
    least=0.0,
    most=1.0,
)
F1 = Metric(
    "f1",
    "F1",
    "higher",
    "none",
    f1,
    f1_rows,
    TASK,
    _OF_PRECISION,
    two_classes=True,
    labels=True,
    least=0.0,
    most=1.0,
)
F1_MICRO = Metric(
    "f1_micro",
    "F1 micro",
    "higher",
    "none",
    f1,
    f1_rows,
    "multilabel",
    _OF_PRECISION,
    pooled=True,
    least=0.0,
    most=1.0,
)
MCC = Metric(
    "mcc",
    "MCC",
    "higher",
    "none",
    mcc,
    mcc_rows,
    TASK,
    _OF_CORRELATION,
    labels=True,
    least=-1.0,
    most=1.0,
)
BRIER = Metric(
    "brier",
    "Brier score",
    "lower",
    "none",
    brier,
    brier_rows,
    TASK,
    _OF_SQUARES,
    two_classes=True,
    labels=True,
    least=0.0,
    most=1.0,
)
