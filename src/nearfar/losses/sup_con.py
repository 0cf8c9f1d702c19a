"""SupCon: every row of the same class is a positive."""

import torch
from torch import Tensor

from nearfar.losses.directions import unit
from nearfar.losses.pairs import check_matrix, check_positive, similar_pairs
from nearfar.losses.parts import WHOLE, places
from nearfar.losses.precision import in_full_precision


@in_full_precision
def sup_con_loss(
    features: Tensor, labels: Tensor, temperature: float = 0.1, part: tuple[int, int] = WHOLE
) -> Tensor:
    """Return the supervised contrastive loss, a scalar (Khosla et al. 2020, equation 2, L_out).

    For each anchor the mean, over its positives p, of -log of the softmax over all other rows of
    cosine similarity / ``temperature`` at p; then the mean over anchors. An anchor without a
    positive does not count; without any positive in the batch the loss is 0.

    Args:
        features: (n, views, d), or (n, d) for one view; views of a row are positives too.
        labels: (n,), class numbers.
        temperature: positive.
        part: (k, m): of the terms of the mean only those of the anchors k, k + m, k + 2m, … among
            all rows; the sum over all k below m is the loss.

    Raises:
        ValueError: shapes that do not fit, fewer than two rows (samples times views), a
            temperature that is not positive and finite.
    """
    check_positive("temperature", temperature)
    views = features.shape[1] if features.dim() == 3 else 1
    flat = features.flatten(0, 1) if features.dim() == 3 else features
    check_matrix("features of a view", flat)
    first, step = part
    similar = similar_pairs(labels.repeat_interleave(views), len(flat))
    positive, counted = similar[first::step], similar.any(1).sum()
    rows = unit(flat)
    logits = rows[first::step] @ rows.T / temperature
    own = torch.zeros_like(positive).scatter_(1, places(len(rows), part, rows.device)[:, None], 1)
    denominator = logits.masked_fill(own, -torch.inf).logsumexp(1)
    count = positive.sum(1)
    attraction = torch.where(positive, logits, 0).sum(1) / count.clamp_min(1)
    terms = torch.where(count > 0, denominator - attraction, 0)
    return terms.sum() / counted.clamp_min(1)
