"""Solved heads as modules of a graph: features (b, d) → predictions (b, k), in float64."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nearfar.heads import (
    KNN,
    SVR,
    EachTarget,
    Forest,
    Logistic,
    Mean,
    PrincipalComponents,
    Ridge,
)
from nearfar.heads.solved.svr import CUT

Array = NDArray[Any]


def module_of(head: Any) -> nn.Module | None:
    """Return a solved head as a module, None where there is none for its class."""
    if isinstance(head, EachTarget):
        parts = [module_of(one) for one in head.heads]
        known = [part for part in parts if part is not None]
        return Columns(known) if len(known) == len(parts) else None
    if isinstance(head, Mean):
        return Constant(head.mean)
    if isinstance(head, Ridge):
        return Affine(head.weight.T, head.intercept)
    if isinstance(head, PrincipalComponents):
        return Affine(head.weight, head.intercept)
    if isinstance(head, Logistic):
        return nn.Sequential(Affine(head.weight, head.intercept), nn.Softmax(1))
    if isinstance(head, Forest):
        return Trees(head.nodes)
    if isinstance(head, SVR):
        return Machines(head)
    return Votes(head) if isinstance(head, KNN) else None


def _kept(module: nn.Module, **arrays: Array) -> None:
    """Keep arrays as buffers: floats as float64, whole numbers as int64."""
    for name, array in arrays.items():
        kind = np.int64 if np.issubdtype(array.dtype, np.integer) else np.float64
        module.register_buffer(name, torch.from_numpy(np.array(array, dtype=kind)))


class Constant(nn.Module):
    """The same for every row."""

    mean: Tensor

    def __init__(self, mean: Array) -> None:
        super().__init__()
        _kept(self, mean=mean)

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean (b, k)."""
        return self.mean.expand(features.shape[0], -1)


class Affine(nn.Module):
    """Features times ``weight`` (d, k), plus ``intercept`` (k,)."""

    weight: Tensor
    intercept: Tensor

    def __init__(self, weight: Array, intercept: Array) -> None:
        super().__init__()
        _kept(self, weight=weight, intercept=intercept)

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (b, k)."""
        return features.double() @ self.weight + self.intercept


class Columns(nn.Module):
    """A head for each target: the last column of each."""

    def __init__(self, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (b, targets)."""
        return torch.cat([head(features)[:, -1:] for head in self.heads], dim=1)


class Trees(nn.Module):
    """All trees of a forest walked down at once, as many steps as the deepest has."""

    root: Tensor
    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor
    value: Tensor

    def __init__(self, nodes: dict[str, Array]) -> None:
        super().__init__()
        _kept(self, **nodes)
        self.depth, at = 0, self.root
        while True:
            below = torch.unique(torch.cat([self.left[at], self.right[at]]))
            if torch.equal(below, at):
                break
            self.depth, at = self.depth + 1, below

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean over trees (b, k)."""
        features = features.double()
        at = self.root.expand(features.shape[0], -1)
        for _ in range(self.depth):
            goes_left = features.gather(1, self.feature[at]) <= self.threshold[at]
            at = torch.where(goes_left, self.left[at], self.right[at])
        return self.value[at].mean(dim=1)


class Machines(nn.Module):
    """Support vector machines with a Gaussian kernel, one for each target."""

    mean: Tensor
    scale: Tensor

    def __init__(self, head: SVR) -> None:
        super().__init__()
        _kept(self, **head.scaling.arrays())
        self.count = len(head.machines)
        for number, machine in enumerate(head.machines):
            _kept(self, **{f"{name}_{number}": array for name, array in machine.items()})

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (b, targets)."""
        x = features.double()
        curved = x.sign() * (x.abs() + (x * x + 1).sqrt()).log()
        rows = ((curved - self.mean) / self.scale).clamp(-CUT, CUT)
        return torch.stack([self._decided(number, rows) for number in range(self.count)], dim=1)

    def _decided(self, number: int, rows: Tensor) -> Tensor:
        vectors, weight, intercept, gamma = (
            getattr(self, f"{name}_{number}")
            for name in ("vectors", "weight", "intercept", "gamma")
        )
        lengths = (rows * rows).sum(1, keepdim=True) + (vectors * vectors).sum(1)
        squares = (lengths - 2 * rows @ vectors.T).clamp(min=0)
        decided: Tensor = (-gamma * squares).exp() @ weight + intercept
        return decided


class Votes(nn.Module):
    """The weighted vote of the nearest training rows."""

    bank: Tensor
    votes: Tensor

    def __init__(self, head: KNN) -> None:
        super().__init__()
        self.neighbours = min(head.neighbours, len(head.bank))
        self.temperature = head.temperature
        self.register_buffer("bank", functional.normalize(torch.from_numpy(head.bank), dim=1))
        _kept(self, votes=head.votes)

    def forward(self, features: Tensor) -> Tensor:
        """Return shares of the votes (b, classes)."""
        cosine = functional.normalize(features, dim=1) @ self.bank.T
        nearest, index = cosine.topk(self.neighbours, dim=1)
        weight = (nearest.double() / self.temperature).softmax(1)
        return (weight[:, :, None] * self.votes[index].double()).sum(1)
