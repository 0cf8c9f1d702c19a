"""MulSupCon: with several labels a row, every label of an anchor has positives of its own."""

import torch
from torch import Tensor

from nearfar.losses.directions import unit
from nearfar.losses.pairs import check_matrix, check_positive
from nearfar.losses.precision import in_full_precision


@in_full_precision
def mul_sup_con_loss(features: Tensor, labels: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the multi-label supervised contrastive loss, a scalar (Zhang and Wu, AAAI 2024).

    For each anchor and each label that it has, the mean, over the other rows that have the label
    too, of -log of the softmax over all other rows of cosine similarity / ``temperature``; then the
    mean over all pairs of anchor and label. Who shares two labels with the anchor is a positive
    twice. A pair without a positive does not count; without any the loss is 0. Where every row has
    exactly one label it is ``sup_con_loss``.

    Args:
        features: (n, views, d), or (n, d) for one view; views of a row are positives too, if it has
            a label.
        labels: (n, k): 1 where a row has the label, 0 where not, NaN where that is not known, which
            counts as not.
        temperature: positive.

    Raises:
        ValueError: shapes that do not fit, labels that are not 0, 1 or NaN (looked for in main
            memory alone), fewer than two rows (samples times views), a temperature that is not
            positive and finite.
    """
    check_positive("temperature", temperature)
    views = features.shape[1] if features.dim() == 3 else 1
    flat = features.flatten(0, 1) if features.dim() == 3 else features
    check_matrix("features of a view", flat)
    has = _indicators(labels, len(flat) // views).repeat_interleave(views, dim=0).to(flat.dtype)
    if len(flat) < 2:
        raise ValueError("at least two rows are needed to make a pair")
    rows = unit(flat)
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    logits = (rows @ rows.T / temperature).masked_fill(own, -torch.inf)
    log_p = (logits - logits.logsumexp(1, keepdim=True)).masked_fill(own, 0)
    others = has.sum(0) - has
    counted = has * (others > 0)
    weights = (counted / others.clamp_min(1)) @ has.T
    return -(weights * log_p).sum() / counted.sum().clamp_min(1)


def _indicators(labels: Tensor, rows: int) -> Tensor:
    """Return labels (n, k) with 0 where they are not known."""
    if labels.dim() != 2 or len(labels) != rows or not labels.shape[1]:
        raise ValueError(f"labels must be ({rows}, k), not {tuple(labels.shape)}")
    known = labels.double().nan_to_num(0.0)
    if known.device.type == "cpu" and not bool(((known == 0) | (known == 1)).all()):
        raise ValueError("labels must be 0, 1 or NaN")
    return known
