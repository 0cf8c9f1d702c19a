"""Many minimisations in step are each what it is alone."""

import pytest
import torch
from torch import Tensor

from nearfar.heads.solved.logistic.lbfgs import MEMORY, Descent

COUNT, SIZE = 4, 12


def functions() -> tuple[Tensor, Tensor]:
    """Curvatures (count, size, size), of very different kinds, and where the minima are."""
    torch.manual_seed(0)
    turned = torch.linalg.qr(torch.randn(COUNT, SIZE, SIZE, dtype=torch.float64))[0]
    spread = torch.tensor([0.0, 1.0, 1.5, 2.0], dtype=torch.float64)
    scales = 10 ** (spread[:, None] * torch.linspace(-1, 0.5, SIZE, dtype=torch.float64))
    return turned * scales[:, None] @ turned.mT, torch.randn(COUNT, SIZE, dtype=torch.float64)


CURVATURES, MINIMA = functions()


def evaluate(numbers: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Σ log cosh of the turned distance: steep walls, flat bottoms."""
    inner = torch.einsum("kij,kj->ki", CURVATURES[numbers], at - MINIMA[numbers])
    value = (inner.abs() + torch.log1p(torch.exp(-2 * inner.abs())) - 0.6931471805599453).sum(1)
    return value, torch.einsum("kij,kj->ki", CURVATURES[numbers], inner.tanh())


def descend(numbers: list[int], iterations: int = 500) -> tuple[Tensor, list[int]]:
    """Solutions, and how many functions ran in each round."""
    own = torch.tensor(numbers)
    descent = Descent(torch.zeros(len(numbers), SIZE, dtype=torch.float64), iterations)
    running = []
    while len(descent.running):
        running.append(len(descent.running))
        descent.take(*evaluate(own[descent.running], descent.trial))
    return descent.solutions, running


def test_every_function_finds_its_minimum() -> None:
    solutions, running = descend(list(range(COUNT)))
    value, _ = evaluate(torch.arange(COUNT), solutions)
    assert value.max() < 1e-4
    assert running[-1] < running[0]
    assert len(running) > 2 * MEMORY


def test_the_steps_are_those_of_each_alone() -> None:
    together, rounds = descend(list(range(COUNT)))
    alone = [descend([number]) for number in range(COUNT)]
    torch.testing.assert_close(together, torch.cat([s for s, _ in alone]), rtol=0, atol=1e-6)
    assert len(rounds) == pytest.approx(max(len(r) for _, r in alone), abs=3)


@pytest.mark.parametrize("iterations", [1, 7])
def test_no_more_steps_than_allowed(iterations: int) -> None:
    _, rounds = descend([3], iterations)
    assert iterations < len(rounds) < 3 * iterations + 12


def test_a_value_that_is_no_number_shortens_the_step() -> None:
    def wall(at: Tensor) -> tuple[Tensor, Tensor]:
        inside = (at < 2).all(1)
        value = torch.where(
            inside, -torch.log((2 - at).clamp(min=1e-300)).sum(1) - at.sum(1) * 3, torch.nan
        )
        return value, 1 / (2 - at) - 3

    descent = Descent(torch.zeros(1, 3, dtype=torch.float64), 100)
    while len(descent.running):
        descent.take(*wall(descent.trial))
    torch.testing.assert_close(
        descent.solutions, torch.full((1, 3), 5 / 3).double(), rtol=1e-4, atol=0
    )
