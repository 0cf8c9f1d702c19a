"""Muon against explicit loops, torch's own in half precision, and what it must be blind to."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toy import StoppedError, Toy, recipe, same, stop_after, train, weights

from nearfar.train import loop
from nearfar.train.muon import COEFFICIENTS, Muon, is_matrix, orthogonalised
from nearfar.train.optim import build_optimizer
from nearfar.train.recipe import Muon as Options
from nearfar.train.recipe import OneCycle

LR, DECAY = 0.01, 0.1


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_singular_values(matrix: Tensor) -> Tensor:
    """The iteration on each singular value by itself."""
    a, b, c = COEFFICIENTS
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    values = values / values.square().sum().sqrt()
    for _ in range(5):
        values = torch.tensor([a * s + b * s**3 + c * s**5 for s in values.tolist()]).double()
    return u @ torch.diag(values) @ v


@pytest.mark.parametrize("shape", [(20, 20), (16, 40), (1, 4)])
def test_orthogonalised_is_the_polynomial_of_the_singular_values(shape: tuple[int, int]) -> None:
    matrices = torch.stack([random(*shape, seed=k) * 10.0 ** (3 * k) for k in range(3)])
    for found, matrix in zip(orthogonalised(matrices), matrices, strict=True):
        torch.testing.assert_close(found, by_singular_values(matrix), rtol=0, atol=1e-6)
        assert torch.linalg.svdvals(found).median() == pytest.approx(1, abs=0.4)


def test_orthogonalised_turns_with_its_matrix_and_does_not_see_its_size() -> None:
    matrix, turn = random(16, 24), torch.linalg.qr(random(16, 16, seed=1))[0]
    plain = orthogonalised(matrix[None])[0]
    torch.testing.assert_close(orthogonalised((turn @ matrix * 1e-4)[None])[0], turn @ plain)


def test_of_nothing_and_of_huge_gradients_it_stays_finite() -> None:
    matrices = torch.stack([torch.zeros(16, 16), torch.full((16, 16), 1e18)])
    found = orthogonalised(matrices)
    assert not found[0].any()
    assert found.isfinite().all()


def test_what_is_a_matrix() -> None:
    there = [(16, 16), (64, 16), (32, 3, 3, 3)]
    small = [(16,), (1, 64), (64, 9), (16, 1, 3, 3), ()]
    assert [is_matrix(torch.zeros(shape)) for shape in there] == [True] * 3
    assert [is_matrix(torch.zeros(shape)) for shape in small] == [False] * 5


def network() -> nn.ParameterList:
    shapes = [(16, 20), (16, 20), (20, 16), (20, 2, 3, 3), (20,), (3, 20)]
    return nn.ParameterList([nn.Parameter(random(*s, seed=k)) for k, s in enumerate(shapes)])


def gradient(parameter: Tensor, step: int) -> Tensor:
    return (parameter.detach() - 0.3 * step) * (1 + parameter.detach().abs())


def loops(parameter: Tensor, steps: int, lr: float) -> Tensor:
    """A matrix after some steps of the textbook."""
    value, momentum = parameter.detach().clone(), torch.zeros_like(parameter)
    for step in range(steps):
        slope = gradient(value, step)
        momentum = 0.95 * momentum + slope
        ahead = (slope + 0.95 * momentum).flatten(1)
        length = 0.2 * math.sqrt(max(ahead.shape)) * lr
        value = (1 - lr * DECAY) * value - length * by_singular_values(ahead).view_as(value)
    return value


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_steps_of_matrices_equal_loops_and_the_rest_is_adamws(factor: float) -> None:
    ours, theirs = network(), network()
    optimizer = build_optimizer(
        Options(lr=LR, weight_decay=DECAY), [(list(ours[:3]), factor), (list(ours[3:]), 1.0)]
    )
    adamw = torch.optim.AdamW(theirs[4:], lr=LR, weight_decay=DECAY)
    for step in range(6):
        for parameter in (*ours, *theirs):
            parameter.grad = gradient(parameter, step)
        optimizer.step()
        adamw.step()
    for before, after in zip(network()[:4], ours[:4], strict=True):
        expected = loops(before, 6, LR * factor if before.ndim == 2 else LR)
        torch.testing.assert_close(after.detach(), expected)
    for one, other in zip(ours[4:], theirs[4:], strict=True):
        torch.testing.assert_close(one, other)


def test_it_agrees_with_torchs_to_half_precision() -> None:
    theirs_of: Any = getattr(torch.optim, "Muon", None)
    if theirs_of is None:
        pytest.skip("this torch has no Muon")
    ours, theirs = (nn.Parameter(random(24, 32).float()) for _ in range(2))
    optimizers = [
        Muon([{"params": [ours]}], lr=LR, weight_decay=DECAY),
        theirs_of([theirs], lr=LR, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"),
    ]
    for step in range(3):
        ours.grad, theirs.grad = gradient(ours, step), gradient(theirs, step)
        for optimizer in optimizers:
            optimizer.step()
    moved = (ours - random(24, 32).float()).norm()
    assert (ours - theirs).norm() < 0.02 * moved


def test_parameters_without_a_gradient_stay() -> None:
    some = network()
    optimizer = Muon([{"params": list(some)}], lr=LR, weight_decay=DECAY)
    some[0].grad = torch.ones_like(some[0])
    optimizer.step()
    still = [torch.equal(a, b) for a, b in zip(some, network(), strict=True)]
    assert still == [False] + [True] * 5


def test_it_goes_on_from_its_state_as_if_it_had_not_stopped() -> None:
    def steps(parameters: nn.ParameterList, optimizer: torch.optim.Optimizer, at: range) -> None:
        for step in at:
            for parameter in parameters:
                parameter.grad = gradient(parameter, step)
            optimizer.step()

    whole, parts = network(), network()
    steps(whole, Muon([{"params": list(whole)}], lr=LR, weight_decay=DECAY), range(6))
    first = Muon([{"params": list(parts)}], lr=LR, weight_decay=DECAY)
    steps(parts, first, range(3))
    second = Muon([{"params": list(parts)}], lr=0.5, weight_decay=0)
    second.load_state_dict(first.state_dict())
    steps(parts, second, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


class Wide(Toy):
    def __init__(self) -> None:
        super().__init__()
        self.module.net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU())
        self.module.net.append(nn.Linear(16, 1))


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    made = recipe(epochs=6, optimizer=Options(lr=0.02), schedule=OneCycle())
    whole, resumed = Wide(), Wide()
    (tmp_path / "whole").mkdir()
    train(whole, made, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(Wide(), made, tmp_path, report=stop_after(3))
    train(resumed, made, tmp_path)
    assert len(resumed.after) == 4
    assert same(weights(resumed.module), weights(whole.module))
