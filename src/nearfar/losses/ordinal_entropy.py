"""Ordinal entropy: features spread out, the more the farther their labels are apart."""

import torch
from torch import Tensor

from nearfar.losses.directions import unit
from nearfar.losses.distances import l2_distances
from nearfar.losses.label_distances import check_labels, label_distances, label_numbers
from nearfar.losses.pairs import check_matrix
from nearfar.losses.precision import in_full_precision


@in_full_precision
def ordinal_entropy_loss(
    features: Tensor, labels: Tensor, *, diversity: float = 1.0, tightness: float = 1.0
) -> Tensor:
    """Return the ordinal-entropy regulariser, a scalar (Zhang et al., ICLR 2023).

    ``tightness`` · L_t - ``diversity`` · L_d. L_d is the mean, over all pairs of distinct labels,
    of the distance of their centres, weighted by the distance of the labels: w = (|y - y'| -
    smallest) / largest over the pairs of the batch. A label's centre is the mean of its features,
    at length 1. L_t is the mean squared distance of features, at length 1, from the centre of their
    label; rows that are alone with theirs do not count. This is the authors' code for ages; where
    all labels differ, L_d alone is left. A batch of one label has no L_d.

    Args:
        features: (n, d).
        labels: (n,) or (n, k); their distance is the sum over the k of absolute differences.
        diversity: weight of L_d.
        tightness: weight of L_t.

    Raises:
        ValueError: shapes that do not fit, or labels that are not finite.
    """
    check_matrix("features", features)
    check_labels(labels, len(features))
    place, counts = label_numbers(labels)
    scaled = features / features.detach().abs().amax().clamp_min(1e-30)
    sums = scaled.new_zeros(len(counts), features.shape[1]).index_add(0, place, scaled)
    centres = unit(sums / counts[:, None].to(sums.dtype))
    gaps = unit(features) - centres[place]
    together = counts[place] > 1
    spread = torch.where(together, gaps.square().sum(1), 0).sum() / together.sum().clamp_min(1)
    loss = tightness * spread
    if len(counts) < 2:
        return loss
    above = torch.triu_indices(len(counts), len(counts), 1, device=features.device)
    weights = label_distances(_distinct(labels, place, len(counts)))[above[0], above[1]]
    weights = ((weights - weights.min()) / weights.max()).to(centres.dtype)
    apart = l2_distances(centres)[above[0], above[1]]
    return loss - diversity * (weights * apart).mean()


def _distinct(labels: Tensor, place: Tensor, count: int) -> Tensor:
    """Return the distinct labels (count, …) in the order of their numbers."""
    found = labels.new_zeros(count, *labels.shape[1:])
    found[place] = labels
    return found
