"""Batches for Rank-N-Contrast with labels of many kinds, and two ways to compute it compared."""

import torch
from torch import Tensor

from nearfar.losses import RnCLoss


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_outliers(n: int) -> Tensor:
    labels = torch.randn(n, generator=random(n), dtype=torch.float64)
    labels[0], labels[-1] = 1e6, -1e9
    return labels


LABELS = {
    "random": lambda n: torch.randn(n, generator=random(n)),
    "float64": lambda n: torch.randn(n, generator=random(n), dtype=torch.float64),
    "ages": lambda n: torch.randint(0, max(2, n // 6), (n,), generator=random(n)),
    "steps": lambda n: torch.arange(n).flip(0) * 0.1,
    "heavy tail": lambda n: torch.randn(n, generator=random(n)).mul(3).exp(),
    "outliers": with_outliers,
    "all equal": lambda n: torch.full((n,), -4.25),
}


def features(n: int, views: int, dtype: torch.dtype, width: int = 5) -> Tensor:
    return torch.randn(n, views, width, generator=random(n + views), dtype=dtype)


def loss_and_gradient(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    features = features.clone().requires_grad_()
    loss = RnCLoss()(features, labels)
    (gradient,) = torch.autograd.grad(loss, features)
    return loss.detach(), gradient


def assert_agree(found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor], rtol: float) -> None:
    """Losses and gradients are equal, relative to one and to the largest gradient."""
    torch.testing.assert_close(found[0], wanted[0], rtol=rtol, atol=rtol)
    scale = max(float(wanted[1].abs().max()), 1 / len(wanted[1]))
    torch.testing.assert_close(found[1], wanted[1], rtol=rtol, atol=rtol * scale)
