"""The schedule that follows validation, against torch's own."""

import math
from pathlib import Path

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau
from toy import StoppedError, Toy, recipe, same, stop_after, train, trainer, weights

from nearfar.train import loop
from nearfar.train.recipe import SGD, Plateau, Recipe

SCORES = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.1, 3.2, 2.9, 2.9, 2.9, 2.9, 2.9, 2.9]


def plateau(**changes: object) -> Recipe:
    options = Plateau(factor=0.5, patience=1)
    return recipe(epochs=len(SCORES), optimizer=SGD(lr=0.05), schedule=options, **changes)


@pytest.mark.parametrize("sign", [1, -1])
def test_it_is_torchs_schedule_once_a_round(sign: int, tmp_path: Path) -> None:
    """Also where the value is that of a metric to maximise, negated."""
    scores = [sign * score for score in SCORES]
    task, plain = Toy(scores=scores), Toy()
    at_work = trainer(task, plateau(), tmp_path, seed=3)
    rates: list[float] = []
    at_work.report = lambda done, loss: rates.append(at_work.optimizer.param_groups[0]["lr"])
    at_work.run()

    model = plain.module
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    schedule = ReduceLROnPlateau(
        optimizer, factor=0.5, patience=1, threshold=0, threshold_mode="abs"
    )
    order = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    expected = []
    for score in scores:
        model.train()
        for chosen in torch.randperm(40, generator=order).split(16):
            optimizer.zero_grad()
            model.loss(plain.batch(chosen)).backward()
            optimizer.step()
        schedule.step(score)
        expected.append(optimizer.param_groups[0]["lr"])
    assert rates == expected
    assert len(set(rates)) > 2
    torch.testing.assert_close(weights(task.module), weights(model), rtol=1e-5, atol=1e-6)


def test_a_round_without_a_value_is_no_new_best(tmp_path: Path) -> None:
    at_work = trainer(Toy(scores=[math.nan] * len(SCORES)), plateau(), tmp_path)
    at_work.run()
    assert at_work.optimizer.param_groups[0]["lr"] == 0.05 * 0.5 ** (len(SCORES) // 2)


@pytest.mark.parametrize("stop", [3, 4, 8, 12])
def test_it_goes_on_from_a_checkpoint(
    stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    made = plateau(select="best")
    whole, resumed = Toy(scores=SCORES), Toy(scores=SCORES)
    (tmp_path / "whole").mkdir()
    expected = train(whole, made, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(Toy(scores=SCORES), made, tmp_path, report=stop_after(stop))
    outcome = train(resumed, made, tmp_path)
    assert outcome.curves == expected.curves
    assert same(weights(resumed.module), weights(whole.module))
