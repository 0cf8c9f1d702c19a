"""Which samples are at least as far in label as another one: the order of every row, once sorted.

For sample a the *slots* (samples, or groups of samples with one label) are sorted from the farthest
to the nearest. The set {k : d_ak >= d_aj} of equation 1 is then a run from the start of that order up
to the last slot that ties with j. All of it depends on labels alone and is shared by every view.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LabelDifference = Callable[[Tensor, Tensor], Tensor]
KEY_BITS = 61
"""Bits of a sort key: the farness on a lattice above, the slot's number below."""
LATTICE_TOLERANCE = 4
"""Two farnesses within this many lattice steps are equal: four labels, each half a step off."""
LONGEST_CHAIN = 4


@dataclass(frozen=True)
class OrderBlock:
    """Farness order of a few samples (rows), over M slots. Reversed positions count from the nearest.

    slots:   int64 (rows, M), slot at each position, farthest first
    reach:   int64 (rows, M), at reversed position r: where the slots as far as that one end
    entry:   int64 (rows, M), per slot: the reversed position of the farthest slot that ties with it
    weights: float (M,) or (rows, M), at reversed position r: how many rows j stand there
    """

    slots: Tensor
    reach: Tensor
    entry: Tensor
    weights: Tensor

    def take(self, rows: Tensor) -> "OrderBlock":
        weights = self.weights if self.weights.dim() == 1 else self.weights[rows]
        return OrderBlock(self.slots[rows], self.reach[rows], self.entry[rows], weights)


class SortedLabels:
    """One-dimensional labels, sorted once for the batch; equal labels share a slot."""

    def __init__(self, labels: Tensor, views: int, tolerance: float) -> None:
        """``labels``: float64 (n,), finite."""
        ordered, self.permutation = labels.sort()
        self.samples = len(labels)
        self._index_bits = self.samples.bit_length()
        top = ordered.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
        lattice = (ordered / top * 2.0 ** (KEY_BITS - self._index_bits)).round_().long()
        self._values, slot_of_sample, sizes = lattice.unique_consecutive(
            return_inverse=True, return_counts=True
        )
        self.slots = len(self._values)
        self.slot_of_sample = slot_of_sample if self.slots < self.samples else None
        self._sizes = sizes.mul(views).float()
        self._tolerance = tolerance
        number = torch.arange(self.slots, device=labels.device)
        shifted = self._values << self._index_bits
        self._rising, self._falling = number + shifted, number - shifted
        self._shifted = shifted

    def block(self, start: int, stop: int) -> OrderBlock:
        if self.slot_of_sample is None:
            own = self._shifted[start:stop, None]
        else:
            own = self._shifted[self.slot_of_sample[start:stop], None]
        far = own.abs()
        key = torch.minimum(self._rising - (own + far), self._falling + (own - far))
        slots, reach, entry = _sorted_positions(key, self._index_bits, self._tolerance)
        weights = self._weights(slots)
        return OrderBlock(slots, reach, entry, weights)

    def _weights(self, slots: Tensor) -> Tensor:
        if self.slot_of_sample is None:
            weights = self._sizes.clone()
            weights[0] -= 1
            return weights
        weights = self._sizes[slots.flip(1)]
        weights[:, 0] -= 1
        return weights


class ComparedLabels:
    """Labels of any width under any difference; every row is sorted by itself."""

    slot_of_sample = None

    def __init__(
        self,
        labels: Tensor,
        difference: LabelDifference,
        sizes: Tensor,
        views: int,
        tolerance: float,
    ) -> None:
        """``labels``: float64 (n, k); ``sizes``: float64 (n,), what rounding is relative to."""
        self.samples = self.slots = len(labels)
        self.permutation = torch.arange(self.samples, device=labels.device)
        self._labels, self._difference, self._sizes = labels, difference, sizes
        self._tolerance = tolerance
        self._index_bits = self.samples.bit_length()
        self._weights = torch.full((self.slots,), float(views), device=labels.device)
        self._weights[0] -= 1

    def block(self, start: int, stop: int) -> OrderBlock:
        difference = self._difference(self._labels[start:stop], self._labels)
        far = difference + self._sizes[start:stop, None]
        top = far.amax(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
        lattice = (far / top * 2.0 ** (KEY_BITS - self._index_bits)).round_().long()
        own = torch.arange(start, stop, device=far.device)[:, None]
        floor = lattice.gather(1, own) - 1
        lattice.scatter_(1, own, floor)
        key = torch.arange(self.slots, device=far.device) - (lattice << self._index_bits)
        return OrderBlock(*_sorted_positions(key, self._index_bits, self._tolerance), self._weights)


FarnessOrder = SortedLabels | ComparedLabels


def _sorted_positions(key: Tensor, index_bits: int, tolerance: float) -> tuple[Tensor, ...]:
    """Sort keys (minus farness, then slot) of every row; give ``slots``, ``reach``, ``entry``."""
    if key.device.type == "cpu":
        key.numpy().sort(
            axis=1, kind="stable"
        )  # merges runs, unlike torch.sort, and gives no index
    else:
        key = key.sort(1).values
    slots = key & ((1 << index_bits) - 1)
    far = key.double()
    limit = far.mul(1 - tolerance).add_(LATTICE_TOLERANCE << index_bits)
    reach, first = _tied(far, limit)
    return slots, reach, torch.empty_like(slots).scatter_(1, slots, first)


def _tied(far: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
    """Last tied position, read from the nearest on, and first tied position, counted from there."""
    count = far.shape[1]
    falling = torch.arange(count - 1, -1, -1, device=far.device)
    reach = falling.repeat(len(far), 1)
    first = reach.clone()
    tied = far[:, 1:] <= limit[:, :-1]
    step = 1
    while tied.any():
        if step > LONGEST_CHAIN:
            last = torch.searchsorted(far, limit, right=True) - 1
            first = (
                count - 1 - torch.searchsorted(last, falling.flip(0).expand_as(last).contiguous())
            )
            return last.flip(1), first
        reach[:, step:] += tied.flip(1)
        first[:, step:] += tied
        step += 1
        longer = tied[:, :-1] & tied[:, 1:]
        if not longer.any():
            break
        tied = far[:, step:] <= limit[:, : count - step]
    return reach, first
