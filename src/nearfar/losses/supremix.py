"""SupReMix: contrast for numbers, with mixed features as hard positives and hard negatives."""

import torch
from torch import Tensor

from nearfar.losses.directions import unit
from nearfar.losses.label_distances import check_labels
from nearfar.losses.pairs import check_matrix, check_positive, mean_where
from nearfar.losses.precision import in_full_precision


@in_full_precision
def supremix_loss(
    features: Tensor,
    labels: Tensor,
    shares: Tensor | None = None,
    *,
    temperature: float = 0.3,
    window: float = 0.25,
) -> Tensor:
    """Return the SupReMix loss, a scalar (Wu et al., "Mixup Your Own Pairs", 2023).

    An anchor is compared, by cosine similarity / ``temperature``, with other rows, of which those
    of its own label are positives, and with mixtures of features at length 1:

    * negatives: λ anchor + (1 - λ) other, of each row with another label, λ from ``shares``;
    * positives: λ lower + (1 - λ) upper, of each pair of rows whose labels lie on either side of
      the anchor's and less than ``window`` from it, with the λ that gives the anchor's label.

    The loss is the mean over an anchor's positives of -log of its share in a sum over all that it
    is compared with, in which each term is weighted by 1 + |difference of labels| (the label of a
    mixture is mixed too); then the mean over anchors. An anchor without positives does not count;
    without any the loss is 0. Unlike in the authors' code, gradients reach mixtures, and the mean
    over positives is one.

    Time and memory are O(n² (views² + w²)), w the rows within ``window`` on either side.

    Args:
        features: (n, views, d), or (n, d) for one view; views of a row are positives.
        labels: (n,), numbers.
        shares: (n·views, n·views), λ of anchor (row) and other (column); None: 0.2, the mean of the
            authors' Beta(2, 8). Rows are ordered by sample, then by view.
        temperature: positive.
        window: in the units of the labels, positive; inf for all.

    Raises:
        ValueError: shapes that do not fit, labels that are not finite, fewer than two rows, a
            temperature or window that is not positive.
    """
    check_positive("temperature", temperature)
    if not window > 0:
        raise ValueError(f"window must be positive, not {window}")
    views = features.shape[1] if features.dim() == 3 else 1
    flat = features.flatten(0, 1) if features.dim() == 3 else features
    check_matrix("features of a view", flat)
    if labels.dim() != 1:
        raise ValueError(f"labels must be ({len(flat) // views},), not {tuple(labels.shape)}")
    check_labels(labels, len(flat) // views)
    if len(flat) < 2:
        raise ValueError("at least two rows are needed to make a pair")
    order = labels.repeat_interleave(views).argsort(stable=True)
    sorted_labels = labels.repeat_interleave(views)[order].double()
    rows = unit(flat)[order]
    share = _shares(shares, len(flat), order, rows)
    return _loss(rows @ rows.T, sorted_labels, share, temperature, window)


def _shares(shares: Tensor | None, count: int, order: Tensor, like: Tensor) -> Tensor:
    if shares is None:
        return like.new_full((1, 1), 0.2)
    if tuple(shares.shape) != (count, count):
        raise ValueError(f"shares must be ({count}, {count}), not {tuple(shares.shape)}")
    return shares.to(like)[order][:, order]


def _loss(
    similar: Tensor, labels: Tensor, share: Tensor, temperature: float, window: float
) -> Tensor:
    """Return the loss of rows in the order of their labels: ``similar`` and ``share`` (n, n)."""
    own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    apart = (labels[:, None] - labels).abs().to(similar.dtype)
    equal = (labels[:, None] == labels) & ~own
    different = labels[:, None] != labels
    real = similar / temperature
    # A unit row has similarity 1 with itself, so that of a mixture with its anchor is this.
    mixed = (share + (1 - share) * similar) / temperature
    inside, between = _between(similar / temperature, labels, window)
    logs = torch.cat(
        [
            (real + apart.log1p()).masked_fill(own, -torch.inf),
            (mixed + ((1 - share) * apart).log1p()).masked_fill(~different, -torch.inf),
            between.masked_fill(~inside, -torch.inf).flatten(1),
        ],
        dim=1,
    )
    whole = logs.logsumexp(1)
    count = equal.sum(1) + inside.flatten(1).sum(1)
    pull = torch.where(equal, real, 0).sum(1) + torch.where(inside, between, 0).flatten(1).sum(1)
    return mean_where(whole - pull / count.clamp_min(1), count > 0)


def _between(logits: Tensor, labels: Tensor, window: float) -> tuple[Tensor, Tensor]:
    """Return which pairs of a lower and an upper row there are, (n, b, a), and their mixtures'.

    The rows are in the order of their labels (n,), float64; ``logits`` (n, n). The logits of the
    mixtures with the anchor are (n, b, a), without a meaning where there is no pair.
    """
    count, device = len(labels), labels.device
    below_end = torch.searchsorted(labels, labels)
    below_begin = torch.searchsorted(labels, labels - window, right=True)
    above_begin = torch.searchsorted(labels, labels, right=True)
    above_end = torch.searchsorted(labels, labels + window)
    lower, has_lower = _ranges(below_begin, below_end, count, device)
    upper, has_upper = _ranges(above_begin, above_end, count, device)
    inside = has_lower[:, :, None] & has_upper[:, None, :]
    low, high = labels[lower], labels[upper]
    width = (high[:, None, :] - low[:, :, None]).clamp_min(torch.finfo(labels.dtype).tiny)
    share = ((high - labels[:, None])[:, None, :] / width).to(logits.dtype)
    share = torch.where(inside, share, 0)
    down, up = logits.gather(1, lower)[:, :, None], logits.gather(1, upper)[:, None, :]
    return inside, share * down + (1 - share) * up


def _ranges(begin: Tensor, end: Tensor, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the numbers from ``begin`` to ``end`` of each row (n, m), and which of them are."""
    longest = int((end - begin).clamp_min(0).max())
    places = begin[:, None] + torch.arange(longest, device=device)
    return places.clamp(0, count - 1), places < end[:, None]
