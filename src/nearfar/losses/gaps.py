"""Losses of targets of which some are not known."""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def mean_of_known(
    loss: Loss, prediction: Tensor, target: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean of an elementwise loss over the targets that are known, a scalar.

    A target that is not known adds nothing to the loss or to any gradient, whatever the prediction
    is. Every known one counts alike, so a target counts by the rows that have it. With weights the
    sum is weighted, and still divided by the number of what is known. 0 where nothing is.

    Args:
        loss: (prediction, target) → the loss of every element, (n,), (n, k) or (n, k, …).
        prediction: (n, …), as the loss takes it.
        target: (n, …), as the loss takes it; NaN where it is not known. What the loss sums over, a
            distribution, is NaN as a whole.
        weights: (n,) of the rows, or (n, k) of their targets; None: all count alike.
    """
    unknown = target.isnan()
    each = loss(prediction, torch.where(unknown, torch.zeros_like(target), target))
    known = ~unknown.flatten(each.dim()).any(-1) if target.dim() > each.dim() else ~unknown
    known = known.reshape(len(each), -1)
    each = torch.where(known, each.reshape(len(each), -1), each.new_zeros(()))
    count = known.sum().clamp_min(1)
    if weights is None:
        return each.sum() / count
    columns = weights.to(each.dtype).reshape(len(weights), -1)
    if columns.shape[1] > 1:
        columns = columns.repeat_interleave(each.shape[1] // columns.shape[1], dim=1)
    return (each * columns).sum() / count
