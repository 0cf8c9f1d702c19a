"""Distances between labels that are numbers, and rows that have a label in common."""

import torch
from torch import Tensor


def label_distances(labels: Tensor) -> Tensor:
    """Return the distances (n, n) of ``labels`` (n,) or (n, k): absolute differences, summed."""
    columns = labels if labels.dim() == 2 else labels[:, None]
    wide = columns.double()
    return torch.cdist(wide, wide, p=1.0)


def check_labels(labels: Tensor, rows: int) -> None:
    """Raise ValueError unless ``labels`` are (n,) or (n, k) for n = ``rows`` > 0, and finite."""
    if labels.dim() not in (1, 2) or len(labels) != rows or not labels.numel():
        raise ValueError(
            f"labels must be ({rows},) or ({rows}, k), one for each row, not {tuple(labels.shape)}"
        )
    if labels.is_floating_point() and not bool(labels.isfinite().all()):
        raise ValueError("labels must be finite")


def first_of_each(labels: Tensor, rows: int) -> Tensor:
    """Return the numbers of the rows (m,) whose label no row before has, in their order.

    Raises:
        ValueError: labels that are not (n,) or (n, k) for n = ``rows``, or not finite.
    """
    check_labels(labels, rows)
    place = label_numbers(labels)[0]
    first = torch.full((int(place.max()) + 1,), rows, dtype=torch.int64, device=labels.device)
    numbers = torch.arange(rows, device=labels.device)
    return first.scatter_reduce_(0, place, numbers, "amin").sort().values


def label_numbers(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each row (n,) which of the distinct labels it has, and how many rows have each."""
    _, place, counts = torch.unique(labels, dim=0, return_inverse=True, return_counts=True)
    return place, counts
