"""The area under the receiver operating characteristic, of two classes."""

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics.classification import Classified
from nearfar.metrics.metric import Margin, Metric
from nearfar.metrics.order import shares_below

Floats = NDArray[np.float64]

ROUNDING = 2e-6
"""How far two probabilities may be from a sum of 1: files of older runs have six decimals."""


def auroc(rows: Classified) -> float:
    """Share of pairs, one row of each class, that the probability orders rightly; ties count half.

    nan where the truth has not both classes, or where there are more than two (see
    :func:`second_class_scores`).
    """
    placed = _placements(rows)
    return float("nan") if placed is None else float(placed[rows.truth == 1].mean())


def auroc_rows(rows: Classified) -> Floats:
    """Row scores of :func:`auroc`, (n,): AUROC + (placement - AUROC) n / rows of the class.

    The placement of a row is the share of rows of the other class that it is on the right side of
    (DeLong, DeLong, Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver
    operating characteristic curves"). nan where the metric is.
    """
    placed = _placements(rows)
    if placed is None:
        return np.full(len(rows.truth), np.nan)
    area = placed[rows.truth == 1].mean()
    counts = np.bincount(rows.truth)
    return np.asarray(area + (placed - area) * len(placed) / counts[rows.truth])


def second_class_scores(rows: Classified) -> Floats | None:
    """Return what orders rows by the probability p of class 1, (n,); None with more than two.

    The number is p - 1/2, from prediction and confidence alone. So two rows of the same p have the
    same number whatever their classes. Log-odds by way of the truth's log probability would differ
    with the class in the last digit, which gives a constant classifier an area of 0 or 1, and are
    no finer: of a row of each class with one prediction, one is right, and of that one the log
    probability is as near to 0 as the confidence is to 1. Equal is what float64 does not tell
    apart.

    Where it is not known how many classes there are, more than two are seen by their numbers, by
    ranks, and by a truth of rank 2 whose probability and the prediction's have no sum of 1.
    """
    right = rows.rank == 1
    own = np.exp(rows.log_probability)
    expected = np.where(right, own, 1 - own)
    if not rows.may_be_two or (np.abs(rows.confidence - expected) > ROUNDING).any():
        return None
    return np.where(rows.prediction == 1, rows.confidence - 0.5, 0.5 - rows.confidence)


def _placements(rows: Classified) -> Floats | None:
    """Return the share of rows of the other class that each row (n,) is on the right side of."""
    scores, second = second_class_scores(rows), rows.truth == 1
    if scores is None or second.all() or not second.any():
        return None
    placed = np.empty(len(scores))
    placed[second] = shares_below(scores[second], scores[~second])
    placed[~second] = 1 - shares_below(scores[~second], scores[second])
    return placed


AUROC = Metric(
    "auroc",
    "AUROC",
    "higher",
    "none",
    auroc,
    auroc_rows,
    "classification",
    Margin(0.02, False, "two pairs in a hundred, one row of each class"),
    two_classes=True,
    labels=True,
    least=0.0,
    most=1.0,
)
