"""Gradients written out are those of autograd."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nearfar.heads import MLP, Linear
from nearfar.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from nearfar.objectives import Batch, Predictor

FEATURES, CLASSES = 6, 5


class Given(nn.Module):
    """Features as they come."""

    out_features = FEATURES

    def forward(self, batch: Tensor) -> Tensor:
        return batch


def predictor(head: nn.Module, encoder: Any = None, **options: Any) -> Predictor:
    loss = options.pop("loss", CLASSIFICATION_LOSSES["cross_entropy"])
    return Predictor(encoder or Given(), head, loss, trained="head", **options)


def batch(rows: int) -> Batch:
    features = 3 * torch.randn(rows, FEATURES) + 1
    return Batch((features,), torch.randint(CLASSES, (rows, 1)).double())


@pytest.mark.parametrize("rows", [1, 2, 32])
@pytest.mark.parametrize("hidden", [None, (8,), (7, 3, 9)])
def test_loss_and_gradients_are_those_of_autograd(hidden: Any, rows: int) -> None:
    torch.manual_seed(0)
    head = MLP(FEATURES, CLASSES, hidden=hidden) if hidden else Linear(FEATURES, CLASSES)
    made = predictor(head)
    made.standardise.fit(torch.randn(50, FEATURES) * 2)
    given = batch(rows)
    expected = made.loss(given)
    expected.backward()
    gradients = [p.grad.clone() for p in head.parameters() if p.grad is not None]
    assert len(gradients) == len(list(head.parameters()))
    step = made.step_of()
    assert step is not None
    loss = step(given)
    assert float(loss) == pytest.approx(float(expected.detach()), rel=1e-6)
    assert not loss.requires_grad
    for parameter, gradient in zip(head.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-7)


def test_certain_and_far_logits_stay_finite() -> None:
    made = predictor(Linear(FEATURES, CLASSES))
    step = made.step_of()
    assert step is not None
    loss = step(Batch((torch.full((3, FEATURES), 1e4),), torch.zeros(3, 1)))
    assert bool(loss.isfinite())
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in made.head.parameters())


class Trained(Given):
    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(FEATURES, FEATURES)

    def forward(self, batch: Tensor) -> Tensor:
        return functional.relu(self.map(batch))


@pytest.mark.parametrize(
    "made",
    [
        predictor(MLP(FEATURES, CLASSES, dropout=0.1)),
        predictor(Linear(FEATURES, CLASSES), Trained()),
        predictor(Linear(FEATURES, CLASSES), loss=REGRESSION_LOSSES["mse"]),
    ],
    ids=["dropout", "an encoder that is not cached", "another loss"],
)
def test_everything_else_is_left_to_autograd(made: Predictor) -> None:
    assert made.step_of() is None
