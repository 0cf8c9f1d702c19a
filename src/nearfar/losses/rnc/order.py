"""Which samples are at least as far in label as another one: every row's order, once sorted.

For sample a all samples are sorted from the farthest to the nearest. The set {k : d_ak >= d_aj} of
equation 1 is then a run from the start of that order to the last sample that ties with j. All of it
depends on labels alone and is shared by every view.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nearfar.losses.rnc.scratch import Scratch

LabelDifference = Callable[[Tensor, Tensor], Tensor]
KEY_BITS = 61
"""Bits of a sort key: the farness on a lattice above, the sample's number below."""
LATTICE_TOLERANCE = 4
"""Two farnesses within this many lattice steps are equal: four labels, each half a step off."""
SUSPICION = 2e-6
"""Relative gap, in float32, up to which two neighbours are looked at; above every tolerance."""
OFFSET = int(4 * LATTICE_TOLERANCE / SUSPICION)
"""Lattice steps added to every farness: they make the lattice's tolerance a relative one too."""
FEW_TIES = 1 / 32
"""Up to this part of all positions, ties are mended one by one; above, everything is gathered."""
LONGEST_WALK = 4
"""Steps along a run of ties before all runs are found by a search."""
GROUP = 32
"""Neighbours looked at together for a first sight of ties."""


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
        """``values`` (views, rows, M; overwritten) as they stand at the ends of runs."""
        if self.row is None:
            return values.gather(2, self.end.expand_as(values))
        if self.row.shape[0]:
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
    """Farness order of a few samples (rows) over all M.

    order:   int64 (rows, M), the sample at each position, farthest first
    last:    the last position of a run of equal farness
    first:   the first one
    weights: float (M,), how many rows j stand at each position
    """

    order: Tensor
    last: Ties
    first: Ties
    weights: Tensor

    @property
    def rows(self) -> int:
        return self.order.shape[0]

    def take(self, rows: Tensor) -> "OrderBlock":
        """The order of ``rows`` (int64, with repeats) of the rows."""
        count = self.order.shape[1]
        last, first = self.last.take(rows, count), self.first.take(rows, count)
        return OrderBlock(self.order[rows], last, first, self.weights)


class ComparedLabels:
    """Labels of any width under any difference; every row is sorted by itself."""

    def __init__(
        self,
        labels: Tensor,
        difference: LabelDifference,
        sizes: Tensor,
        views: int,
        tolerance: float,
    ) -> None:
        """``labels``: float64 (n, k); ``sizes``: float64 (n,), what rounding is relative to."""
        self.samples = len(labels)
        self.permutation = torch.arange(self.samples, device=labels.device)
        self._labels, self._difference, self._sizes = labels, difference, sizes
        self._tolerance = tolerance
        self._index_bits = self.samples.bit_length()
        self._weights = torch.full((self.samples,), float(views), device=labels.device)
        self._weights[-1] -= 1

    def block(self, start: int, stop: int, scratch: Scratch) -> OrderBlock:
        """The order of samples ``start`` to ``stop`` (not included)."""
        difference = self._difference(self._labels[start:stop], self._labels)
        size = self._sizes[start:stop, None]
        top = (difference.amax(1, keepdim=True) + size).clamp_min_(torch.finfo(size.dtype).tiny)
        fine = 2.0 ** (KEY_BITS - self._index_bits) / top
        lattice = ((difference + size) * fine).round_().long().add_(OFFSET)
        own = torch.arange(start, stop, device=size.device)[:, None]
        lattice.scatter_(1, own, (size * fine).long() + (OFFSET - 1))
        key = torch.arange(self.samples, device=size.device) - (lattice << self._index_bits)
        order, last, first = _sorted_positions(key, self._index_bits, self._tolerance, scratch)
        return OrderBlock(order, last, first, self._weights)


def _sorted_positions(
    key: Tensor, bits: int, tolerance: float, scratch: Scratch
) -> tuple[Tensor, Ties, Ties]:
    """Sort keys (minus farness, then sample) of every row; give samples, last and first of runs."""
    if key.device.type == "cpu":
        # Carries no index, unlike torch.sort.
        key.numpy().sort(axis=1, kind="stable")
    else:
        key = key.sort(1).values
    last, first = _runs(key, float(LATTICE_TOLERANCE << bits), tolerance, scratch)
    return key.bitwise_and_((1 << bits) - 1), last, first


def _runs(key: Tensor, slack: float, tolerance: float, scratch: Scratch) -> tuple[Ties, Ties]:
    """Ends and beginnings of runs of equal farness; ``key`` ascends in every row, all negative.

    Position q ties with an earlier p if key[q] <= key[p] (1 - tolerance) + slack.
    """
    row, position = _suspects(key, scratch)
    if row.shape[0] > FEW_TIES * key.numel():
        return _many_runs(key.double(), slack, tolerance)

    def tied(earlier: Tensor, later: Tensor) -> Tensor:
        limit = key[row, earlier].double().mul_(1 - tolerance).add_(slack)
        return key[row, later] <= limit

    near = tied(position, position + 1)
    row, position = row[near], position[near]
    after, end, begin = position + 1, position + 1, position
    adjoining = (position[:-1] + 1 == position[1:]) & (row[:-1] == row[1:])
    if not adjoining.any():
        return Ties(row, position, end), Ties(row, after, begin)
    for _ in range(LONGEST_WALK):
        following, leading = (end + 1).clamp_max_(key.shape[1] - 1), (begin - 1).clamp_min_(0)
        longer = tied(position, following) & (following > end)
        earlier = tied(leading, after) & (leading < begin)
        if not (longer | earlier).any():
            return Ties(row, position, end), Ties(row, after, begin)
        end, begin = end + longer, begin - earlier.long()
    return _many_runs(key.double(), slack, tolerance)


def _suspects(key: Tensor, scratch: Scratch) -> tuple[Tensor, Tensor]:
    """Row and position of neighbours that may tie, by a pass in float32 that spares the rest."""
    rows, count = key.shape
    width = -(-count // GROUP) * GROUP
    rough = scratch.empty("rough", (rows, count), torch.float32).copy_(key)
    gap = scratch.empty("gap", (rows, width), torch.float32)
    gap[:, count - 1 :] = -1
    torch.sub(rough[:, :-1], rough[:, 1:], alpha=1 + SUSPICION, out=gap[:, : count - 1])
    groups = gap.view(-1, GROUP)
    found = (groups.amax(1) >= 0).nonzero().flatten()
    which, inside = (groups[found] >= 0).nonzero().unbind(1)
    flat = found[which] * GROUP + inside
    return flat // width, flat % width


def _many_runs(far: Tensor, slack: float, tolerance: float) -> tuple[Ties, Ties]:
    """The same for every position, at a cost that does not depend on how many ties there are."""
    limit = far.mul(1 - tolerance).add_(slack)
    place = torch.arange(far.shape[1], device=far.device).repeat(len(far), 1)
    last, first = place.clone(), place.clone()
    tied = far[:, 1:] <= limit[:, :-1]
    for step in range(1, LONGEST_WALK):
        last[:, :-step] += tied
        first[:, step:] -= tied.long()
        if not (tied[:, 1:] & tied[:, :-1]).any():
            return Ties(None, None, last), Ties(None, None, first)
        tied = far[:, step + 1 :] <= limit[:, : -step - 1]
    last = torch.searchsorted(far, limit, right=True) - 1
    return Ties(None, None, last), Ties(None, None, torch.searchsorted(last, place))
