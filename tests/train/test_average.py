"""Averaged weights: lookahead against its definition, in the loop and by itself."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toy import Toy, recipe, train, weights

from nearfar.train.average import Lookahead
from nearfar.train.recipe import Lookahead as Options


def test_weights_follow_slowly_and_are_replaced() -> None:
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    average = Lookahead(Options(every=2, decay=0.9), module, list(module.parameters()), 8)
    slow = [p.detach().clone() for p in module.parameters()]
    for step in range(1, 9):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += torch.randn_like(parameter)
        fast = [p.detach().clone() for p in module.parameters()]
        average.after(step)
        if step % 2:
            expected = fast
        elif step < 8:
            memory = 0.9**2 * (step / 8) ** 3
            slow = [memory * s + (1 - memory) * f for s, f in zip(slow, fast, strict=True)]
            expected = slow
        else:
            expected = slow
        torch.testing.assert_close(list(map(torch.detach, module.parameters())), expected)


@pytest.mark.parametrize("every", [1, 3])
def test_running_statistics_are_averaged_and_what_is_not_trained_stays(every: int) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    fixed = {name: value.clone() for name, value in module[2].state_dict().items()}
    trained: list[Tensor] = list(module[:2].parameters())
    average = Lookahead(Options(every=every), module, trained, 1000)
    for step in range(1, 7):
        module(torch.randn(5, 2) + step)
        average.after(step)
    same = module[2].state_dict()
    assert all(torch.equal(same[name], value) for name, value in fixed.items())
    assert torch.equal(average.slow[-2], module[1].running_mean)
    assert module[1].running_mean.all()


def test_a_run_ends_with_the_slow_weights(tmp_path: Path) -> None:
    plain, averaged = Toy(), Toy()
    train(plain, recipe(), tmp_path)
    train(averaged, recipe(average=Options(every=3)), tmp_path)
    assert plain.seen == averaged.seen
    ours, theirs = weights(averaged.module), weights(plain.module)
    assert all(value.isfinite().all() for value in ours.values())
    moved = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert moved == [name for name in ours if not name.endswith("tracked")]
