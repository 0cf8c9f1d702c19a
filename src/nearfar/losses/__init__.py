"""Losses: tensors in, scalar out; one idea per file."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from torch import Tensor

from nearfar.losses.barlow_twins import barlow_twins_loss
from nearfar.losses.contrastive import contrastive_loss
from nearfar.losses.directions import unit
from nearfar.losses.distances import Mahalanobis, l2_distances
from nearfar.losses.distributions import binary_cross_entropy, soft_cross_entropy
from nearfar.losses.gaps import mean_of_known
from nearfar.losses.info_nce import info_nce_loss
from nearfar.losses.mul_sup_con import mul_sup_con_loss
from nearfar.losses.negative_cosine import negative_cosine_loss
from nearfar.losses.nt_xent import nt_xent_loss
from nearfar.losses.ordinal_entropy import ordinal_entropy_loss
from nearfar.losses.pair_likelihood import pair_likelihood_loss
from nearfar.losses.ranksim import ranksim_loss
from nearfar.losses.reconstruction import squares
from nearfar.losses.rnc import RnCLoss
from nearfar.losses.sup_con import sup_con_loss
from nearfar.losses.supremix import supremix_loss
from nearfar.losses.triplet import triplet_loss
from nearfar.losses.vicreg import vicreg_loss
from nearfar.references import References

Loss = Callable[[Tensor, Tensor], Tensor]


class ReducedLoss(Protocol):
    """A loss that gives its mean, or one number for each element."""

    def __call__(self, prediction: Tensor, target: Tensor, /, *, reduction: str = ...) -> Tensor:
        """Return the mean, or with ``reduction`` none the loss of every element."""


REGRESSION_LOSSES = References[ReducedLoss](
    {
        "l1": "torch.nn.functional:l1_loss",
        "mse": "torch.nn.functional:mse_loss",
        "huber": "torch.nn.functional:smooth_l1_loss",
    }
)
"""Name → (prediction, target, reduction ``mean`` or ``none``) → the mean over all elements, or the
loss of each. ``huber`` turns linear at an error of 1."""

CLASSIFICATION_LOSSES = References[ReducedLoss](
    {"cross_entropy": "nearfar.losses.classification:cross_entropy"}
)
"""Name → (logits, class numbers, reduction) → mean over the rows, or the loss of each."""

MULTILABEL_LOSSES = References[ReducedLoss](
    {"bce": "nearfar.losses.distributions:binary_cross_entropy"}
)
"""Name → (logits, labels 0 or 1, reduction) → mean over all elements, or the loss of each."""

DISTRIBUTION_LOSSES = References[ReducedLoss](
    {
        "cross_entropy": "nearfar.losses.distributions:soft_cross_entropy",
        "binary_cross_entropy": "nearfar.losses.distributions:binary_cross_entropy",
    }
)
"""Name → (logits, probabilities, reduction) → the mean over all, or the loss of each; of numbers
that are read from distributions."""


def _elements(
    losses: Mapping[str, ReducedLoss],
    name: str,
    prediction: Tensor,
    target: Tensor,
    **options: float,
) -> Tensor:
    return losses[name](prediction, target, reduction="none", **options)


ELEMENTWISE_LOSSES: dict[str, Loss] = {
    name: partial(_elements, losses, name)
    for losses in (REGRESSION_LOSSES, DISTRIBUTION_LOSSES, MULTILABEL_LOSSES)
    for name in losses
}
"""Name → (prediction, target) → the loss of every element, for rows that do not count alike."""


def elementwise(name: str, *, classes: bool) -> Loss | None:
    """Return a loss that gives each row its own number, None where there is none of this name.

    Args:
        name: of the loss, as a study file has it.
        classes: whether of classes: logits (n, classes) and classes (n,) → (n,). Else of numbers:
            (n, k) and (n, k) → (n, k), in the unit of the targets or its square.
    """
    if classes:
        known = name in CLASSIFICATION_LOSSES
        return partial(_elements, CLASSIFICATION_LOSSES, name) if known else None
    return ELEMENTWISE_LOSSES.get(name)


LOSSES: dict[str, Mapping[str, Loss]] = {
    "regression": REGRESSION_LOSSES,
    "classification": CLASSIFICATION_LOSSES,
    "multilabel": MULTILABEL_LOSSES,
    "reconstruction": References({"squares": "nearfar.losses.reconstruction:squares"}),
}
"""The losses that a task has; the first one is its default. Reconstructions are compared as logits
with values in [0, 1]."""

__all__ = [
    "CLASSIFICATION_LOSSES",
    "DISTRIBUTION_LOSSES",
    "ELEMENTWISE_LOSSES",
    "LOSSES",
    "MULTILABEL_LOSSES",
    "REGRESSION_LOSSES",
    "Mahalanobis",
    "RnCLoss",
    "barlow_twins_loss",
    "binary_cross_entropy",
    "contrastive_loss",
    "elementwise",
    "info_nce_loss",
    "l2_distances",
    "mean_of_known",
    "mul_sup_con_loss",
    "negative_cosine_loss",
    "nt_xent_loss",
    "ordinal_entropy_loss",
    "pair_likelihood_loss",
    "ranksim_loss",
    "soft_cross_entropy",
    "squares",
    "sup_con_loss",
    "supremix_loss",
    "triplet_loss",
    "unit",
    "vicreg_loss",
]
