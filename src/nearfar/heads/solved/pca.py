"""Principal components as a solved head: the best linear model of a few numbers."""

from typing import ClassVar

import numpy as np
import torch
from pydantic import PositiveInt

from nearfar.heads.solved.exact import Affine, Array


class PrincipalComponents(Affine):
    """Least squares on the first principal components of the features.

    Where features and targets are the pixels of the same images, this is the reconstruction from
    ``components`` numbers with the least squared error among all that are linear (Pearson 1901).
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "reconstruction"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = False

    def __init__(self, *, components: PositiveInt = 32) -> None:
        super().__init__()
        self.components = components

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Solve for the components and the weights; products are in float32, sums in float64."""
        x = torch.from_numpy(np.asarray(features, dtype=np.float32))
        y = torch.from_numpy(np.asarray(targets, dtype=np.float32))
        mean, offset = x.double().mean(0), y.double().mean(0)
        covariance = _product(x - mean.float(), x - mean.float())
        _, vectors = torch.linalg.eigh(covariance)
        basis = vectors[:, -self.components :].flip(1)
        found = (x - mean.float()) @ basis.float()
        gram, moments = _product(found, found), _product(found, y - offset.float())
        weight = basis @ torch.linalg.lstsq(gram, moments, driver="gelsd").solution
        self.weight = weight.numpy()
        self.intercept = (offset - mean @ weight).numpy()

    def predict(self, features: Array) -> Array:
        """Return the predictions (n, k)."""
        return np.asarray(features @ self.weight.astype(features.dtype) + self.intercept)


def _product(a: torch.Tensor, b: torch.Tensor, rows: int = 8192) -> torch.Tensor:
    """Return aᵀ b in float64, of float32 products of some rows at a time."""
    parts = zip(torch.split(a, rows), torch.split(b, rows), strict=True)
    return torch.stack([(one.T @ other).double() for one, other in parts]).sum(0)
