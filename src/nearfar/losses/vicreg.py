"""VICReg: views near each other, columns that vary, and that do not say the same."""

from torch import Tensor

from nearfar.losses.precision import in_full_precision
from nearfar.losses.redundancy import centred, check_two_views, cross_products, deviations

FLOOR = 1e-4
"""What is added to a variance before its root is taken (epsilon of equation 2)."""


@in_full_precision
def vicreg_loss(
    one: Tensor,
    other: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
) -> Tensor:
    """Return the VICReg loss of two views, a scalar (Bardes et al., ICLR 2022, equations 1 to 6).

    ``invariance`` · s + ``variance`` · (v + v')/2 + ``covariance`` · (c + c'), where s is the mean
    squared difference of the views (equation 5), v the mean over columns of max(0, 1 - sqrt(Var +
    1e-4)) (equations 1 and 2) and c the sum of the squared covariances of different columns, over
    d (equations 3 and 4), of each view. As in the authors' code, with which the weights go, s is a
    mean over columns too and v that of the views; in the equations both are sums.

    Args:
        one: (n, d), the first view.
        other: (n, d), the second view of the same rows.
        invariance: weight of s.
        variance: weight of v.
        covariance: weight of c.

    Raises:
        ValueError: shapes that differ or are not (n, d), fewer than two rows.
    """
    check_two_views(one, other)
    total = invariance * (one - other).square().mean()
    rows, width = one.shape
    for view in (one, other):
        spread = centred(view)
        total = total + variance / 2 * (1 - deviations(spread, FLOOR)).relu().mean()
        _, squares = cross_products(spread, spread)
        total = total + covariance * squares / (width * (rows - 1) ** 2)
    return total
