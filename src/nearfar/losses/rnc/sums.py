"""Denominators of equation 1 and their gradient by cumulative sums, for a block of rows.

With the samples sorted from far to near, the denominator of pair (i, j) is a prefix sum of
exp(s_ik / T), and the gradient with respect to s_ik needs the sum of 1/denominator over all j at
most as far as k, a suffix sum. Both run over positive numbers, so neither cancels. Numbers are
relative to the row's largest similarity; a row whose farthest similarities lie too far below it
for the precision is done again in float64, and if that fails too, in logarithms.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from nearfar.losses.rnc.order import OrderBlock
from nearfar.losses.rnc.scratch import Scratch
from nearfar.losses.rnc.walk import WalkedBlock

Block = OrderBlock | WalkedBlock


class RowTerms(NamedTuple):
    """What a block adds.

    log_denominators: float64 scalar, sum of the log denominators of all pairs
    slope:            (rows, columns), its derivative with respect to minus the energies, less 1
                      for the pair itself, or None
    """

    log_denominators: Tensor
    slope: Tensor | None


def row_terms(
    energy: Tensor, least: Tensor, order: Block, scratch: Scratch, gradient: bool
) -> RowTerms:
    """Sum of log denominators of a block and its derivative, in the precision of ``energy``.

    ``energy``: (views·samples of the block, columns) −similarity / temperature, inf where a row
    meets itself. ``least``: the least of each row, (rows, 1).
    """
    weight = scratch.empty("weight", tuple(energy.shape), energy.dtype)
    torch.sub(least, energy, out=weight).exp_()
    smallest = _smallest_exact(energy)
    if isinstance(order, WalkedBlock):
        logs = order.log_sums(weight, smallest)
    else:
        logs = log_sums(weight, order, smallest, scratch, gradient)
    lost = logs.isneginf().nonzero().flatten()
    logs -= (energy.shape[1] - 1) * least[:, 0]
    if lost.shape[0]:
        again = _again(energy[lost], least[lost], order.take(lost % order.rows), gradient)
        logs[lost] = 0
        if again.slope is not None:
            weight[lost] = again.slope.to(weight.dtype)
        return RowTerms(logs.sum() + again.log_denominators, weight if gradient else None)
    return RowTerms(logs.sum(), weight if gradient else None)


def log_sums(
    weight: Tensor, order: OrderBlock, smallest: float, scratch: Scratch, gradient: bool
) -> Tensor:
    """Sum of log denominators of every row, float64 (rows,).

    ``weight`` (rows, columns), exp(similarity / temperature) up to a factor per row, is overwritten
    by the slope. A row whose first denominator is below ``smallest`` is not done: -inf.
    """
    shape = (weight.shape[0] // order.rows, *order.order.shape)
    positions = order.order.expand(shape)
    views = weight.view(len(weight), -1, shape[2])
    mass = views.sum(1) if views.shape[1] > 1 else weight
    prefix = scratch.empty("prefix", shape, weight.dtype)
    torch.gather(mass.view(shape), 2, positions, out=prefix)
    denominator = order.last.read(prefix.cumsum_(2))
    lost = (denominator[:, :, 0] < smallest).flatten()
    logs = scratch.empty("logs", shape, weight.dtype)
    torch.log(denominator, out=logs).mul_(order.weights)
    sums = logs.sum(2).flatten().double().masked_fill_(lost, -torch.inf)
    if gradient:
        share = torch.div(order.weights, denominator, out=logs).flip(2).cumsum_(2).flip(2)
        spread = scratch.empty("prefix", shape, weight.dtype)
        spread.scatter_(2, positions, order.first.read(share))
        views.mul_(spread.view(len(weight), 1, -1)).sub_(1)
    return sums


def log_row_terms(energy: Tensor, order: OrderBlock, gradient: bool) -> RowTerms:
    """The same as :func:`row_terms` for one view and any range of energies, ten times as slow."""
    views = energy.neg().view(len(energy), -1, order.order.shape[1])
    prefix = views.logsumexp(1).gather(1, order.order).logcumsumexp(1)
    log_denominator = order.last.read(prefix[None])[0]
    total = (order.weights * log_denominator).sum()
    if not gradient:
        return RowTerms(total, None)
    suffix = (order.weights.log() - log_denominator).flip(1).logcumsumexp(1).flip(1)
    in_order = order.first.read(suffix[None])[0]
    log_share = torch.empty_like(in_order).scatter_(1, order.order, in_order)
    return RowTerms(total, views.add_(log_share[:, None]).exp_().sub_(1).view_as(energy))


def _again(energy: Tensor, least: Tensor, order: Block, gradient: bool) -> RowTerms:
    scratch = Scratch(energy.device)
    if energy.dtype != torch.float64:
        return row_terms(energy.double(), least.double(), order, scratch, gradient)
    stored = order.stored(scratch) if isinstance(order, WalkedBlock) else order
    return log_row_terms(energy, stored, gradient)


def _smallest_exact(energy: Tensor) -> float:
    """Below this, terms too small for the dtype may have been a visible part of a denominator."""
    info = torch.finfo(energy.dtype)
    return energy.shape[1] * info.tiny / info.eps
