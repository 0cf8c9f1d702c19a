"""Energies (minus similarity / temperature) by blocks of rows, and their gradient back to the input.

The block loop calls ``energies`` and then, if a gradient is wanted, ``pull`` for every block, and
``finish`` once. No tensor of n × n × d ever exists; memory is one block.
"""

from typing import Protocol

import torch
from torch import Tensor

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

    def energies(self, rows: Tensor) -> Tensor: ...

    def pull(self, rows: Tensor, slope: Tensor) -> None: ...

    def finish(self) -> Tensor: ...


class Distances:
    """Euclidean distance. Exact to the precision of the features, for close pairs also.

    Squared distances come from one product of centred rows in float64; the few pairs that are close
    for their length are replaced by explicit differences, in the gradient also. Coinciding rows have
    the zero subgradient.
    """

    def __init__(self, features: Tensor) -> None:
        wide = features.double()
        wide = wide - wide.mean(0)
        square = wide.square().sum(1, keepdim=True)
        one = torch.ones_like(square)
        self._left = torch.cat([wide * -2, square, one], 1)
        self._right = torch.cat([wide, one, square], 1).T.contiguous()
        self._close_below = (square * CLOSE).to(features.dtype)
        self._centred = wide.to(features.dtype)
        self._features = features
        self._column_pull = features.new_zeros(len(features))
        self._gradient = torch.zeros_like(features)
        self.total = torch.zeros((), dtype=torch.float64, device=features.device)

    def energies(self, rows: Tensor) -> Tensor:
        square = (self._left[rows] @ self._right).to(self._centred.dtype)
        own = torch.arange(len(rows), device=rows.device)
        square[own, rows] = torch.inf
        self._pairs = _at_most(square, self._close_below[rows])
        for near in torch.split(self._pairs, CLOSE_PAIRS_AT_ONCE):
            row, column = near.unbind(1)
            square[row, column] = self._differences(rows[row], column).square().sum(1)
        self._distance = square.sqrt_()
        self._distance[own, rows] = 0
        self.total += self._distance.sum(1).sum(dtype=torch.float64)
        self._distance[own, rows] = torch.inf
        return self._distance

    def pull(self, rows: Tensor, slope: Tensor) -> None:
        pulls = slope.div_(self._distance)
        for near in torch.split(self._pairs, CLOSE_PAIRS_AT_ONCE):
            row, column = near.unbind(1)
            strength = pulls[row, column].where(self._distance[row, column] > 0, 0)
            pulls[row, column] = 0
            force = self._differences(rows[row], column).mul_(strength[:, None])
            self._gradient.index_add_(0, rows[row], force, alpha=-1)
            self._gradient.index_add_(0, column, force)
        mine = self._centred[rows]
        mutual = (pulls @ self._centred).addcmul_(pulls.sum(1, keepdim=True), mine, value=-1)
        self._gradient.index_add_(0, rows, mutual)
        self._gradient.addmm_(pulls.T, mine)
        self._column_pull += pulls.sum(0)

    def finish(self) -> Tensor:
        return self._gradient.addcmul_(self._column_pull[:, None], self._centred, value=-1)

    def _differences(self, row: Tensor, column: Tensor) -> Tensor:
        return self._features[row] - self._features[column]


class Products:
    """Minus the dot product."""

    def __init__(self, features: Tensor) -> None:
        """``features``: (n, d), already divided by the square root of the temperature."""
        self._features = features
        self._gradient = torch.zeros_like(features)
        self.total = torch.zeros((), dtype=torch.float64, device=features.device)

    def energies(self, rows: Tensor) -> Tensor:
        energy = -self._features[rows] @ self._features.T
        return _without_self(energy, rows, self.total)

    def pull(self, rows: Tensor, slope: Tensor) -> None:
        slope[torch.arange(len(rows), device=rows.device), rows] = 0
        self._gradient.index_add_(0, rows, slope @ self._features)
        self._gradient.addmm_(slope.T, self._features[rows])

    def finish(self) -> Tensor:
        return self._gradient


class Given:
    """Similarities from elsewhere, as one matrix; the gradient is a matrix too."""

    def __init__(self, similarities: Tensor) -> None:
        """``similarities``: (n, n), already divided by the temperature."""
        self._similarities = similarities
        self._gradient = torch.zeros_like(similarities)
        self.total = torch.zeros((), dtype=torch.float64, device=similarities.device)

    def energies(self, rows: Tensor) -> Tensor:
        return _without_self(-self._similarities[rows], rows, self.total)

    def pull(self, rows: Tensor, slope: Tensor) -> None:
        slope[torch.arange(len(rows), device=rows.device), rows] = 0
        self._gradient[rows] = slope

    def finish(self) -> Tensor:
        return self._gradient


def _at_most(values: Tensor, limit: Tensor) -> Tensor:
    """Indices (pairs, 2) where ``values`` (r, n) <= ``limit`` (r, 1); rows without any cost little."""
    rows = (values.amin(1) <= limit[:, 0]).nonzero().flatten()
    pairs = (values[rows] <= limit[rows]).nonzero()
    pairs[:, 0] = rows[pairs[:, 0]]
    return pairs


def _without_self(energy: Tensor, rows: Tensor, total: Tensor) -> Tensor:
    own = torch.arange(len(rows), device=rows.device)
    energy[own, rows] = 0
    total += energy.sum(1).sum(dtype=torch.float64)
    energy[own, rows] = torch.inf
    return energy


ENERGIES: dict[str, type[Distances] | type[Products] | type[Given]] = {
    "distances": Distances,
    "products": Products,
    "given": Given,
}
