"""RankSim: neighbours in label space are neighbours, in the same order, in feature space."""

from typing import Any

import torch
from torch import Tensor

from nearfar.losses.directions import unit
from nearfar.losses.label_distances import first_of_each, label_distances
from nearfar.losses.pairs import check_matrix, check_positive
from nearfar.losses.precision import in_full_precision


@in_full_precision
def ranksim_loss(features: Tensor, labels: Tensor, interpolation: float = 200.0) -> Tensor:
    """Return the ranking-similarity regulariser, a scalar (RankSim: Gong et al., ICML 2022).

    For every row the ranks of all rows by cosine similarity of features are compared with those by
    nearness of labels: the mean squared difference of the ranks, each over the number of rows, and
    then the sum over rows. Rows that are equally near share the mean of their ranks. Of rows with
    one label the first in the batch stands for all (batches come in random order, so this is the
    paper's random choice).

    Ranks have no gradient. In its place stands the slope of a piecewise linear interpolation
    (blackbox differentiation, Vlastelica et al., ICLR 2020, algorithm 1): minus the difference
    between the ranks of s and those of s + λ g, over λ, for the similarities s of a row, the
    gradient g that reaches its ranks, and λ = ``interpolation``. A factor on the loss is part of g:
    it changes which ranks swap, and not the size of the gradient. The paper's factor of 100 with λ
    = 2 gives 100 times the gradient that λ = 200 gives alone. There is no second derivative.

    Args:
        features: (n, d).
        labels: (n,) or (n, k); their distance is the sum over the k of absolute differences.
        interpolation: λ, positive.

    Raises:
        ValueError: shapes that do not fit, an interpolation that is not positive and finite.
    """
    check_positive("interpolation", interpolation)
    check_matrix("features", features)
    chosen = first_of_each(labels, len(features))
    rows, distances = unit(features[chosen]), label_distances(labels[chosen])
    found: Tensor = _Ranks.apply(rows @ rows.T, interpolation)  # type: ignore[no-untyped-call]
    wanted = ranks(-distances).to(found.dtype)
    return (found - wanted).square().mean(1).sum()


def ranks(values: Tensor) -> Tensor:
    """Return the ranks of the entries in each row of ``values`` (r, n), over n: float64.

    The largest has rank 1/n, the smallest 1. Equal ones share the mean of their ranks.
    """
    ordered, places = values.sort(1)
    count = values.shape[1]
    position = torch.arange(count, dtype=torch.float64, device=values.device)
    found = ((count - position) / count).expand(values.shape)
    if bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        below = torch.searchsorted(ordered, ordered)
        upto = torch.searchsorted(ordered, ordered, right=True)
        found = (count - (below + upto).double() / 2 + 0.5) / count
    return torch.empty_like(found).scatter_(1, places, found)


class _Ranks(torch.autograd.Function):
    """Ranks, with the slope of their interpolation on the way back."""

    @staticmethod
    def forward(ctx: Any, similarities: Tensor, interpolation: float) -> Tensor:
        found = ranks(similarities)
        ctx.save_for_backward(similarities, found)
        ctx.interpolation = interpolation
        return found.to(similarities.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        similarities, found = ctx.saved_tensors
        moved = ranks(similarities + ctx.interpolation * upstream)
        return ((moved - found) / ctx.interpolation).to(upstream.dtype), None
