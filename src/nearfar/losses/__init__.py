"""Losses: tensors in, scalar out; one idea per file."""

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.rnc import RnCLoss

REGRESSION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "huber": partial(F.smooth_l1_loss, beta=1.0),
}
"""Name → (prediction, target) → mean over all elements. ``huber`` turns linear at an error of 1."""

__all__ = ["REGRESSION_LOSSES", "RnCLoss"]
