"""Supervised pre-training on numbers: the loss of its output layer, and an encoder that learns."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from nearfar.data import Vectors
from nearfar.encoders import build_encoder
from nearfar.objectives import OBJECTIVES, Batch
from nearfar.study.named_options import options_of

LOSSES = {"l1": functional.l1_loss, "mse": functional.mse_loss, "huber": functional.smooth_l1_loss}


def made(targets: int, **options: Any) -> tuple[Any, Batch]:
    torch.manual_seed(0)
    values = torch.randn(40, 4)
    encoder = build_encoder("mlp", {"layers": 2, "hidden": 8}, Vectors(values, list("abcd")))
    truth = values[:, :targets].double() * torch.tensor([2.0, -3.0])[:targets]
    return OBJECTIVES["regression"](encoder, targets, **options), Batch((values,), truth)


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("loss", LOSSES)
def test_regression_is_the_loss_of_its_own_output_layer(loss: str, targets: int) -> None:
    objective, batch = made(targets, loss=loss)
    prediction = objective.eval().head(objective.encoder(batch.inputs))
    assert prediction.shape == (40, targets)
    expected = LOSSES[loss](prediction, batch.targets.float())
    torch.testing.assert_close(objective.loss(batch), expected, rtol=1e-6, atol=1e-7)


def test_its_losses_are_its_only_option_and_l1_the_default() -> None:
    options = options_of(OBJECTIVES["regression"])
    assert set(options.model_fields) == {"loss"}
    objective, batch = made(1)
    same, _ = made(1, loss="l1")
    assert torch.equal(objective.eval().loss(batch), same.eval().loss(batch))


def test_the_encoder_learns_what_the_targets_say() -> None:
    objective, batch = made(2, loss="huber")
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.02)
    objective.train()
    before = float(objective.loss(batch).detach())
    for _ in range(150):
        optimizer.zero_grad()
        objective.loss(batch).backward()
        optimizer.step()
    assert float(objective.loss(batch).detach()) < before / 5
    features = objective.eval().encoder(batch.inputs).detach()
    design = torch.cat([features, torch.ones(40, 1)], 1).double()
    solved = torch.linalg.lstsq(design, batch.targets, driver="gelsd").solution
    left = batch.targets - design @ solved
    assert float(left.std() / batch.targets.std()) < 0.3
