"""Which rows of a batch are similar: those with equal class numbers."""

import math

import torch
from torch import Tensor


def similar_pairs(labels: Tensor, rows: int) -> Tensor:
    """Return the mask (n, n) of pairs of different rows with equal ``labels`` (n,).

    Raises:
        ValueError: labels that are not (n,) for n = ``rows``, or fewer than two rows.
    """
    if tuple(labels.shape) != (rows,):
        raise ValueError(f"labels must be ({rows},), one for each row, not {tuple(labels.shape)}")
    if rows < 2:
        raise ValueError("at least two rows are needed to make a pair")
    return labels.eq(labels[:, None]).fill_diagonal_(False)


def dissimilar_pairs(labels: Tensor) -> Tensor:
    """Return the mask (n, n) of pairs of rows with different ``labels`` (n,)."""
    return labels.ne(labels[:, None])


def check_matrix(name: str, matrix: Tensor) -> None:
    """Raise ValueError unless ``matrix`` is (n, d), floating point, with d > 0."""
    if matrix.dim() != 2 or not matrix.shape[1] or not matrix.is_floating_point():
        raise ValueError(
            f"{name} must be (n, d), floating point, not {tuple(matrix.shape)} {matrix.dtype}"
        )


def check_distances(distances: Tensor) -> None:
    """Raise ValueError unless ``distances`` is (n, n), floating point."""
    if distances.dim() != 2 or distances.shape[0] != distances.shape[1]:
        raise ValueError(f"distances must be (n, n), not {tuple(distances.shape)}")
    check_matrix("distances", distances)


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless ``value`` is positive and finite."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {value}")


def mean_where(terms: Tensor, counted: Tensor) -> Tensor:
    """Return the mean of the ``terms`` that are ``counted`` (a mask); 0 where none is."""
    return torch.where(counted, terms, 0).sum() / counted.sum().clamp_min(1)
