"""Denominators of equation 1 and their gradient by cumulative sums, for a block of rows.

With the slots of a row sorted from far to near, the denominator of pair (i, j) is a prefix sum of
exp(s_ik / T), and the gradient with respect to s_ik needs the sum of 1/denominator over all j at most
as far as k, a suffix sum. Both run over positive numbers, so neither cancels. Numbers are relative
to the row's largest similarity; a row whose farthest similarities lie too far below it for the
precision is done again in float64, and if that fails too, in logarithms.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from nearfar.losses.rnc.order import OrderBlock


class RowTerms(NamedTuple):
    """log_denominators: sum over all pairs of the rows. attraction: (rows, columns) or None."""

    log_denominators: Tensor
    attraction: Tensor | None


def row_terms(energy: Tensor, order: OrderBlock, slot: Tensor | None, gradient: bool) -> RowTerms:
    """Sum of log denominators of a block, and its derivative with respect to minus the energies.

    ``energy``: (views·samples of the block, views·samples) −similarity / temperature, inf where a
    row meets itself. ``slot``: slot of each sample, None if each has its own.
    """
    bottom = energy.amin(1, keepdim=True)
    weight = (bottom - energy).exp_()
    views = len(energy) // len(order.slots)
    mass = _expand(_by_slot(weight, order, slot), views)
    prefix = mass.gather(2, order.slots.expand_as(mass)).cumsum(2)
    denominator = prefix.gather(2, order.reach.expand_as(prefix))
    lost = denominator[:, :, -1].flatten() < _smallest_exact(energy)
    spill = None
    if lost.any():
        rows = lost.nonzero().flatten()
        spill = _again(energy[rows], order.take(rows % len(order.slots)), slot, gradient)
        denominator.flatten(0, 1)[rows] = 1
        bottom[rows] = 0
    pairs = energy.shape[1] - 1
    total = (order.weights * denominator.log()).sum(dtype=torch.float64)
    total -= pairs * bottom.sum(dtype=torch.float64)
    attraction = None
    if gradient:
        suffix = torch.div(order.weights, denominator, out=denominator).cumsum(2)
        share = suffix.gather(2, order.entry.expand_as(suffix)).flatten(0, 1)
        attraction = _times_slots(weight, share, slot)
    if spill is None:
        return RowTerms(total, attraction)
    if attraction is not None and spill.attraction is not None:
        attraction[rows] = spill.attraction.to(attraction.dtype)
    return RowTerms(total + spill.log_denominators, attraction)


def _again(energy: Tensor, order: OrderBlock, slot: Tensor | None, gradient: bool) -> RowTerms:
    if energy.dtype != torch.float64:
        # one view per row from here on: the rows were picked from several
        return row_terms(energy.double(), order, slot, gradient)
    return log_row_terms(energy, order, slot, gradient)


def log_row_terms(
    energy: Tensor, order: OrderBlock, slot: Tensor | None, gradient: bool
) -> RowTerms:
    """The same as :func:`row_terms` for any range of energies, all in logarithms, ten times as slow."""
    samples = len(slot) if slot is not None else order.slots.shape[1]
    columns = energy.neg().unflatten(1, (-1, samples)).logsumexp(1)
    log_mass = columns
    if slot is not None:
        index = slot.expand_as(columns)
        peak = columns.new_full(order.slots.shape, -torch.inf).scatter_reduce_(
            1, index, columns, "amax"
        )
        peak = peak.clamp_min(torch.finfo(peak.dtype).min)
        scaled = (columns - peak.gather(1, index)).exp_()
        log_mass = torch.zeros_like(peak).scatter_add_(1, index, scaled).log_().add_(peak)
    prefix = log_mass.gather(1, order.slots).logcumsumexp(1)
    log_denominator = prefix.gather(1, order.reach)
    total = (order.weights * log_denominator).sum(dtype=torch.float64)
    if not gradient:
        return RowTerms(total, None)
    suffix = (order.weights.log() - log_denominator).logcumsumexp(1)
    log_share = suffix.gather(1, order.entry)
    if slot is not None:
        log_share = log_share[:, slot]
    views = energy.shape[1] // samples
    return RowTerms(total, (log_share.repeat(1, views) - energy).exp_())


def _smallest_exact(energy: Tensor) -> float:
    """Below this, terms too small for the dtype may have been a visible part of a denominator."""
    info = torch.finfo(energy.dtype)
    return energy.shape[1] * info.tiny / info.eps


def _expand(mass: Tensor, views: int) -> Tensor:
    return mass.unflatten(0, (views, -1))


def _by_slot(weight: Tensor, order: OrderBlock, slot: Tensor | None) -> Tensor:
    samples = len(slot) if slot is not None else order.slots.shape[1]
    if weight.shape[1] > samples:
        weight = weight.unflatten(1, (-1, samples)).sum(1)
    if slot is None:
        return weight
    mass = weight.new_zeros(len(weight), order.slots.shape[1])
    return mass.scatter_add_(1, slot.expand_as(weight), weight)


def _times_slots(weight: Tensor, share: Tensor, slot: Tensor | None) -> Tensor:
    if slot is not None:
        share = share[:, slot]
    samples = share.shape[1]
    weight.unflatten(1, (-1, samples)).mul_(share[:, None])
    return weight
