"""Batch norm over the rows of all ranks, so that a split batch is normed as a whole one is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from nearfar.ranks.exchange import of_all
from nearfar.ranks.share import current


@contextmanager
def synced_batch_norm(module: nn.Module) -> Iterator[None]:
    """Within the context, batch norms of ``module`` that train see the rows of all ranks.

    Mean and variance are those of the whole batch, with their gradients, and so are the running
    statistics. Ranks may have different numbers of rows. torch's own ``SyncBatchNorm`` does so on
    GPUs alone. The module is unchanged afterwards. There is no second derivative.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    for norm in norms:
        norm.forward = partial(_forward, norm)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            norm.__dict__.pop("forward", None)


def _forward(norm: _BatchNorm, values: Tensor) -> Tensor:
    if not norm.training or current() is None:
        return type(norm).forward(norm, values)
    mean, variance, count = _of_all_rows(values)
    _move(norm, mean, variance, count)
    weight = torch.ones_like(mean) if norm.weight is None else norm.weight
    bias = torch.zeros_like(mean) if norm.bias is None else norm.bias
    result: Tensor = _Normed.apply(  # type: ignore[no-untyped-call]
        values, weight, bias, mean, variance, count, norm.eps
    )
    return result


class _Normed(torch.autograd.Function):
    """Values (n, c, …) normed by mean and variance (c,) of ``count`` rows, which all ranks have.

    The way back is torch's for constant statistics, and what the statistics add: with g the
    gradient, x̂ the normed values and means over all rows, minus scale · (mean(g) + x̂ mean(g x̂)).
    """

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean, variance, count)
        ctx.eps = eps
        return F.batch_norm(values, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, variance, count = ctx.saved_tensors
        root = (variance + ctx.eps).rsqrt()
        constant = torch.ops.aten.native_batch_norm_backward
        statistics, every = (mean, variance, mean, root), [True, True, True]
        grad, slopes, shifts = constant(
            upstream.contiguous(), values, weight, *statistics, False, ctx.eps, every
        )
        sums = torch.stack([slopes, shifts])
        dist.all_reduce(sums)
        along, level = sums / count
        shape = (1, -1, *(1,) * (values.dim() - 2))
        steep = -weight * root * root * along
        flat = -weight * root * level - steep * mean
        steep, flat = (part.to(values.dtype).view(shape) for part in (steep, flat))
        grad = torch.addcmul(flat, steep, values).add_(grad)
        return grad, slopes, shifts, None, None, None, None


@torch.no_grad()
def _of_all_rows(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance (c,) of values (n, c, …) of all ranks, and how many there are.

    Of the means, variances and numbers of each rank, by Chan's formula, which does not cancel.
    """
    width = values.shape[1]
    wide = values.dtype if values.dtype == torch.float64 else torch.float32
    none = torch.zeros(width, dtype=wide, device=values.device)
    mean, variance = torch.batch_norm_update_stats(values, none, none.clone(), 0.0)
    count = torch.tensor([values.numel() / width], dtype=wide, device=values.device)
    found = of_all(torch.cat([mean, variance, count]))
    means, variances, counts = found[:, :width], found[:, width:-1], found[:, -1:]
    whole = counts.sum()
    shares = counts / whole
    mean = (shares * means).sum(0)
    return mean, (shares * (variances + (means - mean).square())).sum(0), whole


@torch.no_grad()
def _move(norm: _BatchNorm, mean: Tensor, variance: Tensor, count: Tensor) -> None:
    """Move the running statistics, as ``torch.nn.functional.batch_norm`` does."""
    factor = norm.momentum
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        if factor is None:
            factor = 1 / float(norm.num_batches_tracked)
    if norm.running_mean is not None:
        norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), factor or 0.0)
    if norm.running_var is not None:
        unbiased = variance * (count / (count - 1))
        norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), factor or 0.0)
