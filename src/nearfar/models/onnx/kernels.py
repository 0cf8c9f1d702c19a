"""Support vector machines with a Gaussian kernel as modules of a graph."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearfar.heads import SVC, SVR
from nearfar.heads.solved.svr import CUT, Scaling
from nearfar.models.onnx.buffers import keep

Array = NDArray[Any]


class Scaled(nn.Module):
    """Features as support vector machines see them."""

    mean: Tensor
    scale: Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        keep(self, **scaling.arrays())

    def forward(self, features: Tensor) -> Tensor:
        """Return scaled features (b, d), float64."""
        x = features.double()
        curved = x.sign() * (x.abs() + (x * x + 1).sqrt()).log()
        return ((curved - self.mean) / self.scale).clamp(-CUT, CUT)


def _kernel(rows: Tensor, vectors: Tensor, gamma: Tensor | float) -> Tensor:
    lengths = (rows * rows).sum(1, keepdim=True) + (vectors * vectors).sum(1)
    return (-gamma * (lengths - 2 * rows @ vectors.T).clamp(min=0)).exp()


class Machines(nn.Module):
    """Regression: a machine for each target."""

    def __init__(self, head: SVR) -> None:
        super().__init__()
        self.scaled = Scaled(head.scaling)
        self.count = len(head.machines)
        for number, machine in enumerate(head.machines):
            keep(self, **{f"{name}_{number}": array for name, array in machine.items()})

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (b, targets)."""
        rows = self.scaled(features)
        return torch.stack([self._decided(number, rows) for number in range(self.count)], dim=1)

    def _decided(self, number: int, rows: Tensor) -> Tensor:
        vectors, weight, intercept, gamma = (
            getattr(self, f"{name}_{number}")
            for name in ("vectors", "weight", "intercept", "gamma")
        )
        decided: Tensor = _kernel(rows, vectors, gamma) @ weight + intercept
        return decided


class Separators(nn.Module):
    """Classification: a machine for each pair of classes, votes and values of which are added."""

    vectors: Tensor
    pairs: Tensor
    offsets: Tensor
    first: Tensor
    second: Tensor
    weight: Tensor
    intercept: Tensor

    def __init__(self, head: SVC) -> None:
        super().__init__()
        self.scaled = Scaled(head.scaling)
        machine, classes = head.machine, len(head.present)
        self.gamma = float(machine._gamma)
        ends = np.cumsum([0, *machine.n_support_])
        of = [slice(ends[k], ends[k + 1]) for k in range(classes)]
        couples = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
        pairs = np.zeros((len(machine.support_vectors_), len(couples)))
        for number, (i, j) in enumerate(couples):
            pairs[of[i], number] = machine._dual_coef_[j - 1, of[i]]
            pairs[of[j], number] = machine._dual_coef_[i, of[j]]
        first, second = (np.eye(classes)[[couple[end] for couple in couples]] for end in (0, 1))
        keep(self, vectors=machine.support_vectors_, pairs=pairs, offsets=machine._intercept_)
        keep(self, first=first, second=second, weight=head.weight, intercept=head.intercept)

    def forward(self, features: Tensor) -> Tensor:
        """Return probabilities (b, classes there)."""
        rows = self.scaled(features)
        between = _kernel(rows, self.vectors, self.gamma) @ self.pairs + self.offsets
        if between.shape[1] == 1:
            odds = -between @ self.weight + self.intercept
            return torch.cat([torch.zeros_like(odds), odds], dim=1).softmax(1)
        sums = between @ (self.first - self.second)
        votes = (between >= 0).double() @ self.first + (between < 0).double() @ self.second
        values = votes + sums / (3 * (sums.abs() + 1))
        return (values @ self.weight + self.intercept).softmax(1)
