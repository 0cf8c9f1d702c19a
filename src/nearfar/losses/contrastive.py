"""The contrastive margin loss over labelled pairs."""

import torch
from torch import Tensor

from nearfar.losses.pairs import check_distances, check_positive, similar_pairs
from nearfar.losses.precision import in_full_precision


@in_full_precision
def contrastive_loss(distances: Tensor, labels: Tensor, margin: float = 1.0) -> Tensor:
    """Return the contrastive loss of all pairs, a scalar (Hadsell et al. 2006, equation 4).

    The mean over all pairs of rows of D²/2 where the labels are equal and of max(0, m - D)²/2 where
    they differ. One class alone is pulled together, none pushed apart.

    Args:
        distances: (n, n), symmetric, D of every pair, as ``l2_distances`` gives them.
        labels: (n,), class numbers.
        margin: m, positive.

    Raises:
        ValueError: shapes that do not fit, fewer than two rows, a margin that is not positive.
    """
    check_positive("margin", margin)
    check_distances(distances)
    similar = similar_pairs(labels, len(distances))
    rows = len(distances)
    terms = torch.where(similar, distances, (margin - distances).relu()).square()
    return terms.fill_diagonal_(0).sum() / (2 * rows * (rows - 1))
