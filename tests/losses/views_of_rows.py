"""Two views of made-up rows, and a loss of them with its gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

SHAPES = [(8, 5), (9, 1), (2, 3), (4, 9), (3, 17)]
"""Rows and columns; of the last two, rows are so few that products are taken over rows."""


def two_views(shape: tuple[int, int], scale: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    one = scale * torch.randn(*shape, generator=generator, dtype=torch.float64)
    return one, one + 0.5 * scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def value_and_gradients(
    loss: Callable[..., Tensor], one: Tensor, other: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    left, right = one.clone().requires_grad_(), other.clone().requires_grad_()
    value = loss(left, right)
    return value.detach(), *torch.autograd.grad(value, (left, right))
