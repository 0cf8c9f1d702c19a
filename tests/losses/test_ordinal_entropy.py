"""Ordinal entropy: its definition with labels that repeat and that do not, and edges."""

import number_oracles as oracle
import pytest
import torch
from torch import Tensor

from nearfar.losses import ordinal_entropy_loss

LABELS = {
    "all differ": torch.tensor([0.3, -1.2, 2.0, 0.9, -0.4, 1.1, 0.0, -2.2]),
    "some equal": torch.tensor([1.0, 2, 1, 3, 2, 1, 5, 4]),
    "one label": torch.zeros(8),
    "two columns": torch.tensor([[0.0, 1], [1, 1], [0, 1], [2, 0], [5, 1], [1, 3], [2, 2], [0, 0]]),
}
every_labels = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@every_labels
@pytest.mark.parametrize(("diversity", "tightness"), [(1.0, 1.0), (2.0, 0.0), (0.0, 0.5)])
def test_value_and_gradient_are_those_of_the_definition(
    labels: Tensor, diversity: float, tightness: float
) -> None:
    leaf = features(8, 4).requires_grad_()
    found = ordinal_entropy_loss(leaf, labels, diversity=diversity, tightness=tightness)
    expected = oracle.ordinal_entropy(leaf, labels, diversity, tightness)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    (mine,) = torch.autograd.grad(found, leaf)
    (slope,) = torch.autograd.grad(expected, leaf, allow_unused=True, materialize_grads=True)
    torch.testing.assert_close(mine, slope, rtol=1e-9, atol=1e-11)


def test_gradcheck() -> None:
    rows = features(8, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: ordinal_entropy_loss(f, LABELS["some equal"]), rows)


@every_labels
def test_the_order_of_rows_and_the_units_of_labels_do_not_matter(labels: Tensor) -> None:
    rows, order = features(8, 4), torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    value = ordinal_entropy_loss(rows, labels)
    torch.testing.assert_close(ordinal_entropy_loss(rows[order], labels[order]), value)
    torch.testing.assert_close(ordinal_entropy_loss(5 * rows, 10 - 3 * labels), value)


@every_labels
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-6, 1e15])
def test_features_of_any_size_give_finite_numbers(scale: float, labels: Tensor) -> None:
    leaf = (features(8, 4, dtype=torch.float32) * scale).requires_grad_()
    value = ordinal_entropy_loss(leaf, labels)
    value.backward()
    assert value.isfinite()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(
    "labels", [torch.zeros(5), torch.zeros(8, 2, 2), torch.full((8,), torch.nan)]
)
def test_labels_that_do_not_fit_are_refused(labels: Tensor) -> None:
    with pytest.raises(ValueError, match="labels must be"):
        ordinal_entropy_loss(features(8, 4), labels)
