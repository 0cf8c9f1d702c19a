"""Losses of targets of which some are not known, against explicit loops."""

import math

import pytest
import torch

from nearfar.losses import DISTRIBUTION_LOSSES, ELEMENTWISE_LOSSES, mean_of_known

NAN = float("nan")


def bce_loop(logits: list[list[float]], targets: list[list[float]]) -> float:
    """The mean over known targets of −log of the probability of what is true."""
    terms = []
    for row, truths in zip(logits, targets, strict=True):
        for logit, truth in zip(row, truths, strict=True):
            if math.isnan(truth):
                continue
            margin = logit if truth == 1 else -logit
            terms.append(max(-margin, 0.0) + math.log1p(math.exp(-abs(margin))))
    return math.fsum(terms) / len(terms)


def test_bce_is_the_mean_over_what_is_known() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(7, 4, generator=draw, dtype=torch.float64)
    targets = torch.randint(0, 2, (7, 4), generator=draw).double()
    targets[torch.rand(7, 4, generator=draw) < 0.4] = NAN
    assert targets.isnan().any()
    found = mean_of_known(ELEMENTWISE_LOSSES["bce"], logits, targets)
    assert float(found) == pytest.approx(bce_loop(logits.tolist(), targets.tolist()), abs=1e-12)


@pytest.mark.parametrize("size", [50.0, 700.0, 1e4])
def test_extreme_logits_stay_finite(size: float) -> None:
    logits = torch.tensor([[size, -size], [size, size]], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[1.0, 1.0], [NAN, 0.0]], dtype=torch.float64)
    found = mean_of_known(ELEMENTWISE_LOSSES["bce"], logits, targets)
    assert found.item() == pytest.approx(2 * size / 3)
    found.backward()
    assert logits.grad is not None
    expected = torch.tensor([[0.0, -1 / 3], [0.0, 1 / 3]], dtype=torch.float64)
    torch.testing.assert_close(logits.grad, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["bce", "l1", "mse", "huber"])
def test_gradients_pass_gradcheck_and_stop_at_gaps(name: str) -> None:
    draw = torch.Generator().manual_seed(1)
    prediction = torch.randn(5, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    targets = torch.rand(5, 3, generator=draw, dtype=torch.float64)
    targets[0, 1], targets[3] = NAN, NAN

    def loss(values: torch.Tensor) -> torch.Tensor:
        return mean_of_known(ELEMENTWISE_LOSSES[name], values, targets)

    assert torch.autograd.gradcheck(loss, (prediction,))
    loss(prediction).backward()
    assert prediction.grad is not None
    assert (prediction.grad[targets.isnan()] == 0).all()
    assert (prediction.grad[~targets.isnan()] != 0).all()


@pytest.mark.parametrize("name", ["bce", "l1", "mse"])
def test_without_gaps_it_is_the_mean(name: str) -> None:
    draw = torch.Generator().manual_seed(2)
    prediction, target = torch.randn(6, 2, generator=draw), torch.rand(6, 2, generator=draw)
    each = ELEMENTWISE_LOSSES[name]
    expected = each(prediction, target).mean()
    torch.testing.assert_close(mean_of_known(each, prediction, target), expected)


def test_weights_of_rows_and_of_targets_count() -> None:
    prediction = torch.zeros(3, 2, dtype=torch.float64)
    target = torch.tensor([[1.0, 2.0], [NAN, 4.0], [8.0, NAN]], dtype=torch.float64)
    rows = torch.tensor([1.0, 2.0, 0.5])
    found = mean_of_known(ELEMENTWISE_LOSSES["l1"], prediction, target, rows)
    assert float(found) == pytest.approx((1 + 2 + 8 + 4) / 4)
    each = torch.tensor([[1.0, 0.0], [9.0, 2.0], [1.0, 9.0]])
    found = mean_of_known(ELEMENTWISE_LOSSES["l1"], prediction, target, each)
    assert float(found) == pytest.approx((1 + 0 + 8 + 8) / 4)


def test_a_distribution_that_is_not_known_is_left_out_as_a_whole() -> None:
    logits = torch.randn(4, 2, 5, dtype=torch.float64)
    truth = torch.rand(4, 2, 5, dtype=torch.float64)
    truth = truth / truth.sum(-1, keepdim=True)
    each = DISTRIBUTION_LOSSES["cross_entropy"](logits, truth, reduction="none")
    truth[1, 0] = NAN
    found = mean_of_known(ELEMENTWISE_LOSSES["cross_entropy"], logits, truth)
    assert float(found) == pytest.approx(float((each.sum() - each[1, 0]) / 7))


def test_nothing_known_is_no_loss() -> None:
    prediction = torch.randn(2, 2, requires_grad=True)
    found = mean_of_known(ELEMENTWISE_LOSSES["mse"], prediction, torch.full((2, 2), NAN))
    found.backward()
    assert found.item() == 0
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()
