"""The negative cosine similarity of predictions and what they predict: SimSiam and BYOL."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nearfar.losses.directions import SMALLEST
from nearfar.losses.pairs import check_matrix
from nearfar.losses.precision import in_full_precision


@in_full_precision
def negative_cosine_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return minus the mean cosine of two batches of rows, a scalar in [-1, 1].

    SimSiam: Chen and He, CVPR 2021, equation 1. BYOL's loss (Grill et al., NeurIPS 2020, equation
    2) is 2 + 2 times it. Rows of zeros have cosine 0. Gradients reach both sides: detach what is to
    be predicted. There is no second derivative.

    Args:
        predictions: (n, d).
        targets: (n, d).

    Raises:
        ValueError: shapes that differ or are not (n, d), no rows.
    """
    check_matrix("predictions", predictions)
    if predictions.shape != targets.shape or not len(predictions):
        raise ValueError(
            "predictions and targets must be equal in shape and have rows, not "
            f"{tuple(predictions.shape)}, {tuple(targets.shape)}"
        )
    loss: Tensor = _NegativeCosine.apply(predictions, targets)  # type: ignore[no-untyped-call]
    return loss


class _NegativeCosine(torch.autograd.Function):
    """Its gradients written out: a third of the passes over the rows that autograd takes."""

    @staticmethod
    def forward(ctx: Any, predictions: Tensor, targets: Tensor) -> Tensor:
        rows = torch.stack([predictions, targets])
        largest = rows.abs().amax(2, keepdim=True)
        largest.masked_fill_(largest <= SMALLEST, 1)
        length = torch.linalg.vector_norm(rows.div_(largest), dim=2, keepdim=True).clamp_min_(1)
        one, other = rows.div_(length)
        cosines = torch.linalg.vecdot(one, other)
        ctx.save_for_backward(rows, largest.mul_(length), cosines)
        mean: Tensor = cosines.mean()
        return -mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (one, other), lengths, cosines = ctx.saved_tensors
        factors, turned = -upstream / len(one) / lengths, cosines[:, None]
        found: list[Tensor | None] = [None, None]
        if ctx.needs_input_grad[0]:
            found[0] = torch.addcmul(other, one, turned, value=-1).mul_(factors[0])
        if ctx.needs_input_grad[1]:
            found[1] = torch.addcmul(one, other, turned, value=-1).mul_(factors[1])
        return found[0], found[1]
