"""Losses of classifiers: logits (n, classes) and class numbers (n, 1) to a mean over the rows."""

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Negative log-likelihood of the class under a softmax of ``logits``, in nats.

    ``target`` (n, 1) holds class numbers of any dtype. A scalar, or with ``reduction`` none one
    number for each row, (n,).
    """
    return F.cross_entropy(logits, target[:, 0].long(), reduction=reduction)
