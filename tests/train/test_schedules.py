"""Schedules and optimisers are torch's own, step for step."""

import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from nearfar.train.optim import build_optimizer, build_schedule
from nearfar.train.recipe import SGD, Adam, AdamW, Constant, Cosine, OneCycle, Triangular

LR = 0.3


def sgd() -> torch.optim.Optimizer:
    return build_optimizer(SGD(lr=LR), [([nn.Parameter(torch.zeros(2))], 1.0)])


def rates(schedule: LRScheduler, steps: int) -> list[float]:
    """The learning rate that each optimiser step is taken with."""
    found = []
    for _ in range(steps):
        found.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("steps", [1, 2, 7, 600])
@pytest.mark.parametrize("end", [0.0, 1e-3, 0.1, 1.0])
def test_cosine_is_torchs_to_eta_min(steps: int, end: float) -> None:
    ours = rates(build_schedule(sgd(), Cosine(end=end), steps), steps)
    torchs = rates(CosineAnnealingLR(sgd(), T_max=steps, eta_min=end * LR), steps)
    assert ours == pytest.approx(torchs, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("steps", [20, 57, 600])
@pytest.mark.parametrize("warmup", [0.1, 0.25, 0.3, 0.9])
def test_one_cycle_is_torchs_with_its_own_div_factors(steps: int, warmup: float) -> None:
    ours = rates(build_schedule(sgd(), OneCycle(warmup=warmup), steps), steps)
    torchs = OneCycleLR(sgd(), max_lr=LR, total_steps=steps, pct_start=warmup)
    expected = [torchs.optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        torchs.optimizer.step()
        torchs.step()
        expected.append(torchs.optimizer.param_groups[0]["lr"])
    assert ours == pytest.approx(expected, rel=1e-9)
    assert ours[-1] == pytest.approx(LR / 250_000)
    assert max(ours) <= LR * (1 + 1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_stays_within_its_bounds_where_steps_are_few(steps: int) -> None:
    ours = rates(build_schedule(sgd(), OneCycle(), steps), steps)
    assert all(LR / 250_000 * (1 - 1e-9) <= rate <= LR * (1 + 1e-9) for rate in ours)


def test_cosine_rises_linearly_over_the_warmup_then_falls() -> None:
    ours = rates(build_schedule(sgd(), Cosine(warmup=0.2), 50), 50)
    assert ours[:10] == pytest.approx([LR * (i + 1) / 11 for i in range(10)])
    falling = [LR * (1 + math.cos(math.pi * i / 40)) / 2 for i in range(40)]
    assert ours[10:] == pytest.approx(falling)


@pytest.mark.parametrize(("start", "end"), [(0.2, 0.0), (0.0, 0.07), (1.0, 1.0)])
def test_a_triangle_is_two_straight_lines(start: float, end: float) -> None:
    options = Triangular(warmup=0.25, start=start, end=end)
    ours = rates(build_schedule(sgd(), options, 40), 40)
    rising = [LR * (start + (1 - start) * i / 10) for i in range(10)]
    falling = [LR * (1 + (end - 1) * i / 30) for i in range(30)]
    assert ours == pytest.approx(rising + falling)


def test_constant_stays() -> None:
    assert rates(build_schedule(sgd(), Constant(), 5), 5) == [LR] * 5


@pytest.mark.parametrize(
    ("options", "kind", "settings"),
    [
        (
            SGD(lr=0.1, momentum=0.8, weight_decay=0.3, nesterov=True),
            torch.optim.SGD,
            {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3, "nesterov": True},
        ),
        (Adam(lr=0.2, weight_decay=0.4), torch.optim.Adam, {"lr": 0.2, "weight_decay": 0.4}),
        (AdamW(lr=0.2, weight_decay=0.4), torch.optim.AdamW, {"lr": 0.2, "weight_decay": 0.4}),
    ],
)
def test_an_optimiser_has_the_settings_of_the_recipe(
    options: SGD | Adam | AdamW, kind: type[torch.optim.Optimizer], settings: dict[str, object]
) -> None:
    optimizer = build_optimizer(options, [([nn.Parameter(torch.zeros(2))], 1.0)])
    assert type(optimizer) is kind
    group = optimizer.param_groups[0]
    assert {name: group[name] for name in settings} == settings


def test_a_groups_factor_multiplies_its_rate_all_along() -> None:
    groups = [([nn.Parameter(torch.zeros(1))], 0.1), ([nn.Parameter(torch.zeros(1))], 1.0)]
    optimizer = build_optimizer(SGD(lr=LR), groups)
    schedule = build_schedule(optimizer, OneCycle(), 20)
    for _ in range(20):
        slow, fast = (group["lr"] for group in optimizer.param_groups)
        assert slow == pytest.approx(0.1 * fast)
        optimizer.step()
        schedule.step()


def test_a_group_without_parameters_is_left_out() -> None:
    optimizer = build_optimizer(SGD(), [([], 0.1), ([nn.Parameter(torch.zeros(1))], 1.0)])
    assert len(optimizer.param_groups) == 1
