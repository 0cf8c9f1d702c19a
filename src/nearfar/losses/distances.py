"""Distances between all rows of a batch: Euclidean, and Mahalanobis with a learned matrix."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nearfar.losses.pairs import check_matrix
from nearfar.losses.precision import in_full_precision

PRODUCT_ERROR = 2e-15
"""Error of a squared distance by way of a product in float64, over the rows' squared lengths."""


@in_full_precision
def l2_distances(features: Tensor) -> Tensor:
    """Return the Euclidean distances (n, n) between the rows of ``features`` (n, d).

    Exact to the precision of the features, close rows and any size of features included. It is one
    product in float64; where features are float64, or some rows too close for that, differences of
    the rows. Rows that coincide have the zero subgradient. Memory is O(n² + n d). There is no
    second derivative.

    Raises:
        ValueError: features that are not (n, d) or not floating point.
    """
    check_matrix("features", features)
    distances: Tensor = _Euclidean.apply(features)  # type: ignore[no-untyped-call]
    return distances


class _Euclidean(torch.autograd.Function):
    """Distances whose way back is a product too: that of cdist makes n × n × d on a GPU."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        wide = features.double()
        wide = wide - wide.mean(0)
        largest = wide.abs().max() if len(wide) else wide.new_ones(())
        wide = wide / torch.where(largest > 0, largest, 1)
        distances = _by_product(wide, torch.finfo(features.dtype).eps)
        if distances is None:
            distances = torch.cdist(wide, wide, compute_mode="donot_use_mm_for_euclid_dist")
        ctx.save_for_backward(wide, distances)
        return (distances * largest).to(features.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        wide, distances = ctx.saved_tensors
        pulls = (upstream / distances).masked_fill_(distances == 0, 0)
        # Two products are cheaper than the sum with its transpose.
        gradient: Tensor = wide * (pulls.sum(1) + pulls.sum(0))[:, None]
        gradient.addmm_(pulls, wide, alpha=-1).addmm_(pulls.T, wide, alpha=-1)
        return gradient.to(upstream.dtype)


def _by_product(rows: Tensor, precision: float) -> Tensor | None:
    """Return the distances between ``rows`` (n, d), None where that would not be precise."""
    if precision <= PRODUCT_ERROR or not len(rows):
        return None
    left, right = (rows.new_empty(len(rows), rows.shape[1] + 2) for _ in range(2))
    right[:, :-2] = rows
    square, bound = complete_factors(left, right), PRODUCT_ERROR / precision
    squares = (left @ right.T).fill_diagonal_(torch.inf)
    suspect = squares.amin(1, keepdim=True) <= bound * (square + square.max())
    if suspect.any() and (squares <= bound * (square + square.T)).any():
        return None
    return squares.fill_diagonal_(0).sqrt_()


def complete_factors(left: Tensor, right: Tensor) -> Tensor:
    """Make ``left @ right.T`` the squared distances of rows; return their squared lengths (n, 1).

    Both are (n, d + 2). The rows are the first d columns of ``right``; its last two and all of
    ``left`` are written.
    """
    rows = right[:, :-2]
    square = rows.square().sum(1, keepdim=True)
    torch.mul(rows, -2, out=left[:, :-2])
    left[:, -2], left[:, -1] = square[:, 0], 1
    right[:, -2], right[:, -1] = 1, square[:, 0]
    return square


class Mahalanobis(nn.Module):
    """The distance sqrt((x - y)ᵀ M (x - y)) with M = LᵀL and L learned.

    Mahalanobis, "On the generalised distance in statistics" (1936); learned from pairs by Xing et
    al., "Distance metric learning with application to clustering with side-information", NeurIPS
    2002. M is positive semi-definite by construction, whatever L becomes. L (d, d) begins as the
    identity, so the distance begins as the Euclidean one.

    Args:
        width: d, the number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.eye(width))

    def matrix(self) -> Tensor:
        """Return M (d, d)."""
        return self.factor.T @ self.factor

    def forward(self, features: Tensor) -> Tensor:
        """Return the distances (n, n) between the rows of ``features`` (n, d).

        Raises:
            RuntimeError: rows of another width than d, as torch says it.
        """
        return l2_distances(_mapped(features, self.factor))


@in_full_precision
def _mapped(features: Tensor, factor: Tensor) -> Tensor:
    return features @ factor.T.to(features.dtype)
