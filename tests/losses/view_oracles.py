"""Losses of two views without negatives as their papers write them, in loops, in float64."""

import math

from torch import Tensor

Rows = list[list[float]]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def covariance(one: Rows, i: int, other: Rows, j: int, divisor: int) -> float:
    left, right = mean([row[i] for row in one]), mean([row[j] for row in other])
    products = [(a[i] - left) * (b[j] - right) for a, b in zip(one, other, strict=True)]
    return sum(products) / divisor


def vicreg(
    one: Tensor, other: Tensor, invariance: float, variance: float, covariance_weight: float
) -> float:
    views: list[Rows] = [one.double().tolist(), other.double().tolist()]
    rows, width = one.shape
    apart = mean(
        [(views[0][n][i] - views[1][n][i]) ** 2 for n in range(rows) for i in range(width)]
    )
    hinge, shared = 0.0, 0.0
    for view in views:
        for i in range(width):
            spread = math.sqrt(covariance(view, i, view, i, rows - 1) + 1e-4)
            hinge += max(0.0, 1 - spread) / width / 2
            for j in range(width):
                if j != i:
                    shared += covariance(view, i, view, j, rows - 1) ** 2 / width
    return invariance * apart + variance * hinge + covariance_weight * shared


def barlow_twins(one: Tensor, other: Tensor, redundancy: float) -> float:
    first, second = one.double().tolist(), other.double().tolist()
    rows, width = one.shape
    total = 0.0
    for i in range(width):
        for j in range(width):
            scale = math.sqrt(covariance(first, i, first, i, rows) + 1e-5)
            scale *= math.sqrt(covariance(second, j, second, j, rows) + 1e-5)
            value = covariance(first, i, second, j, rows) / scale
            total += (1 - value) ** 2 if i == j else redundancy * value**2
    return total


def negative_cosine(predictions: Tensor, targets: Tensor) -> float:
    cosines = []
    for p, z in zip(predictions.double().tolist(), targets.double().tolist(), strict=True):
        top = max(max(map(abs, p)), max(map(abs, z))) or 1.0
        product = sum(a / top * b / top for a, b in zip(p, z, strict=True))
        lengths = math.hypot(*p) / top * (math.hypot(*z) / top)
        cosines.append(product / lengths if lengths else 0.0)
    return -mean(cosines)
