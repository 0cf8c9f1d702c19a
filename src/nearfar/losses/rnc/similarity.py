"""Energies (minus similarity / temperature) by blocks of rows, and the way back for gradients.

The block loop calls ``energies`` and then, if a gradient is wanted, ``pull`` for every block, and
``finish`` once. No tensor of n × n × d ever exists; memory is one block.
"""

from typing import Protocol

import torch
from torch import Tensor

from nearfar.losses.rnc.scratch import Rows, Scratch

CLOSE = 1e-6
"""Squared distance over squared length below which a pair is done by explicit differences."""
CLOSE_PAIRS_AT_ONCE = 1 << 16


class Energies(Protocol):
    """What the block loop needs of a similarity.

    total:    float64 scalar, sum of the energies given so far, a row with itself left out
    energies: (r, n) of some rows, inf where a row meets itself
    pull:     takes d(loss)/d(similarity / temperature) of the last block (overwritten)
    finish:   the gradient with respect to what the class was made of
    """

    total: Tensor

    def energies(self, rows: Rows) -> Tensor: ...

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
        wide = features.double()
        wide = wide - wide.mean(0)
        square = wide.square().sum(1, keepdim=True)
        one = torch.ones_like(square)
        self._left = torch.cat([wide * -2, square, one], 1)
        self._right = torch.cat([wide, one, square], 1).T
        self._close_below = (square * CLOSE).to(features.dtype)
        self._centred = wide.to(features.dtype)
        self._features = features
        self._column_pull = features.new_zeros(len(features))
        self._gradient = torch.zeros_like(features)
        self.total = torch.zeros((), dtype=torch.float64, device=features.device)

    def energies(self, rows: Rows) -> Tensor:
        index = rows.index
        shape = (len(index), len(self._features))
        product = self._scratch.empty("product", shape, torch.float64)
        torch.mm(self._left[index], self._right, out=product)
        distance = self._scratch.empty("distance", shape, self._features.dtype).copy_(product)
        own = rows.own(distance)
        own.fill_(torch.inf)
        self._pairs = _at_most(distance, self._close_below[index])
        for near in torch.split(self._pairs, CLOSE_PAIRS_AT_ONCE):
            row, column = near.unbind(1)
            distance[row, column] = self._differences(index[row], column).square().sum(1)
        distance.sqrt_()
        own.fill_(0)
        self.total += distance.sum(1).sum(dtype=torch.float64)
        own.fill_(torch.inf)
        self._distance = distance
        return distance

    def pull(self, rows: Rows, slope: Tensor) -> None:
        index = rows.index
        pulls = slope.div_(self._distance)
        for near in torch.split(self._pairs, CLOSE_PAIRS_AT_ONCE):
            row, column = near.unbind(1)
            strength = pulls[row, column].where(self._distance[row, column] > 0, 0)
            pulls[row, column] = 0
            force = self._differences(index[row], column).mul_(strength[:, None])
            self._gradient.index_add_(0, index[row], force, alpha=-1)
            self._gradient.index_add_(0, column, force)
        mine = self._centred[index]
        mutual = (pulls @ self._centred).addcmul_(pulls.sum(1, keepdim=True), mine, value=-1)
        self._gradient.index_add_(0, index, mutual)
        self._gradient.addmm_(pulls.T, mine)
        self._column_pull += pulls.sum(0)

    def finish(self) -> Tensor:
        return self._gradient.addcmul_(self._column_pull[:, None], self._centred, value=-1)

    def _differences(self, row: Tensor, column: Tensor) -> Tensor:
        return self._features[row] - self._features[column]


class Products:
    """Minus the dot product."""

    def __init__(self, features: Tensor, scratch: Scratch) -> None:
        """``features``: (n, d), already divided by the square root of the temperature."""
        self._features, self._scratch = features, scratch
        self._gradient = torch.zeros_like(features)
        self.total = torch.zeros((), dtype=torch.float64, device=features.device)

    def energies(self, rows: Rows) -> Tensor:
        shape = (len(rows.index), len(self._features))
        energy = self._scratch.empty("energy", shape, self._features.dtype)
        torch.mm(-self._features[rows.index], self._features.T, out=energy)
        return _without_self(energy, rows, self.total)

    def pull(self, rows: Rows, slope: Tensor) -> None:
        rows.own(slope).fill_(0)
        self._gradient.index_add_(0, rows.index, slope @ self._features)
        self._gradient.addmm_(slope.T, self._features[rows.index])

    def finish(self) -> Tensor:
        return self._gradient


class Given:
    """Similarities from elsewhere, as one matrix; the gradient is a matrix too."""

    def __init__(self, similarities: Tensor, scratch: Scratch) -> None:
        """``similarities``: (n, n), already divided by the temperature."""
        self._similarities, self._scratch = similarities, scratch
        self._gradient = torch.zeros_like(similarities)
        self.total = torch.zeros((), dtype=torch.float64, device=similarities.device)

    def energies(self, rows: Rows) -> Tensor:
        shape = (len(rows.index), len(self._similarities))
        energy = self._scratch.empty("energy", shape, self._similarities.dtype)
        torch.neg(self._similarities[rows.index], out=energy)
        return _without_self(energy, rows, self.total)

    def pull(self, rows: Rows, slope: Tensor) -> None:
        rows.own(slope).fill_(0)
        self._gradient[rows.index] = slope

    def finish(self) -> Tensor:
        return self._gradient


def _at_most(values: Tensor, limit: Tensor) -> Tensor:
    """Indices (pairs, 2) where ``values`` (r, n) <= ``limit`` (r, 1), most rows having none."""
    rows = (values.amin(1) <= limit[:, 0]).nonzero().flatten()
    pairs = (values[rows] <= limit[rows]).nonzero()
    pairs[:, 0] = rows[pairs[:, 0]]
    return pairs


def _without_self(energy: Tensor, rows: Rows, total: Tensor) -> Tensor:
    own = rows.own(energy)
    own.fill_(0)
    total += energy.sum(1).sum(dtype=torch.float64)
    own.fill_(torch.inf)
    return energy


ENERGIES: dict[str, type[Distances] | type[Products] | type[Given]] = {
    "distances": Distances,
    "products": Products,
    "given": Given,
}
