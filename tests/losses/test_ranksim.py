"""RankSim: ranks with ties, the value, and the slope that stands in for that of ranks."""

import number_oracles as oracle
import pytest
import torch
from torch import Tensor

from nearfar.losses import ranksim_loss
from nearfar.losses.ranksim import ranks

LABELS = {
    "all differ": torch.tensor([0.3, -1.2, 2.0, 0.9, -0.4, 1.1, 0.0, -2.2]),
    "some equal": torch.tensor([1.0, 2, 1, 3, 2, 1, 5, 4]),
    "equally far on both sides": torch.arange(8.0),
    "one label": torch.zeros(8),
    "two columns": torch.tensor([[0.0, 1], [1, 1], [0, 1], [2, 0], [5, 1], [1, 3], [2, 2], [0, 0]]),
}
every_labels = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_ranks_are_those_of_a_loop_with_ties_shared() -> None:
    values = torch.randint(0, 4, (6, 9), generator=torch.Generator().manual_seed(1)).double()
    expected = torch.tensor([oracle.ranks(row) for row in values.tolist()])
    torch.testing.assert_close(ranks(values), expected.double())


@every_labels
@pytest.mark.parametrize("interpolation", [0.5, 2.0, 50.0])
def test_value_and_gradient_are_those_of_the_definition(
    labels: Tensor, interpolation: float
) -> None:
    leaf = features(8, 4).requires_grad_()
    value, slopes = oracle.ranksim(leaf.detach(), labels, interpolation)
    found = ranksim_loss(leaf, labels, interpolation)
    assert float(found.detach()) == pytest.approx(value, rel=1e-12)
    (gradient,) = torch.autograd.grad(found, leaf)
    unit = leaf / leaf.norm(dim=1, keepdim=True)
    (expected,) = torch.autograd.grad((slopes * (unit @ unit.T)).sum(), leaf)
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


def test_features_in_the_order_of_labels_have_no_loss() -> None:
    angles = torch.tensor([0.0, 0.3, 0.7, 1.2, 1.3], dtype=torch.float64)
    leaf = torch.stack([angles.cos(), angles.sin()], 1).requires_grad_()
    loss = ranksim_loss(leaf, angles)
    loss.backward()
    assert float(loss.detach()) == 0
    assert leaf.grad is not None
    assert not leaf.grad.any()
    assert float(ranksim_loss(leaf[[2, 0, 4, 1, 3]].detach(), angles)) > 0.1


def test_a_few_steps_bring_features_into_order() -> None:
    labels = LABELS["all differ"]
    leaf = features(8, 4).requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=0.05)
    before = float(ranksim_loss(leaf, labels).detach())
    for _ in range(60):
        optimizer.zero_grad()
        (10 * ranksim_loss(leaf, labels)).backward()
        optimizer.step()
    assert float(ranksim_loss(leaf, labels).detach()) < before / 3


def test_scale_and_the_order_of_rows_do_not_matter_where_labels_differ() -> None:
    labels, rows = LABELS["all differ"], features(8, 4)
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    value = ranksim_loss(rows, labels)
    torch.testing.assert_close(ranksim_loss(rows[order], labels[order]), value)
    torch.testing.assert_close(ranksim_loss(3 * rows, 10 - 2 * labels), value)


@every_labels
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e15])
def test_features_of_any_size_give_finite_numbers(scale: float, labels: Tensor) -> None:
    leaf = (features(8, 4, dtype=torch.float32) * scale).requires_grad_()
    value = ranksim_loss(leaf, labels)
    value.backward()
    assert value.isfinite()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(
    "labels", [torch.zeros(5), torch.zeros(8, 2, 2), torch.full((8,), torch.nan)]
)
def test_labels_that_do_not_fit_are_refused(labels: Tensor) -> None:
    with pytest.raises(ValueError, match="labels must be"):
        ranksim_loss(features(8, 4), labels)
