"""Supervised contrast with several labels: its definition, and SupCon where rows have one."""

import number_oracles as oracle
import pytest
import torch
from torch import Tensor

from nearfar.losses import mul_sup_con_loss, sup_con_loss

NAN = float("nan")
LABELS = {
    "overlapping": [[1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]],
    "none alike": [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]],
    "some unknown": [[1, NAN, 0], [1, 0, NAN], [0, 1, 1], [NAN, 1, 1], [0, NAN, 0], [0, 0, 1]],
    "all alike": [[1, 1, 1]] * 6,
}
every_labels = pytest.mark.parametrize(
    "labels", [torch.tensor(rows) for rows in LABELS.values()], ids=LABELS
)


def features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@every_labels
@pytest.mark.parametrize("views", [0, 1, 2])
def test_value_and_gradient_are_those_of_the_definition(views: int, labels: Tensor) -> None:
    leaf = features(6, views, 4) if views else features(6, 4)
    leaf.requires_grad_()
    found, expected = mul_sup_con_loss(leaf, labels, 0.3), oracle.mul_sup_con(leaf, labels, 0.3)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    if expected.requires_grad:
        (mine,) = torch.autograd.grad(found, leaf)
        (slope,) = torch.autograd.grad(expected, leaf)
        torch.testing.assert_close(mine, slope, rtol=1e-9, atol=1e-11)


def test_with_one_label_a_row_it_is_sup_con() -> None:
    classes = torch.tensor([0, 1, 0, 2, 1, 0, 3, 1])
    rows = features(8, 2, 5)
    found = mul_sup_con_loss(rows, torch.eye(4)[classes], 0.2)
    torch.testing.assert_close(found, sup_con_loss(rows, classes, 0.2))


def test_gradcheck_and_the_order_of_rows_and_labels() -> None:
    labels = torch.tensor(LABELS["overlapping"])
    rows = features(6, 4)
    assert torch.autograd.gradcheck(
        lambda f: mul_sup_con_loss(f, labels, 0.5), rows.clone().requires_grad_()
    )
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    value = mul_sup_con_loss(rows, labels)
    torch.testing.assert_close(mul_sup_con_loss(rows[order], labels[order]), value)
    torch.testing.assert_close(mul_sup_con_loss(rows, labels[:, [2, 0, 1]]), value)
    torch.testing.assert_close(mul_sup_con_loss(7 * rows, labels), value)


@every_labels
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-6, 1e15])
def test_features_of_any_size_give_finite_numbers(scale: float, labels: Tensor) -> None:
    leaf = (features(6, 4, dtype=torch.float32) * scale).requires_grad_()
    value = mul_sup_con_loss(leaf, labels)
    value.backward()
    assert value.isfinite()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(5, 2), "labels must be"),
        (torch.zeros(6), "labels must be"),
        (torch.full((6, 2), 2), "0, 1 or NaN"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mul_sup_con_loss(features(6, 4), labels)
