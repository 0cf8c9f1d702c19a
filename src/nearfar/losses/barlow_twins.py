"""Barlow Twins: equal columns of two views say the same, different ones do not."""

from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.precision import in_full_precision
from nearfar.losses.redundancy import check_two_views, cross_products

FLOOR = 1e-5
"""What is added to a variance before columns are divided by its root, as batch norm adds it."""


@in_full_precision
def barlow_twins_loss(one: Tensor, other: Tensor, *, redundancy: float = 5e-3) -> Tensor:
    """Return the Barlow Twins loss of two views, a scalar (Zbontar et al., ICML 2021, equation 1).

    The sum over columns of (1 - C_ii)² plus ``redundancy`` times the sum of C_ij² over i ≠ j, where
    C is the correlation of columns i of the first with columns j of the second view over the batch
    (equation 2). As in the authors' code, which standardises by batch norm, 1e-5 is added to the
    variances, so that a column that does not vary has correlation 0.

    Args:
        one: (n, d), the first view; the columns' scales do not matter.
        other: (n, d), the second view of the same rows.
        redundancy: λ, the weight of what different columns share.

    Raises:
        ValueError: shapes that differ or are not (n, d), fewer than two rows.
    """
    check_two_views(one, other)
    diagonal, squares = cross_products(_standardised(one), _standardised(other))
    rows = len(one)
    return (1 - diagonal / rows).square().sum() + redundancy * squares / rows**2


def _standardised(view: Tensor) -> Tensor:
    return F.batch_norm(view, None, None, training=True, eps=FLOOR)
