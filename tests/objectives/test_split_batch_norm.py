"""Batch norm in groups is batch norm on each group alone, and leaves no trace."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from nearfar.objectives.split_batch_norm import split_batch_norm

SHAPES = {"vectors": (), "lines": (7,), "images": (4, 5)}
NORMS: dict[str, type[Any]] = {
    "vectors": nn.BatchNorm1d,
    "lines": nn.BatchNorm1d,
    "images": nn.BatchNorm2d,
}


def alone(norm: Any, values: torch.Tensor, groups: int) -> tuple[torch.Tensor, Any]:
    """What copies of the norm give for each group, and the mean of their running statistics."""
    result, copies = torch.empty_like(values), []
    for group in range(groups):
        copies.append(copy.deepcopy(norm))
        result[group::groups] = copies[-1](values[group::groups])
    return result, copies


@pytest.mark.parametrize("rows", [12, 8, 11, 9, 6])
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}]
)
def test_each_group_is_normalised_alone(kind: str, rows: int, options: dict[str, Any]) -> None:
    torch.manual_seed(rows)
    norm = NORMS[kind](3, **options).double()
    if norm.affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    values = torch.randn(rows, 3, *SHAPES[kind], dtype=torch.float64) * 3 + 1
    for _ in range(2):
        expected, copies = alone(norm, values, min(4, rows // 2))
        with split_batch_norm(norm, 4):
            found = norm(values)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
        for name, value in norm.named_buffers():
            mean = torch.stack([c.get_buffer(name).double() for c in copies]).mean(0)
            torch.testing.assert_close(value.double(), mean, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rows", [12, 10])
def test_gradients(rows: int) -> None:
    norm = nn.BatchNorm2d(2).double()
    values = torch.randn(rows, 2, 2, 1, dtype=torch.float64, requires_grad=True)

    def call(given: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        parameters = {"weight": weight, "bias": bias}
        with split_batch_norm(norm, 4):
            result: torch.Tensor = torch.func.functional_call(norm, parameters, (given,))
        return result

    assert torch.autograd.gradcheck(call, (values, norm.weight, norm.bias))


@pytest.mark.parametrize("rows", [2, 3])
def test_two_or_three_rows_are_one_group(rows: int) -> None:
    norm, values = nn.BatchNorm1d(3), torch.randn(rows, 3)
    expected = copy.deepcopy(norm)(values)
    with split_batch_norm(norm, 4):
        torch.testing.assert_close(norm(values), expected, rtol=1e-6, atol=1e-6)


def test_in_evaluation_it_uses_the_running_statistics() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    network(torch.randn(10, 3))
    network.eval()
    values = torch.randn(8, 3)
    with split_batch_norm(network, 4):
        inside = network(values)
    assert torch.equal(inside, network(values))


def test_nothing_is_left_behind_even_after_an_error() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    names = list(network.state_dict())
    with split_batch_norm(network, 2):
        assert "forward" in vars(network[1])
    assert "forward" not in vars(network[1])

    def fail() -> None:
        with split_batch_norm(network, 2):
            network(torch.randn(4, 5))

    with pytest.raises(RuntimeError):
        fail()
    assert "forward" not in vars(network[1])
    assert list(network.state_dict()) == names
