"""Features brought to one scale, and coordinates in which a logistic loss is round.

In coordinates in which the covariance C of the features, scaled by p(1 - p) at p = 1/classes, plus
the penalty is the identity, a softmax regression takes few steps. That sum is nearly the Hessian
(Böhning, "Multinomial logistic regression algorithm", 1992, bounds it by such a product). C is
taken over some of the rows, evenly spaced: whatever it is, the minimum stays the same.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 2**18
"""Numbers of a block of rows: few enough that both products of a step find it in the cache."""

WIDEST = 4096
"""Columns up to which features are whitened; the effort grows with their cube."""

WORTH = 2000
"""Whitening costs columns³, and each step that it saves rows × columns × classes. So many of the
latter outweigh one of the former: it saves hundreds of steps, whose products run slower."""

FEWEST = 1024
"""Rows that the covariance is taken over at least, where there are so many."""

DAMPING = 1e-4
"""Added to the variances of all directions, so that those without any can be whitened too."""


def pays(rows: int, columns: int, classes: int) -> bool:
    """Say whether features of this shape are worth whitening."""
    return columns <= WIDEST and columns**2 <= WORTH * rows * classes


def spaced(rows: int, most: int) -> slice:
    """Choose at most ``most`` of the rows, evenly spaced."""
    step = max(1, rows // most)
    return slice(0, step * min(most, rows), step)


def covariance(x: Tensor, width: int = 512) -> Tensor:
    """Return xᵀx / rows of centred ``x`` (n, d), of which the lower triangle alone is complete."""
    product = torch.zeros(x.shape[1], x.shape[1])
    for begin in range(0, x.shape[1], width):
        end = begin + width
        product[begin:end, :end] = x[:, begin:end].T @ x[:, :end]
    return product.div_(len(x))


def hessian_factor(lower: Tensor, classes: int, penalty: float) -> Tensor:
    """Return L of LLᵀ ≈ the Hessian, lower triangular, float64, from a :func:`covariance`."""
    hessian = lower * ((1 - 1 / classes) / classes)
    hessian.diagonal().add_(max(penalty, DAMPING))
    rounded, failed = torch.linalg.cholesky_ex(hessian)
    factor: Tensor = torch.linalg.cholesky(hessian.double()) if failed else rounded.double()
    return factor


def blocks(*tensors: Tensor, numbers: int = BLOCK) -> Iterator[tuple[Tensor, ...]]:
    """Yield the same few rows of each tensor, so many that the first has ``numbers`` in a block."""
    rows = max(64, numbers // max(1, tensors[0].shape[1]))
    return zip(*(torch.split(tensor, rows) for tensor in tensors), strict=True)


def varies(deviation: Tensor, mean: Tensor) -> Tensor:
    """Say of each column whether its deviation is more than rounding."""
    return deviation > 1e-6 * (1 + mean.abs())


def standardise(x: Tensor) -> tuple[Tensor, Tensor]:
    """Bring ``x`` (n, d) in place to mean 0 and deviation 1; return both as they were, float64.

    Columns that do not vary keep deviation 1.
    """
    mean = torch.zeros(x.shape[1], dtype=torch.float64)
    for (some,) in blocks(x):
        mean += some.sum(0)
    mean = (mean / len(x)).float().double()
    square = torch.zeros_like(mean)
    for (some,) in blocks(x):
        square += some.sub_(mean.float()).square().sum(0)
    deviation = (square / len(x)).sqrt()
    deviation = torch.where(varies(deviation, mean), deviation, 1.0).float().double()
    for (some,) in blocks(x):
        some.div_(deviation.float())
    return mean, deviation
