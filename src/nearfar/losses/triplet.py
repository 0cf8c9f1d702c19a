"""The triplet margin loss, with the triplets that a way of mining picks from a batch."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor

from nearfar.losses.pairs import (
    check_distances,
    check_positive,
    dissimilar_pairs,
    mean_where,
    similar_pairs,
)
from nearfar.losses.precision import in_full_precision

Mining = Literal["all", "batch_hard", "semi_hard"]


@in_full_precision
def triplet_loss(
    distances: Tensor, labels: Tensor, margin: float = 0.2, mining: Mining = "batch_hard"
) -> Tensor:
    """Return the triplet loss of a batch, a scalar: a mean of max(0, m + d_ap - d_an).

    The triplets of anchor a, positive p (same label) and negative n (another) are, by ``mining``:

    ``all``: every one; the mean is over those above 0, so that the easy ones do not drown them
    (Hermans et al. 2017, "batch all", equation 6, and section 2 on its mean).

    ``batch_hard``: for each anchor its farthest positive and nearest negative; the mean is over
    anchors that have both (Hermans et al. 2017, equation 5).

    ``semi_hard``: for each anchor and positive the nearest negative that is farther than the
    positive, where it lies within the margin; the mean is over these (Schroff et al. 2015, section
    3.2, there with squared distances).

    A batch that has no such triplet, for want of positives or of negatives, has loss 0; one with a
    distance that is infinite or no number has loss nan. Time is O(n² log n), memory O(n²).

    Args:
        distances: (n, n), as ``l2_distances`` gives them.
        labels: (n,), class numbers.
        margin: m, positive.
        mining: how triplets are picked.

    Raises:
        ValueError: shapes that do not fit, fewer than two rows, a margin that is not positive, an
            unknown way of mining.
    """
    check_positive("margin", margin)
    check_distances(distances)
    if mining not in MINING:
        close = get_close_matches(str(mining), MINING, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"mining={mining!r} is not known: {hint}allowed: {', '.join(MINING)}")
    similar = similar_pairs(labels, len(distances))
    loss = MINING[mining](distances, similar, dissimilar_pairs(labels), margin)
    return torch.where(distances.isfinite().all(), loss, torch.nan)


def _all(distances: Tensor, similar: Tensor, dissimilar: Tensor, margin: float) -> Tensor:
    """Sum over the sorted negatives below each limit m + d_ap, by their prefix sums."""
    negatives = _sorted_negatives(distances, dissimilar)
    limits = distances.double() + margin
    below = torch.searchsorted(negatives.detach(), limits.detach())
    prefix = torch.nn.functional.pad(torch.where(negatives.isinf(), 0, negatives).cumsum(1), (1, 0))
    sums = below * limits - prefix.gather(1, below)
    active = torch.where(similar, below, 0).sum().clamp_min(1)
    return (torch.where(similar, sums, 0).sum() / active).to(distances.dtype)


def _batch_hard(distances: Tensor, similar: Tensor, dissimilar: Tensor, margin: float) -> Tensor:
    farthest = distances.masked_fill(~similar, -torch.inf).amax(1)
    nearest = distances.masked_fill(~dissimilar, torch.inf).amin(1)
    return mean_where((margin + farthest - nearest).relu(), similar.any(1))


def _semi_hard(distances: Tensor, similar: Tensor, dissimilar: Tensor, margin: float) -> Tensor:
    wide = distances.double()
    negatives = _sorted_negatives(distances, dissimilar)
    farther = torch.searchsorted(negatives.detach(), wide.detach(), right=True)
    nearest = torch.nn.functional.pad(negatives, (0, 1), value=torch.inf).gather(1, farther)
    terms = (margin + wide - nearest).relu()
    return mean_where(terms, similar.logical_and(terms > 0)).to(distances.dtype)


def _sorted_negatives(distances: Tensor, dissimilar: Tensor) -> Tensor:
    """Return each anchor's distances to its negatives, ascending, then inf: float64 (n, n)."""
    return distances.double().masked_fill(~dissimilar, torch.inf).sort(1).values


MINING: dict[str, Callable[[Tensor, Tensor, Tensor, float], Tensor]] = {
    "all": _all,
    "batch_hard": _batch_hard,
    "semi_hard": _semi_hard,
}
