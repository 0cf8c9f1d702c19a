"""Rank-N-Contrast as its definition says it, in float64, one pair and one term at a time."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def label_difference(kind: str, one: Sequence[float], other: Sequence[float]) -> float:
    differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
    return sum(differences) if kind == "l1" else math.sqrt(sum(d * d for d in differences))


def similarity(kind: str, one: Tensor, other: Tensor) -> Tensor:
    if kind == "l2":
        difference = one - other
        zero = bool((difference == 0).all())
        return difference.sum() * 0 if zero else -difference.square().sum().sqrt()
    if kind == "l1":
        return -(one - other).abs().sum()
    if kind == "cosine":
        return (one * other).sum() / (one.norm() * other.norm())
    return (one * other).sum()


def rnc(
    features: Tensor,
    labels: Tensor,
    temperature: float = 2.0,
    label_diff: str = "l1",
    feature_sim: str = "l2",
    tolerance: float | None = None,
) -> Tensor:
    """The loss; ``features`` (n, views, d) or (n, d), ``labels`` (n,) or (n, k)."""
    if tolerance is None:
        tolerance = 1e-6 if labels.dtype == torch.float32 else 1e-12
    if features.dim() == 2:
        features = features[:, None]
    rows, targets = [], []
    for view in range(features.shape[1]):
        for sample in range(len(features)):
            rows.append(features[sample, view].double())
            targets.append([float(v) for v in labels[sample].reshape(-1)])
    count = len(rows)
    total: Tensor = torch.zeros((), dtype=torch.float64)
    for i in range(count):
        size = label_difference(label_diff, targets[i], [0.0] * len(targets[i]))
        similarities = [similarity(feature_sim, rows[i], row) / temperature for row in rows]
        for j in range(count):
            if j == i:
                continue
            d_ij = label_difference(label_diff, targets[i], targets[j])
            threshold = d_ij - tolerance * (d_ij + size)
            farther = [
                similarities[k]
                for k in range(count)
                if k != i and label_difference(label_diff, targets[i], targets[k]) >= threshold
            ]
            total = total + torch.stack(farther).logsumexp(0) - similarities[j]
    return total / (count * (count - 1))


def rnc_by_masks(
    features: Tensor, differences: Callable[[int], Tensor], tolerance: float, sizes: Tensor
) -> Tensor:
    """The same for some hundred rows (n, d): one row i at a time, its pairs by a mask."""
    rows = features.double()
    count = len(rows)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(count):
        others = torch.arange(count) != i
        d = differences(i)[others]
        s = -(rows[i] - rows[others]).square().sum(1).sqrt() / 2
        farther = d >= d[:, None] - tolerance * (d[:, None] + sizes[i])
        total = total + s.where(farther, -torch.inf).logsumexp(1).sum() - s.sum()
    return total / (count * (count - 1))
