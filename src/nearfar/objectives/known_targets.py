"""Losses of features and labels where rows lack some of several targets."""

from collections.abc import Callable

from torch import Tensor


def by_known_targets(
    loss: Callable[[Tensor, Tensor], Tensor], features: Tensor, targets: Tensor
) -> Tensor:
    """Return a loss of (features (n, d), labels (n, k)), a scalar, where labels may be NaN.

    Where none is, it is the loss of all targets at once; else the mean of the losses of each target
    alone, by the rows that have it, over those that two rows have; 0 where there is none.
    """
    if not bool(targets.isnan().any()):
        return loss(features, targets)
    return each_target(loss, features, targets)


def each_target(
    loss: Callable[[Tensor, Tensor], Tensor], features: Tensor, targets: Tensor
) -> Tensor:
    """Return the mean of the losses of each target alone, by the rows that have it, a scalar.

    ``loss`` takes the features of these rows and their labels (m, 1). Targets that fewer than two
    rows have do not count; 0 where none does.
    """
    total, counted = features.sum() * 0, 0
    for column in targets.T:
        rows = (~column.isnan()).nonzero()[:, 0]
        if len(rows) > 1:
            total, counted = total + loss(features[rows], column[rows][:, None]), counted + 1
    return total / max(1, counted)
