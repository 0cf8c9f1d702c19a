"""The likelihood of labelled pairs under a softmax over the batch."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.pairs import check_matrix, check_positive, mean_where, similar_pairs
from nearfar.losses.precision import in_full_precision


@in_full_precision
def pair_likelihood_loss(features: Tensor, labels: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the mean negative log-likelihood of all ordered pairs of rows, a scalar.

    -log p_ij where the labels are equal, -log(1 - p_ij) where they differ, with p_ij the softmax
    over the rows k != i of f_i·f_k / ``temperature``, at k = j. Exact where p_ij nears 0 or 1: the
    one row that may hold more than half of the softmax goes by its odds against the rest. Of two
    rows alone, p is 1 and says nothing of them: the loss is 0.

    Args:
        features: (n, d).
        labels: (n,), class numbers.
        temperature: positive.

    Raises:
        ValueError: shapes that do not fit, fewer than two rows, a temperature that is not positive
            and finite.
    """
    check_positive("temperature", temperature)
    check_matrix("features", features)
    similar = similar_pairs(labels, len(features))
    if len(features) == 2:
        return features.sum() * 0
    own = torch.eye(len(features), dtype=torch.bool, device=features.device)
    logits = (features @ features.T / temperature).masked_fill(own, -torch.inf)
    log_p = (logits - logits.logsumexp(1, keepdim=True)).masked_fill(own, -1)
    largest = torch.zeros_like(own).scatter_(1, logits.argmax(1, keepdim=True), True)
    rest = logits.masked_fill(largest, -torch.inf).logsumexp(1, keepdim=True)
    dominant = largest.logical_and(log_p > -math.log(2))
    log_odds = (logits - rest).masked_fill(~dominant, 0)
    log_not_p = torch.log1p(-log_p.masked_fill(dominant, -1).exp())
    log_p = torch.where(dominant, F.logsigmoid(log_odds), log_p)
    log_not_p = torch.where(dominant, F.logsigmoid(-log_odds), log_not_p)
    return mean_where(-torch.where(similar, log_p, log_not_p), ~own)
