"""Losses of predicted distributions: logits and probabilities to a mean over rows and targets."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Reduction = Literal["mean", "none"]


def soft_cross_entropy(
    logits: Tensor, probabilities: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """Cross-entropy of ``probabilities`` (..., bins) under a softmax of ``logits``, in nats.

    Rothe et al., "DEX: deep expectation of apparent age from a single image", ICCV workshops 2015,
    where the probabilities are 1 for one bin.

    Args:
        logits: (..., bins), floating point.
        probabilities: (..., bins), adding up to 1 in each distribution.
        reduction: ``mean``, or ``none``.

    Returns:
        A scalar, or with ``none`` one number for each distribution (...).

    Raises:
        RuntimeError: shapes that do not fit each other, as torch says it.
    """
    found = -(probabilities * logits.log_softmax(-1)).sum(-1)
    return found if reduction == "none" else found.mean()


def binary_cross_entropy(
    logits: Tensor, probabilities: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """Cross-entropy of each of ``probabilities`` under a sigmoid of its logit, in nats.

    Niu et al., "Ordinal regression with multiple output CNN for age estimation", CVPR 2016,
    equation 2 with equal weights, as a mean over the binary questions in place of their sum.

    Args:
        logits: (n, k), or of any other shape; floating point.
        probabilities: of the same shape, from 0 to 1.
        reduction: ``mean``, or ``none``.

    Returns:
        A scalar, or with ``none`` one number for each element, of the shape of ``logits``.

    Raises:
        ValueError: the shapes differ, as torch says it.
    """
    return F.binary_cross_entropy_with_logits(logits, probabilities, reduction=reduction)
