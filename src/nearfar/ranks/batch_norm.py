"""Batch norm over the rows of all ranks, so that a split batch is normed as a whole one is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nearfar.ranks.exchange import of_all
from nearfar.ranks.share import current


@contextmanager
def synced_batch_norm(module: nn.Module) -> Iterator[None]:
    """Within the context, batch norms of ``module`` that train see the rows of all ranks.

    Mean and variance are those of the whole batch, with their gradients, and so are the running
    statistics. Ranks may have different numbers of rows. torch's own ``SyncBatchNorm`` does so on
    GPUs alone. The module is unchanged afterwards.
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
    wide = values if values.dtype == torch.float64 else values.float()
    mean, variance, count = _of_all_rows(wide)
    _move(norm, mean.detach(), variance.detach(), count)
    scale = (variance + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shape = (1, -1, *(1,) * (values.dim() - 2))
    result = (wide - mean.view(shape)) * scale.view(shape)
    if norm.bias is not None:
        result = result + norm.bias.view(shape)
    return result.to(values.dtype)


def _of_all_rows(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance (c,) of values (n, c, …) of all ranks, and how many there are.

    Of the means, variances and numbers of each rank, by Chan's formula, which does not cancel.
    """
    dims = [0, *range(2, values.dim())]
    count = values.numel() // values.shape[1]
    own = torch.cat(
        [
            values.mean(dims),
            values.var(dims, correction=0),
            values.new_tensor([float(count)]),
        ]
    )
    width = values.shape[1]
    found = of_all(own)
    means, variances, counts = found[:, :width], found[:, width:-1], found[:, -1:]
    whole = counts.sum()
    shares = counts / whole
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    return mean, variance, whole


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
