"""Rows that do not count alike: in the training loss, and nowhere else."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nearfar.data import Vectors
from nearfar.encoders import build_encoder
from nearfar.heads import Linear
from nearfar.losses import ELEMENTWISE_LOSSES, REGRESSION_LOSSES
from nearfar.objectives import Batch, CachedRows, CachedViews, Predictor, Rows
from nearfar.stages.models import FeatureRows, Features

ROWS = 24
INDEX = torch.tensor([3, 0, 17, 5, 9])


def predictor(loss: str, targets: int = 2) -> Predictor:
    torch.manual_seed(0)
    values = torch.randn(ROWS, 3)
    encoder: Any = build_encoder("mlp", {"layers": 1, "hidden": 4}, Vectors(values, list("abc")))
    head = Linear(encoder.out_features, targets)
    elementwise = ELEMENTWISE_LOSSES[loss]
    return Predictor(encoder, head, REGRESSION_LOSSES[loss], elementwise=elementwise)


def rows(weights: Tensor | None, targets: int = 2) -> Rows:
    torch.manual_seed(1)
    truth = 2 * torch.randn(ROWS, targets, dtype=torch.float64)
    return Rows(Vectors(torch.randn(ROWS, 3), list("abc")), truth, weights=weights)


def one_by_one(model: Predictor, batch: Batch, loss: str) -> float:
    """The weighted loss, row by row and target by target."""
    assert batch.weights is not None
    prediction = model(batch.inputs).detach().double()
    total = 0.0
    for row in range(len(prediction)):
        errors = []
        for guess, truth in zip(prediction[row], batch.targets[row], strict=True):
            error = abs(float(guess - truth))
            huber = error - 0.5 if error > 1 else error**2 / 2
            errors.append({"l1": error, "mse": error**2, "huber": huber}[loss])
        total += float(batch.weights[row]) * sum(errors) / len(errors)
    return total / len(prediction)


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_the_weighted_loss_is_that_of_an_explicit_loop(loss: str, targets: int) -> None:
    weights = torch.rand(ROWS, dtype=torch.float64) * 3
    model = predictor(loss, targets).eval()
    batch = rows(weights, targets).batch(INDEX)
    expected = one_by_one(model, batch, loss)
    assert float(model.loss(batch).detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_equal_weights_change_nothing(loss: str) -> None:
    model = predictor(loss).eval()
    ones = torch.ones(ROWS, dtype=torch.float64)
    weighted, plain = (model.loss(rows(w).batch(INDEX)) for w in (ones, None))
    torch.testing.assert_close(weighted, plain, rtol=1e-6, atol=0)


def test_every_kind_of_rows_hands_on_the_weights_of_its_batches() -> None:
    weights = torch.arange(ROWS, dtype=torch.float64)
    plain = rows(weights)
    features = FeatureRows(torch.randn(ROWS, 4))
    cached = CachedRows(features, plain.targets, weights=weights)
    views = CachedViews(features, plain.targets, weights=weights, bank=torch.randn(2, ROWS, 4))
    for data in (plain, cached, views):
        batches = list(data.batches(INDEX, 2))
        found = [batch.weights for batch in batches]
        assert torch.cat([w for w in found if w is not None]).equal(weights[INDEX])
        targets = torch.cat([batch.targets for batch in batches])
        assert targets.equal(plain.targets[INDEX])
    assert rows(None).batch(INDEX).weights is None


def test_predictions_are_compared_without_weights_unless_these_are_given() -> None:
    part: Any = Features(3)
    model = Predictor(part, Linear(3, 1), REGRESSION_LOSSES["l1"])
    prediction, truth = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [5.0]])
    assert float(model.compare(prediction, truth)) == 2.0
