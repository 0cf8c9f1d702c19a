"""How much the columns of two batches of rows have in common, as VICReg and Barlow Twins ask."""

import torch
from torch import Tensor


def cross_products(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return of the matrix ``one``ᵀ ``other`` its diagonal (d,) and the other entries' squares.

    The second is a scalar, the sum of the squares of all entries (i, j) with i ≠ j. Where the rows
    (n, d) are far wider than there are of them, that sum is taken over products of rows, which are
    (n, n): the same number at n/d of the cost.
    """
    rows, width = one.shape
    if width <= 2 * rows:
        products = one.T @ other
        diagonal = products.diagonal().clone()
        off = (
            products.flatten()[:-1].view(width - 1, width + 1)[:, 1:] if width > 1 else products[:0]
        )
        return diagonal, off.square().sum()
    diagonal = (one * other).sum(0)
    whole = (one @ one.T * (other @ other.T)).sum()
    return diagonal, (whole - diagonal.square().sum()).clamp_min(0)


def check_two_views(one: Tensor, other: Tensor) -> None:
    """Raise ValueError unless both are (n, d), floating point, equal in shape, n ≥ 2."""
    for name, view in (("one", one), ("other", other)):
        if view.dim() != 2 or not view.shape[1] or not view.is_floating_point():
            raise ValueError(
                f"{name} must be (n, d), floating point, not {tuple(view.shape)} {view.dtype}"
            )
    if one.shape != other.shape or len(one) < 2:
        raise ValueError(
            "the views must be equal in shape and have two rows at least, not "
            f"{tuple(one.shape)}, {tuple(other.shape)}"
        )


def centred(view: Tensor) -> Tensor:
    """Return the columns of ``view`` (n, d) at mean 0."""
    return view - view.mean(0)


def deviations(centred_view: Tensor, added: float) -> Tensor:
    """Return sqrt(variance + ``added``) of columns at mean 0, (d,); divided by n - 1."""
    return torch.sqrt(centred_view.square().sum(0) / (len(centred_view) - 1) + added)
