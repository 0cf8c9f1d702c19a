"""What RnCLoss takes, what it refuses and how, and the registry of regression losses."""

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nearfar.losses import REGRESSION_LOSSES, RnCLoss


def test_it_is_a_module_without_parameters_or_state() -> None:
    loss = RnCLoss(temperature=2, label_diff="l1", feature_sim="l2")
    assert isinstance(loss, nn.Module)
    assert list(loss.parameters()) == []
    assert loss.state_dict() == {}
    assert repr(loss) == "RnCLoss(temperature=2, label_diff='l1', feature_sim='l2')"
    features, labels = torch.randn(4, 2, 3), torch.randn(4)
    assert torch.equal(copy.deepcopy(loss)(features, labels), loss(features, labels))


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8]
)
def test_the_authors_call_with_any_real_labels(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    features = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([3, 0, 7, 7, 1])
    loss = RnCLoss()(features, labels.reshape(shape).to(dtype))
    assert loss.shape == ()
    torch.testing.assert_close(loss, RnCLoss()(features, labels.double()))


def test_without_gradient_the_value_is_the_same() -> None:
    features, labels = torch.randn(6, 2, 3), torch.randn(6)
    with_gradient = RnCLoss()(features.clone().requires_grad_(), labels)
    assert not RnCLoss()(features, labels).requires_grad
    near = {"rtol": 1e-6, "atol": 0.0}
    torch.testing.assert_close(RnCLoss()(features, labels), with_gradient.detach(), **near)
    with torch.inference_mode():
        torch.testing.assert_close(RnCLoss()(features, labels), with_gradient.detach(), **near)


def test_inputs_stay_as_they_are() -> None:
    features, labels = torch.randn(6, 2, 3), torch.randn(6, 1)
    before = features.clone(), labels.clone()
    for feature_sim in ("l2", "l1", "cosine", "dot", lambda a, b: a @ b.T):
        RnCLoss(feature_sim=feature_sim)(features.requires_grad_(), labels).backward()
    assert torch.equal(features, before[0])
    assert torch.equal(labels, before[1])


def test_two_rows_are_enough() -> None:
    for features, labels in (
        (torch.randn(2, 3), torch.ones(2)),
        (torch.randn(1, 2, 3), torch.ones(1)),
    ):
        features.requires_grad_()
        loss = RnCLoss()(features, labels)
        loss.backward()
        assert loss.item() == 0
        assert features.grad is not None
        assert torch.equal(features.grad, torch.zeros_like(features))


def test_a_second_derivative_is_refused() -> None:
    features = torch.randn(4, 3, requires_grad=True)
    loss = RnCLoss()(features, torch.randn(4))
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(loss, features, create_graph=True)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (torch.randn(4), torch.randn(4), "features must be (n, views, d) or (n, d), not (4,)"),
        (torch.randn(2, 2, 2, 2), torch.randn(2), "features must be (n, views, d) or (n, d)"),
        (torch.randn(4, 0), torch.randn(4), "features must be (n, views, d) or (n, d), not (4, 0)"),
        (torch.ones(4, 3, dtype=torch.int64), torch.randn(4), "floating point, not torch.int64"),
        (torch.randn(4, 3), torch.randn(4, 1, 1), "labels must be (n,) or (n, k), not (4, 1, 1)"),
        (torch.randn(4, 3), torch.tensor(1.0), "labels must be (n,) or (n, k), not ()"),
        (torch.randn(4, 3), torch.randn(4, 0), "labels must be (n,) or (n, k), not (4, 0)"),
        (torch.randn(4, 2, 3), torch.randn(8), "4 samples in features (4, 2, 3), but 8 labels"),
        (torch.randn(1, 3), torch.randn(1), "at least two rows"),
        (torch.randn(0, 2, 3), torch.randn(0), "at least two rows"),
        (torch.randn(2, 3), torch.tensor([True, False]), "real numbers, not torch.bool"),
        (
            torch.randn(2, 3),
            torch.ones(2, dtype=torch.complex64),
            "real numbers, not torch.complex64",
        ),
        (
            torch.randn(4, 3),
            torch.tensor([[0.0, 1], [1, torch.nan], [2, 2], [torch.inf, 0]]),
            "labels must be finite; 2 are not, the first in row 1",
        ),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(
    features: Tensor, labels: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RnCLoss()(features, labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature must be positive and finite, not 0"),
        ({"temperature": -1.0}, "temperature must be positive"),
        ({"temperature": float("nan")}, "temperature must be positive"),
        ({"temperature": float("inf")}, "temperature must be positive"),
        ({"label_diff": "l3"}, "label_diff='l3' is not known: allowed: l1, l2, or a function"),
        (
            {"feature_sim": "cosin"},
            "feature_sim='cosin' is not known: did you mean 'cosine'? allowed: l2, l1, cosine",
        ),
        ({"feature_sim": 3}, "feature_sim=3 is not known: allowed: l2, l1, cosine, dot"),
    ],
)
def test_a_mistaken_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RnCLoss(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_diff": lambda a, b: a - b.T}, "negative, infinite or NaN difference"),
        ({"label_diff": lambda a, b: a.abs()}, "label_diff returned (4, 1) instead of (4, 4)"),
        (
            {"feature_sim": lambda a, b: a[:2] @ b.T},
            "feature_sim returned (2, 4) instead of (4, 4)",
        ),
    ],
)
def test_a_function_that_returns_something_else_is_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RnCLoss(**options)(torch.randn(4, 3), torch.arange(4.0))


def test_regression_losses_are_means_of_known_functions() -> None:
    prediction, target = torch.tensor([0.0, 1.0, 5.0, 0.5]), torch.tensor([0.0, 3.0, 1.0, 0.0])
    values = {name: float(loss(prediction, target)) for name, loss in REGRESSION_LOSSES.items()}
    assert values == {
        "l1": pytest.approx((2 + 4 + 0.5) / 4),
        "mse": pytest.approx((4 + 16 + 0.25) / 4),
        "huber": pytest.approx((1.5 + 3.5 + 0.125) / 4),
    }
