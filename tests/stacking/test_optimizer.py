"""Steps of several runs at once are those of torch's optimisers, one by one."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nearfar.stacking.optimizer import StackedOptimizer
from nearfar.train.optim import build_optimizer
from nearfar.train.recipe import SGD, Adam, AdamW, Muon

OPTIONS: dict[str, list[Any]] = {
    "sgd": [SGD(lr=0.1, momentum=0), SGD(lr=0.01, momentum=0, weight_decay=0.1)],
    "momentum": [SGD(lr=0.1), SGD(lr=0.02, momentum=0.5, weight_decay=0.1), SGD(momentum=0)],
    "nesterov": [SGD(lr=0.1, nesterov=True), SGD(lr=0.05), SGD(momentum=0.5, nesterov=True)],
    "adam": [Adam(lr=0.1), Adam(lr=0.01), Adam(lr=0.03, weight_decay=0.1)],
    "adamw": [AdamW(lr=0.1), AdamW(lr=0.01, weight_decay=0), AdamW(lr=0.03, weight_decay=0.3)],
}
STEPS, SIZES = 300, (7, 4)


def slope(step: int, values: Tensor) -> Tensor:
    """A gradient that depends on the values, and on the step."""
    return (values - 0.1 * step % 3) * torch.linspace(0.1, 2, values.shape[-1])


def rate(lr: float, step: int) -> float:
    return lr * (1 - step / STEPS)


def one_by_one(options: Any, start: Tensor, factors: tuple[float, float]) -> Tensor:
    parts = [torch.nn.Parameter(part.clone()) for part in start.split(SIZES)]
    groups = [([part], factor) for part, factor in zip(parts, factors, strict=True)]
    optimizer = build_optimizer(options, groups)
    for step in range(STEPS):
        gradient = slope(step, torch.cat(parts).detach())
        for group, factor in zip(optimizer.param_groups, factors, strict=True):
            group["lr"] = rate(options.lr, step) * factor
        for part, own in zip(parts, gradient.split(SIZES), strict=True):
            part.grad = own.clone()
        optimizer.step()
    return torch.cat(parts).detach()


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.1, 1.0)])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_they_are_torchs_over_many_steps(options: list[Any], factors: tuple[float, float]) -> None:
    start = torch.randn(len(options), sum(SIZES), generator=torch.Generator().manual_seed(1))
    values = start.clone()
    spread = torch.cat([torch.full((size,), f) for size, f in zip(SIZES, factors, strict=True)])
    optimizer = StackedOptimizer(options, values, spread)
    for step in range(STEPS):
        optimizer.step(slope(step, values), [rate(each.lr, step) for each in options])
    for each, begin, end in zip(options, start, values, strict=True):
        torch.testing.assert_close(end, one_by_one(each, begin, factors), rtol=1e-5, atol=1e-6)
        assert not torch.allclose(begin, end, atol=0.01)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_some_go_on_without_the_others_and_from_a_checkpoint(options: list[Any]) -> None:
    start = torch.randn(len(options), sum(SIZES), generator=torch.Generator().manual_seed(1))
    values, ones = start.clone(), torch.ones(sum(SIZES))
    rates = [each.lr for each in options]
    optimizer = StackedOptimizer(options, values, ones)
    for step in range(5):
        optimizer.step(slope(step, values), rates)
    fewer = values[1:].clone()
    rest = optimizer.taking(range(1, len(options)), fewer)
    again = fewer.clone()
    resumed = StackedOptimizer(options[1:], again, ones)
    resumed.load_state_dict(rest.state_dict())
    for step in range(5, 10):
        optimizer.step(slope(step, values), rates)
        rest.step(slope(step, fewer), rates[1:])
        resumed.step(slope(step, again), rates[1:])
    torch.testing.assert_close(fewer, values[1:], rtol=1e-6, atol=1e-7)
    assert torch.equal(again, fewer)


@pytest.mark.parametrize("options", [[SGD(), Adam()], [Muon(), Muon()]])
def test_what_cannot_be_stacked_is_refused(options: list[Any]) -> None:
    with pytest.raises(ValueError, match="cannot step together"):
        StackedOptimizer(options, torch.zeros(2, 3), torch.ones(3))
