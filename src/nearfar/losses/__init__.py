"""Losses: tensors in, scalar out; one idea per file."""

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.classification import cross_entropy
from nearfar.losses.contrastive import contrastive_loss
from nearfar.losses.directions import unit
from nearfar.losses.distances import Mahalanobis, l2_distances
from nearfar.losses.distributions import binary_cross_entropy, soft_cross_entropy
from nearfar.losses.info_nce import info_nce_loss
from nearfar.losses.nt_xent import nt_xent_loss
from nearfar.losses.pair_likelihood import pair_likelihood_loss
from nearfar.losses.reconstruction import squares
from nearfar.losses.rnc import RnCLoss
from nearfar.losses.sup_con import sup_con_loss
from nearfar.losses.triplet import triplet_loss

REGRESSION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "huber": partial(F.smooth_l1_loss, beta=1.0),
}
"""Name → (prediction, target) → mean over all elements. ``huber`` turns linear at an error of 1."""

ELEMENTWISE_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": partial(F.l1_loss, reduction="none"),
    "mse": partial(F.mse_loss, reduction="none"),
    "huber": partial(F.smooth_l1_loss, beta=1.0, reduction="none"),
    "cross_entropy": partial(soft_cross_entropy, reduction="none"),
    "binary_cross_entropy": partial(binary_cross_entropy, reduction="none"),
}
"""Name → (prediction, target) → the loss of every element, for rows that do not count alike."""

CLASSIFICATION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
}
"""Name → (logits, class numbers) → mean over the rows."""

DISTRIBUTION_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": soft_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}
"""Name → (logits, probabilities) → mean over all; of numbers that are read from distributions."""

LOSSES: dict[str, dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "regression": REGRESSION_LOSSES,
    "classification": CLASSIFICATION_LOSSES,
    "reconstruction": {"squares": squares},
}
"""The losses that a task has; the first one is its default. Reconstructions are compared as logits
with values in [0, 1]."""

__all__ = [
    "CLASSIFICATION_LOSSES",
    "DISTRIBUTION_LOSSES",
    "ELEMENTWISE_LOSSES",
    "LOSSES",
    "REGRESSION_LOSSES",
    "Mahalanobis",
    "RnCLoss",
    "binary_cross_entropy",
    "contrastive_loss",
    "info_nce_loss",
    "l2_distances",
    "nt_xent_loss",
    "pair_likelihood_loss",
    "soft_cross_entropy",
    "squares",
    "sup_con_loss",
    "triplet_loss",
    "unit",
]
