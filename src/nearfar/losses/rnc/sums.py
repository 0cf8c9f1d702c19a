"""Denominators of equation 1 and their gradient by cumulative sums, for a block of rows.

With the slots of a row sorted from far to near, the denominator of pair (i, j) is a prefix sum of
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


class RowTerms(NamedTuple):
    """What a block adds.

    log_denominators: float64 scalar, sum of the log denominators of all pairs
    attraction:       (rows, columns), its derivative with respect to minus the energies, or None
    """

    log_denominators: Tensor
    attraction: Tensor | None


def row_terms(
    energy: Tensor, order: OrderBlock, slot: Tensor | None, scratch: Scratch, gradient: bool
) -> RowTerms:
    """Sum of log denominators of a block and its derivative, in the precision of ``energy``.

    ``energy``: (views·samples of the block, views·samples) −similarity / temperature, inf where a
    row meets itself. ``slot``: slot of each sample, None if each has its own.
    """
    samples, count = order.slots.shape
    shape = (energy.shape[0] // samples, samples, count)
    slots = order.slots.expand(shape)
    bottom = energy.amin(1, keepdim=True)
    weight = scratch.empty("weight", tuple(energy.shape), energy.dtype)
    torch.sub(bottom, energy, out=weight).exp_()
    mass = _by_slot(weight, order, slot, scratch).view(shape)
    prefix = scratch.empty("prefix", shape, energy.dtype)
    torch.gather(mass, 2, slots, out=prefix)
    denominator = order.last.read(prefix.cumsum_(2))
    lost = (denominator[:, :, 0] < _smallest_exact(energy)).flatten().nonzero().flatten()
    again = None
    if lost.shape[0]:
        again = _again(energy[lost], order.take(lost % samples), slot, gradient)
        denominator.flatten(0, 1)[lost] = 1
        bottom[lost] = 0
    logs = scratch.empty("slots", shape, energy.dtype)
    torch.log(denominator, out=logs).mul_(order.weights)
    total = logs.sum(2).sum(dtype=torch.float64)
    total -= (energy.shape[1] - 1) * bottom.sum(dtype=torch.float64)
    if again is not None:
        total += again.log_denominators
    if not gradient:
        return RowTerms(total, None)
    share = torch.div(order.weights, denominator, out=logs).flip(2).cumsum_(2).flip(2)
    spread = scratch.empty("prefix", shape, energy.dtype)
    spread.scatter_(2, slots, order.first.read(share))
    attraction = _times_slots(weight, spread.flatten(0, 1), slot)
    if again is not None and again.attraction is not None:
        attraction[lost] = again.attraction.to(attraction.dtype)
    return RowTerms(total, attraction)


def log_row_terms(
    energy: Tensor, order: OrderBlock, slot: Tensor | None, gradient: bool
) -> RowTerms:
    """The same as :func:`row_terms` for one view and any range of energies, ten times as slow."""
    samples = order.slots.shape[1] if slot is None else len(slot)
    log_mass = energy.neg().view(len(energy), -1, samples).logsumexp(1)
    if slot is not None:
        log_mass = _log_by_slot(log_mass, order.slots.shape, slot)
    prefix = log_mass.gather(1, order.slots).logcumsumexp(1)
    log_denominator = order.last.read(prefix[None])[0]
    total = (order.weights * log_denominator).sum()
    if not gradient:
        return RowTerms(total, None)
    suffix = (order.weights.log() - log_denominator).flip(1).logcumsumexp(1).flip(1)
    in_order = order.first.read(suffix[None])[0]
    log_share = torch.empty_like(in_order).scatter_(1, order.slots, in_order)
    if slot is not None:
        log_share = log_share[:, slot]
    views = energy.shape[1] // samples
    return RowTerms(total, (log_share.repeat(1, views) - energy).exp_())


def _again(energy: Tensor, order: OrderBlock, slot: Tensor | None, gradient: bool) -> RowTerms:
    if energy.dtype != torch.float64:
        return row_terms(energy.double(), order, slot, Scratch(energy.device), gradient)
    return log_row_terms(energy, order, slot, gradient)


def _smallest_exact(energy: Tensor) -> float:
    """Below this, terms too small for the dtype may have been a visible part of a denominator."""
    info = torch.finfo(energy.dtype)
    return energy.shape[1] * info.tiny / info.eps


def _by_slot(weight: Tensor, order: OrderBlock, slot: Tensor | None, scratch: Scratch) -> Tensor:
    """Sums over the views of a sample and the samples of a slot."""
    rows, samples = weight.shape[0], order.slots.shape[1] if slot is None else len(slot)
    if weight.shape[1] > samples:
        views = weight.view(rows, -1, samples)
        weight = torch.sum(views, 1, out=scratch.empty("views", (rows, samples), weight.dtype))
    if slot is None:
        return weight
    mass = scratch.empty("slots", (rows, order.slots.shape[1]), weight.dtype).zero_()
    return mass.scatter_add_(1, slot.expand_as(weight), weight)


def _log_by_slot(log_weight: Tensor, shape: torch.Size, slot: Tensor) -> Tensor:
    index = slot.expand_as(log_weight)
    peak = log_weight.new_full(shape, -torch.inf).scatter_reduce_(1, index, log_weight, "amax")
    peak = peak.clamp_min(torch.finfo(peak.dtype).min)
    scaled = (log_weight - peak.gather(1, index)).exp_()
    return torch.zeros_like(peak).scatter_add_(1, index, scaled).log_().add_(peak)


def _times_slots(weight: Tensor, share: Tensor, slot: Tensor | None) -> Tensor:
    """``weight`` (overwritten) of each column times the share of its slot."""
    if slot is not None:
        share = share[:, slot]
    weight.view(len(weight), -1, share.shape[1]).mul_(share[:, None])
    return weight
