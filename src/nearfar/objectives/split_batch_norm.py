"""Batch norm whose statistics come from groups of a batch, as if each group had its own device."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from nearfar.ranks.exchange import total
from nearfar.ranks.share import current, part


@contextmanager
def split_batch_norm(module: nn.Module, groups: int) -> Iterator[None]:
    """Within the context, let the batch norms of ``module`` that train see ``groups`` groups.

    Group g holds the rows g, g + groups, g + 2·groups, … of a batch (n, c, …), which need not be
    equal in number; there are at most n/2 groups, since one row has no variance. Each group is
    normalised by its own mean and variance. Running statistics move once, by the mean over groups.
    The module is unchanged afterwards: no layer is replaced, no name in its state differs.

    Where several ranks have a share of the batch, each has its share of the groups: ``groups`` over
    their number, and one at least. Running statistics are the mean over all.
    """
    groups_here = max(1, groups // part()[1])
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)] if groups > 1 else []
    before = [norm.__dict__.get("forward") for norm in norms]
    for norm in norms:
        norm.forward = partial(_forward, norm, groups_here)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm, forward in zip(norms, before, strict=True):
            del norm.forward
            if forward is not None:
                norm.forward = forward  # type: ignore[method-assign]


def _forward(norm: _BatchNorm, groups: int, values: Tensor) -> Tensor:
    groups = min(groups, len(values) // 2)
    if not norm.training or (groups < 2 and current() is None):
        return type(norm).forward(norm, values)
    factor = norm.momentum
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        if factor is None:
            factor = 1 / float(norm.num_batches_tracked)
    means, variances = _copies(norm.running_mean, groups), _copies(norm.running_var, groups)
    if len(values) % groups:
        result = torch.empty_like(values)
        for group in range(groups):
            result[group::groups] = F.batch_norm(
                values[group::groups],
                None if means is None else means[group],
                None if variances is None else variances[group],
                norm.weight,
                norm.bias,
                training=True,
                momentum=factor or 0.0,
                eps=norm.eps,
            )
    else:
        side_by_side = values.reshape(
            len(values) // groups, groups * values.shape[1], *values.shape[2:]
        )
        result = F.batch_norm(
            side_by_side,
            None if means is None else means.view(-1),
            None if variances is None else variances.view(-1),
            None if norm.weight is None else norm.weight.repeat(groups),
            None if norm.bias is None else norm.bias.repeat(groups),
            training=True,
            momentum=factor or 0.0,
            eps=norm.eps,
        ).reshape(values.shape)
    for running, grouped in ((norm.running_mean, means), (norm.running_var, variances)):
        if running is not None and grouped is not None:
            running.copy_(_mean_over_ranks(grouped.mean(0)))
    return result


def _mean_over_ranks(running: Tensor) -> Tensor:
    return total(running) / part()[1]


def _copies(running: Tensor | None, groups: int) -> Tensor | None:
    return None if running is None else running.repeat(groups, 1)
