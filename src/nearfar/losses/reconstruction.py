"""Losses of decoders: logits of values in [0, 1] and the values themselves to a mean over rows."""

from torch import Tensor


def squares(logits: Tensor, target: Tensor) -> Tensor:
    """Squared error summed over all numbers of a row, mean over the rows (n, ...)."""
    return (logits.sigmoid() - target).square().sum() / len(target)
