"""Solved heads as modules of a graph: features (b, d) → predictions (b, k), in float64."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearfar.heads import (
    KNN,
    SVC,
    SVR,
    EachTarget,
    Forest,
    Logistic,
    Mean,
    PrincipalComponents,
    Ridge,
)
from nearfar.heads.estimators.head import Sklearn
from nearfar.heads.solved.knn import directions
from nearfar.models.onnx.buffers import keep
from nearfar.models.onnx.kernels import Machines, Separators
from nearfar.models.onnx.trees import Boosted, Trees

Array = NDArray[Any]


def module_of(head: Any) -> nn.Module | None:
    """Return a solved head as a module, None where there is none for its class.

    Of scikit-learn's estimators histogram gradient boosting has one: skl2onnx 1.20 fails on it.
    """
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
    if isinstance(head, SVC):
        return _of_classes(head, lambda: Separators(head))
    if isinstance(head, Sklearn):
        return _boosted(head)
    return Votes(head) if isinstance(head, KNN) else None


def _of_classes(head: SVC | Sklearn, made: Callable[[], nn.Module]) -> nn.Module:
    """Return a classifier's module, each class that it met in its place among all classes."""
    if len(head.present) == 1:
        return Constant(np.eye(head.classes)[head.present[0]])
    return Placed(made(), head.present, head.classes)


def _boosted(head: Sklearn) -> nn.Module | None:
    if head.classes and len(head.present) == 1:
        return _of_classes(head, nn.Identity)
    several = type(head.fitted).__name__ == "MultiOutputRegressor"
    estimators = head.fitted.estimators_ if several else [head.fitted]
    if not all(Boosted.takes(one) for one in estimators):
        return None
    if head.classes:
        return _of_classes(head, lambda: Boosted(head.fitted))
    return Columns([Boosted(one) for one in estimators])


class Constant(nn.Module):
    """The same for every row."""

    mean: Tensor

    def __init__(self, mean: Array) -> None:
        super().__init__()
        keep(self, mean=mean)

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean (b, k)."""
        return self.mean.expand(features.shape[0], -1)


class Affine(nn.Module):
    """Features times ``weight`` (d, k), plus ``intercept`` (k,)."""

    weight: Tensor
    intercept: Tensor

    def __init__(self, weight: Array, intercept: Array) -> None:
        super().__init__()
        keep(self, weight=weight, intercept=intercept)

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (b, k)."""
        return features.double() @ self.weight + self.intercept


class Placed(nn.Module):
    """Probabilities of the classes that a head met, among all; the others have none."""

    places: Tensor

    def __init__(self, head: nn.Module, present: Array, classes: int) -> None:
        super().__init__()
        self.head = head
        keep(self, places=np.eye(classes)[present])

    def forward(self, features: Tensor) -> Tensor:
        """Return probabilities (b, classes)."""
        chances: Tensor = self.head(features) @ self.places
        return chances


class Columns(nn.Module):
    """A head for each target: the last column of each."""

    def __init__(self, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (b, targets)."""
        return torch.cat([head(features)[:, -1:] for head in self.heads], dim=1)


class Votes(nn.Module):
    """The weighted vote of the nearest training rows."""

    bank: Tensor
    votes: Tensor

    def __init__(self, head: KNN) -> None:
        super().__init__()
        self.neighbours = min(head.neighbours, len(head.bank))
        self.temperature = head.temperature
        self.register_buffer("bank", directions(torch.from_numpy(head.bank)))
        keep(self, votes=head.votes)

    def forward(self, features: Tensor) -> Tensor:
        """Return shares of the votes (b, classes)."""
        cosine = directions(features) @ self.bank.T
        nearest, index = cosine.topk(self.neighbours, dim=1)
        weight = (nearest.double() / self.temperature).softmax(1)
        return (weight[:, :, None] * self.votes[index].double()).sum(1)
