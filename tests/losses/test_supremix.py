"""SupReMix: mixtures made one by one give what the products of rows give."""

import math

import number_oracles as oracle
import pytest
import torch
from torch import Tensor

from nearfar.losses import supremix_loss

LABELS = {
    "all differ": torch.tensor([0.3, -1.2, 2.0, 0.9, -0.4, 1.1]),
    "some equal": torch.tensor([1.0, 2, 1, 3, 2, 1]),
    "one label": torch.zeros(6),
}
every_labels = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def some_shares(rows: int) -> Tensor:
    return torch.rand(rows, rows, generator=torch.Generator().manual_seed(5))


@every_labels
@pytest.mark.parametrize("window", [0.2, 1.0, 1.2, math.inf])
@pytest.mark.parametrize("views", [0, 1, 2])
def test_value_and_gradient_are_those_of_the_definition(
    views: int, window: float, labels: Tensor
) -> None:
    leaf = features(6, views, 4) if views else features(6, 4)
    leaf.requires_grad_()
    shares = some_shares(6 * max(1, views))
    found = supremix_loss(leaf, labels, shares, temperature=0.4, window=window)
    expected = oracle.supremix(leaf, labels.double(), shares.double(), 0.4, window)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    if expected.requires_grad:
        (mine,) = torch.autograd.grad(found, leaf)
        (slope,) = torch.autograd.grad(expected, leaf)
        torch.testing.assert_close(mine, slope, rtol=1e-8, atol=1e-10)


def test_gradcheck_and_the_order_of_rows() -> None:
    labels, rows, shares = LABELS["some equal"], features(6, 4), some_shares(6)
    assert torch.autograd.gradcheck(
        lambda f: supremix_loss(f, labels, shares, window=2.5), rows.clone().requires_grad_()
    )
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    moved = supremix_loss(rows[order], labels[order], shares[order][:, order], window=2.5)
    torch.testing.assert_close(moved, supremix_loss(rows, labels, shares, window=2.5))
    torch.testing.assert_close(
        supremix_loss(3 * rows, labels + 7, window=2.5), supremix_loss(rows, labels, window=2.5)
    )


def test_without_positives_the_loss_is_zero_with_zero_gradient() -> None:
    leaf = features(6, 4).requires_grad_()
    loss = supremix_loss(leaf, 10 * torch.arange(6.0), window=0.1)
    loss.backward()
    assert float(loss.detach()) == 0
    assert leaf.grad is not None
    assert not leaf.grad.any()


@every_labels
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-6, 1e15])
def test_features_of_any_size_give_finite_numbers(scale: float, labels: Tensor) -> None:
    leaf = (features(6, 4, dtype=torch.float32) * scale).requires_grad_()
    value = supremix_loss(leaf, labels, window=2.0)
    value.backward()
    assert value.isfinite()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


def test_a_few_steps_put_features_into_the_order_of_labels() -> None:
    labels = torch.linspace(-1, 1, 12)
    leaf = features(12, 3).requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        supremix_loss(leaf, labels, window=0.5).backward()
        optimizer.step()
    rows = torch.nn.functional.normalize(leaf.detach())
    near = [float(rows[i] @ rows[i + 1]) for i in range(11)]
    far = [float(rows[i] @ rows[i + 5]) for i in range(7)]
    assert min(near) > max(far)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (torch.zeros(5), {}, "labels must be"),
        (torch.zeros(6, 2), {}, "labels must be"),
        (torch.full((6,), torch.inf), {}, "finite"),
        (torch.zeros(6), {"window": 0.0}, "window"),
        (torch.zeros(6), {"temperature": 0.0}, "temperature"),
    ],
)
def test_what_does_not_fit_is_refused(
    labels: Tensor, options: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        supremix_loss(features(6, 4), labels, **options)
    with pytest.raises(ValueError, match="shares"):
        supremix_loss(features(6, 4), torch.zeros(6), torch.zeros(5, 6))
