"""Which samples are at least as far in label as another one: every row's order, once sorted.

For sample a the *slots* (samples, or groups of samples with one label) are sorted from the farthest
to the nearest. The set {k : d_ak >= d_aj} of equation 1 is then a run from the start of that order
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
FEW_TIES = 1 / 32
"""Up to this part of all positions, ties are mended one by one; above, by a gather of everything."""
LONGEST_WALK = 4


@dataclass(frozen=True)
class Ties:
    """Where a run of equal farness ends, for the positions that do not stand there themselves.

    Few ties: ``row``, ``position`` and ``end`` are lists. Many: ``row`` is None and ``end`` is
    (rows, M) for every position. All int64.
    """

    row: Tensor | None
    position: Tensor | None
    end: Tensor

    def read(self, values: Tensor) -> Tensor:
        """``values`` (views, rows, M) at the ends of runs instead of at the positions themselves."""
        if self.row is None:
            return values.gather(2, self.end.expand_as(values))
        if len(self.row):
            values[:, self.row, self.position] = values[:, self.row, self.end]
        return values

    def take(self, rows: Tensor, count: int) -> "Ties":
        """The same for ``rows`` (int64, with repeats) of the rows; ``count`` is M."""
        if self.row is None:
            return Ties(None, None, self.end[rows])
        end = torch.arange(count, device=rows.device).repeat(int(rows.max()) + 1, 1)
        inside = self.row < len(end)
        assert self.position is not None
        end[self.row[inside], self.position[inside]] = self.end[inside]
        return Ties(None, None, end[rows])


@dataclass(frozen=True)
class OrderBlock:
    """Farness order of a few samples (rows) over M slots.

    slots:   int64 (rows, M), slot at each position, farthest first
    last:    the last position of a run of equal farness
    first:   the first one
    weights: float (M,) or (rows, M), how many rows j stand at each position
    """

    slots: Tensor
    last: Ties
    first: Ties
    weights: Tensor

    def take(self, rows: Tensor) -> "OrderBlock":
        """The order of ``rows`` (int64, with repeats) of the rows."""
        count = self.slots.shape[1]
        weights = self.weights if self.weights.dim() == 1 else self.weights[rows]
        last, first = self.last.take(rows, count), self.first.take(rows, count)
        return OrderBlock(self.slots[rows], last, first, weights)


class SortedLabels:
    """One-dimensional labels, sorted once for the batch; equal labels share a slot.

    A row's order is a merge of two runs: the labels below its own and those above.
    """

    def __init__(self, labels: Tensor, views: int, tolerance: float) -> None:
        """``labels``: float64 (n,), finite."""
        ordered, self.permutation = labels.sort()
        self.samples = len(labels)
        self._tolerance = tolerance
        self._index_bits = self.samples.bit_length()
        top = ordered.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
        lattice = (ordered / top * 2.0 ** (KEY_BITS - self._index_bits)).round_().long()
        values, slot, sizes = torch.unique_consecutive(
            lattice, return_inverse=True, return_counts=True
        )
        self._slot, self._sizes = slot, sizes.mul(views).float()
        self.slots = len(values)
        self.slot_of_sample = slot if self.slots < self.samples else None
        self._values = values << self._index_bits
        number = torch.arange(self.slots, device=labels.device)
        self._rising, self._falling = number + self._values, number - self._values

    def block(self, start: int, stop: int) -> OrderBlock:
        """The order of samples ``start`` to ``stop`` (not included), in the sorted batch."""
        own_slot = self._slot[start:stop]
        own = self._values[own_slot, None]
        below, above = -own - own.abs(), own - own.abs()
        low, high = int(own_slot[0]), int(own_slot[-1])
        key = own.new_empty(len(own), self.slots)
        torch.add(self._rising[:low], below, out=key[:, :low])
        torch.add(self._falling[high:], above, out=key[:, high:])
        among = slice(low, high)
        key[:, among] = torch.minimum(self._rising[among] + below, self._falling[among] + above)
        slots, last, first = _sorted_positions(key, self._index_bits, self._tolerance)
        return OrderBlock(slots, last, first, self._weights(slots))

    def _weights(self, slots: Tensor) -> Tensor:
        weights = self._sizes.clone() if self.slot_of_sample is None else self._sizes[slots]
        weights[..., -1] -= 1
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
        self._weights[-1] -= 1

    def block(self, start: int, stop: int) -> OrderBlock:
        """The order of samples ``start`` to ``stop`` (not included)."""
        difference = self._difference(self._labels[start:stop], self._labels)
        far = difference + self._sizes[start:stop, None]
        top = far.amax(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
        lattice = (far / top * 2.0 ** (KEY_BITS - self._index_bits)).round_().long()
        own = torch.arange(start, stop, device=far.device)[:, None]
        nearest = (self._sizes[start:stop, None] / top * 2.0 ** (KEY_BITS - self._index_bits)).long()
        lattice.scatter_(1, own, nearest - 1)
        key = torch.arange(self.slots, device=far.device) - (lattice << self._index_bits)
        slots, last, first = _sorted_positions(key, self._index_bits, self._tolerance)
        return OrderBlock(slots, last, first, self._weights)


FarnessOrder = SortedLabels | ComparedLabels


def _sorted_positions(key: Tensor, bits: int, tolerance: float) -> tuple[Tensor, Ties, Ties]:
    """Sort keys (minus farness, then slot) of every row; give slots, last and first of runs."""
    if key.device.type == "cpu":
        # Merges the two runs of a row in linear time and carries no index, unlike torch.sort.
        key.numpy().sort(axis=1, kind="stable")
    else:
        key = key.sort(1).values
    far = key.double()
    slack = torch.tensor(float(LATTICE_TOLERANCE << bits), dtype=far.dtype, device=far.device)
    limit = torch.add(slack, far, alpha=1 - tolerance)
    last, first = _runs(far, limit)
    return key.bitwise_and_((1 << bits) - 1), last, first


def _runs(far: Tensor, limit: Tensor) -> tuple[Ties, Ties]:
    """Ends and beginnings of runs of equal farness; ``far`` ascends in every row.

    Position q ties with an earlier p if far[q] <= limit[p]; limit ascends too.
    """
    count = far.shape[1]
    row, position = (far[:, 1:] <= limit[:, :-1]).nonzero().unbind(1)
    if len(row) > FEW_TIES * far.numel():
        return _all_runs(far, limit)
    after, end, begin = position + 1, position + 1, position.clone()
    for _ in range(LONGEST_WALK):
        following, leading = (end + 1).clamp_max(count - 1), (begin - 1).clamp_min(0)
        longer = (far[row, following] <= limit[row, position]) & (following > end)
        earlier = (far[row, after] <= limit[row, leading]) & (leading < begin)
        if not (longer | earlier).any():
            return Ties(row, position, end), Ties(row, after, begin)
        end, begin = end + longer, begin - earlier.long()
    return _all_runs(far, limit)


def _all_runs(far: Tensor, limit: Tensor) -> tuple[Ties, Ties]:
    last = torch.searchsorted(far, limit, right=True) - 1
    place = torch.arange(far.shape[1], device=far.device).repeat(len(far), 1)
    return Ties(None, None, last), Ties(None, None, torch.searchsorted(last, place))
