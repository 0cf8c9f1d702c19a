"""Sums over neighbours against explicit loops, and their gradients."""

import pytest
import torch
from torch import Tensor

from nearfar.encoders.graph import neighbourhood_sum, neighbourhoods

RING_AND_TAIL = [(0, 1), (1, 2), (2, 0), (2, 4)]
"""Bonds of five atoms; atom 3 has none."""


def both_ways(bonds: list[tuple[int, int]]) -> Tensor:
    pairs = [pair for start, end in bonds for pair in ((start, end), (end, start))]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T


def loops(x: Tensor, bonds: Tensor) -> Tensor:
    summed = x.clone()
    for source, target in bonds.T.tolist():
        summed[target] = summed[target] + x[source]
    return summed


@pytest.mark.parametrize(
    ("atoms", "bonds"), [(5, RING_AND_TAIL), (3, []), (0, []), (2, [(0, 1), (0, 1)])]
)
def test_equal_loops_in_any_order_of_bonds(atoms: int, bonds: list[tuple[int, int]]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(atoms, 3, dtype=torch.float64, generator=generator)
    columns = both_ways(bonds)
    shuffled = columns[:, torch.randperm(columns.shape[1], generator=generator)]
    for some in (columns, shuffled):
        summed = neighbourhood_sum(x, neighbourhoods(some, atoms))
        torch.testing.assert_close(summed, loops(x, columns))


def test_gradient_is_right_also_for_a_gradient_that_does_not_lie_in_rows() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    bonds = both_ways(RING_AND_TAIL)
    around = neighbourhoods(bonds, 5)
    assert torch.autograd.gradcheck(lambda rows: neighbourhood_sum(rows, around), (x,))
    columns = torch.randn(3, 5, dtype=torch.float64).T
    (ours,) = torch.autograd.grad(neighbourhood_sum(x, around), x, columns)
    (expected,) = torch.autograd.grad(loops(x, bonds), x, columns)
    torch.testing.assert_close(ours, expected)
