"""NT-Xent: the normalised, temperature-scaled cross entropy between two views of each row."""

import torch
from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.directions import unit
from nearfar.losses.pairs import check_matrix, check_positive
from nearfar.losses.parts import WHOLE, places
from nearfar.losses.precision import in_full_precision


@in_full_precision
def nt_xent_loss(
    one: Tensor, other: Tensor, temperature: float = 0.5, part: tuple[int, int] = WHOLE
) -> Tensor:
    """Return the NT-Xent loss of two views, a scalar (SimCLR: Chen et al. 2020, equation 1).

    Among the 2n rows of both views, each has to pick its other view from the rest by cosine
    similarity over ``temperature``; the mean cross entropy over all 2n. A single row has nothing
    to be confused with: 0.

    Args:
        one: (n, d), the first view; its length does not matter.
        other: (n, d), the second view of the same rows.
        temperature: positive.
        part: (k, m): of the terms of the mean only those of the rows k, k + m, k + 2m, … of both
            views together; the sum over all k below m is the loss.

    Raises:
        ValueError: shapes that differ, no rows, a temperature that is not positive and finite.
    """
    check_positive("temperature", temperature)
    check_matrix("one", one)
    if one.shape != other.shape or not len(one):
        raise ValueError(
            f"the views must be equal in shape and have rows, not {tuple(one.shape)}, "
            f"{tuple(other.shape)}"
        )
    rows = unit(torch.cat([one, other]))
    anchors = places(len(rows), part, rows.device)
    logits = rows[part[0] :: part[1]] @ rows.T / temperature
    logits = logits.scatter_(1, anchors[:, None], -torch.inf)
    partner = (anchors + len(one)) % len(rows)
    return F.cross_entropy(logits, partner) * (len(anchors) / len(rows))
