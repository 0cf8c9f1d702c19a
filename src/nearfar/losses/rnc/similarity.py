"""Energies (minus similarity / temperature) by blocks of rows, and the way back for gradients.

The block loop calls ``energies`` and then, if a gradient is wanted, ``pull`` for every block, and
``finish`` once. No tensor of n × n × d ever exists; memory is one block.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from nearfar.losses.distances import complete_factors
from nearfar.losses.rnc.scratch import Rows, Scratch

CLOSE = 1e-6
"""Squared distance over squared length below which a pair is done by explicit differences."""
CLOSE_PAIRS_AT_ONCE = 1 << 16


class Energies(Protocol):
    """What the block loop needs of a similarity.

    total:    float64 scalar, sum of the energies given so far, a row with itself left out
    energies: (r, n) of some rows, inf where a row meets itself, and the least of each row, (r, 1)
    pull:     takes minus d(loss)/d(energy) of the last block (overwritten)
    finish:   the gradient with respect to what the class was made of
    """

    total: Tensor

    def energies(self, rows: Rows) -> tuple[Tensor, Tensor]: ...

    def pull(self, rows: Rows, slope: Tensor) -> None: ...

    def finish(self) -> Tensor: ...


class Distances:
    """Euclidean distance, exact to the precision of the features for close pairs also.

    Squared distances come from one product of centred rows in float64; the few pairs that are
    close for their length are replaced by explicit differences, in the gradient also. Coinciding
    rows have the zero subgradient.
    """

    def __init__(self, features: Tensor, scratch: Scratch) -> None:
        self._scratch = scratch
        rows, width = features.shape
        left, right = (
            scratch.empty(name, (rows, width + 2), torch.float64) for name in ("left", "right")
        )
        wide = features.double()
        wide = torch.sub(wide, wide.mean(0), out=right[:, :width])
        square = complete_factors(left, right)
        self._left, self._right = left, right.T
        self._close_below = (square * CLOSE).to(features.dtype)
        self._features = features
        self._centred = wide.to(features.dtype)
        self._column_pull = features.new_zeros(len(features))
        self._gradient = torch.zeros_like(features)
        self.total = torch.zeros((), dtype=torch.float64, device=features.device)

    def energies(self, rows: Rows) -> tuple[Tensor, Tensor]:
        shape = (rows.count, self._features.shape[0])
        product = self._scratch.empty("product", shape, torch.float64)
        torch.mm(rows.of(self._left), self._right, out=product)
        distance = self._scratch.empty("distance", shape, self._features.dtype).copy_(product)
        own = rows.own(distance)
        own.fill_(torch.inf)
        least = distance.amin(1, keepdim=True)
        self._close = _at_most(distance, least, rows.of(self._close_below))
        for row, column in self._close:
            difference = self._features[rows.number(row)] - self._features[column]
            distance[row, column] = difference.square().sum(1)
        if self._close:
            torch.amin(distance, 1, keepdim=True, out=least)
        distance.sqrt_()
        own.fill_(0)
        self.total += distance.sum(1).sum(dtype=torch.float64)
        own.fill_(torch.inf)
        self._distance = distance
        return distance, least.sqrt_()

    def pull(self, rows: Rows, slope: Tensor) -> None:
        pulls = slope.div_(self._distance)
        for row, column in self._close:
            number = rows.number(row)
            strength = pulls[row, column].where(self._distance[row, column] > 0, 0)
            pulls[row, column] = 0
            force = (self._features[number] - self._features[column]).mul_(strength[:, None])
            self._gradient.index_add_(0, number, force, alpha=-1)
            self._gradient.index_add_(0, column, force)
        mine = rows.of(self._centred)
        mutual = torch.mm(pulls, self._centred).addcmul_(pulls.sum(1, True), mine, value=-1)
        rows.inside(self._gradient).add_(mutual.view(rows.views, -1, mutual.shape[1]))
        self._gradient.addmm_(pulls.T, mine)
        self._column_pull += pulls.sum(0)

    def finish(self) -> Tensor:
        return self._gradient.addcmul_(self._column_pull[:, None], self._centred, value=-1)


class Products:
    """Minus the dot product."""

    def __init__(self, features: Tensor, scratch: Scratch) -> None:
        """``features``: (n, d), already divided by the square root of the temperature."""
        self._features, self._scratch = features, scratch
        self._gradient = torch.zeros_like(features)
        self.total = torch.zeros((), dtype=torch.float64, device=features.device)

    def energies(self, rows: Rows) -> tuple[Tensor, Tensor]:
        shape = (rows.count, self._features.shape[0])
        energy = self._scratch.empty("energy", shape, self._features.dtype)
        torch.mm(-rows.of(self._features), self._features.T, out=energy)
        return _without_self(energy, rows, self.total)

    def pull(self, rows: Rows, slope: Tensor) -> None:
        rows.own(slope).fill_(0)
        mutual = torch.mm(slope, self._features)
        rows.inside(self._gradient).add_(mutual.view(rows.views, -1, mutual.shape[1]))
        self._gradient.addmm_(slope.T, rows.of(self._features))

    def finish(self) -> Tensor:
        return self._gradient


class Given:
    """Similarities from elsewhere, as one matrix; the gradient is a matrix too."""

    def __init__(self, similarities: Tensor, scratch: Scratch) -> None:
        """``similarities``: (n, n), already divided by the temperature."""
        self._similarities, self._scratch = similarities.contiguous(), scratch
        self._gradient = torch.zeros_like(self._similarities)
        self.total = torch.zeros((), dtype=torch.float64, device=similarities.device)

    def energies(self, rows: Rows) -> tuple[Tensor, Tensor]:
        shape = (rows.count, self._similarities.shape[0])
        energy = self._scratch.empty("energy", shape, self._similarities.dtype)
        torch.neg(rows.of(self._similarities), out=energy)
        return _without_self(energy, rows, self.total)

    def pull(self, rows: Rows, slope: Tensor) -> None:
        rows.own(slope).fill_(0)
        rows.inside(self._gradient).copy_(slope.view(rows.views, -1, slope.shape[1]))

    def finish(self) -> Tensor:
        return self._gradient


def _at_most(values: Tensor, least: Tensor, limit: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Row and column where ``values`` (r, n) <= ``limit`` (r, 1), some at a time; mostly none."""
    rows = (least <= limit).flatten().nonzero().flatten()
    if rows.shape[0] == 0:
        return []
    which, column = (values[rows] <= limit[rows]).nonzero().unbind(1)
    some = CLOSE_PAIRS_AT_ONCE
    return list(zip(torch.split(rows[which], some), torch.split(column, some), strict=True))


def _without_self(energy: Tensor, rows: Rows, total: Tensor) -> tuple[Tensor, Tensor]:
    own = rows.own(energy)
    own.fill_(0)
    total += energy.sum(1).sum(dtype=torch.float64)
    own.fill_(torch.inf)
    return energy, energy.amin(1, keepdim=True)


ENERGIES: dict[str, Callable[[Tensor, Scratch], Energies]] = {
    "distances": Distances,
    "products": Products,
    "given": Given,
}
