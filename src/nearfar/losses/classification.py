"""Losses of classifiers: logits (n, classes) and class numbers (n, 1) to a mean over the rows."""

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Negative log-likelihood of the class under a softmax of ``logits``, in nats.

    ``target`` (n, 1) holds class numbers of any dtype. ``label_smoothing`` is the share of the
    target's probability that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    """
    return F.cross_entropy(logits, target[:, 0].long(), label_smoothing=label_smoothing)
