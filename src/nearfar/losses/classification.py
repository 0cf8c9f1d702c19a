"""Losses of classifiers: logits (n, classes) and class numbers (n, 1) to a mean over the rows."""

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(
    logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood of the class under a softmax of ``logits``, in nats.

    ``target`` (n, 1) holds class numbers of any dtype. ``label_smoothing`` is the share of the
    target's probability that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    A scalar, or with ``reduction`` none one number for each row, (n,).
    """
    classes = target[:, 0].long()
    return F.cross_entropy(logits, classes, label_smoothing=label_smoothing, reduction=reduction)
