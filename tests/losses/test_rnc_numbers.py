"""RnCLoss where floating point is short: far features, close features, scaled labels, ties."""

import pytest
import torch
from rnc_oracle import rnc, rnc_by_masks
from torch import Tensor

import nearfar.losses.rnc.module as module
import nearfar.losses.rnc.order as order
from nearfar.losses import RnCLoss


def batch(samples: int = 9, views: int = 2, width: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    labels = torch.randn(samples, generator=generator)
    return torch.randn(samples, views, width, generator=generator), labels


def loss_and_gradient(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    features = features.clone().requires_grad_()
    loss = RnCLoss()(features, labels)
    (gradient,) = torch.autograd.grad(loss, features)
    return loss.detach(), gradient


def oracle_and_gradient(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    features = features.double().requires_grad_()
    loss = rnc(features, labels)
    (gradient,) = torch.autograd.grad(loss, features)
    return loss.detach(), gradient


LABELS_OF_NINE = {
    "distinct": batch()[1],
    "tied": torch.tensor([0.0, 1, 1, 2, 2, 2, 3, 5, 8]),
    "two columns": torch.stack([batch()[1], batch()[1].flip(0)], 1),
}


@pytest.mark.parametrize("labels", LABELS_OF_NINE.values(), ids=LABELS_OF_NINE)
@pytest.mark.parametrize("scale", [30.0, 100.0, 300.0, 1e3, 3e3, 1e4])
def test_float32_is_exact_over_any_range_of_distances(scale: float, labels: Tensor) -> None:
    features = batch()[0] * scale
    loss, gradient = loss_and_gradient(features, labels)
    wanted, wanted_gradient = oracle_and_gradient(features, labels)
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-6, atol=0)
    # A distance in float32 is known to 1e-7 of itself, and the gradient is exponential in it.
    known = scale * 1e-6
    atol = known * float(wanted_gradient.abs().max())
    torch.testing.assert_close(gradient.double(), wanted_gradient, rtol=known, atol=atol)


def test_far_outweighed_terms_are_not_lost() -> None:
    """The farthest in label is also the least similar: its denominator is its own tiny term."""
    features = torch.tensor([[0.0], [1.0], [400.0], [900.0], [10_000.0]])
    labels = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    loss, gradient = loss_and_gradient(features, labels)
    wanted, wanted_gradient = oracle_and_gradient(features, labels)
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient.double(), wanted_gradient, rtol=1e-4, atol=1e-5)


def test_float64_also_survives_ranges_beyond_its_own_exponent() -> None:
    features, labels = batch()
    loss, gradient = loss_and_gradient(features.double() * 1e4, labels)
    wanted, wanted_gradient = oracle_and_gradient(features.double() * 1e4, labels)
    torch.testing.assert_close(loss, wanted, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [100.0, 300.0, 1e3])
def test_rows_with_few_ties_are_done_again_with_them(scale: float) -> None:
    generator = torch.Generator().manual_seed(5)
    labels = torch.randn(60, generator=generator, dtype=torch.float64)
    labels[20:40] = 2 * labels[0] - labels[:20]
    features = scale * torch.randn(60, 3, generator=generator, dtype=torch.float64)
    features = features.requires_grad_()
    wanted = rnc_by_masks(features, lambda i: (labels - labels[i]).abs(), 1e-12, labels.abs())
    (wanted_gradient,) = torch.autograd.grad(wanted, features)
    single = features.detach().float().requires_grad_()
    loss = RnCLoss()(single, labels)
    (gradient,) = torch.autograd.grad(loss, single)
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-7, atol=0)
    torch.testing.assert_close(gradient.double(), wanted_gradient, rtol=scale * 1e-6, atol=2e-5)


@pytest.mark.parametrize("walked", [True, False])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_autocast_changes_nothing(
    scale: float, walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no compiled code walks through the labels, as on a GPU."""
    if not walked:
        monkeypatch.setattr(module, "kernel_for", lambda *_: None)
    features, labels = batch()
    plain = loss_and_gradient(features * scale, labels)
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss_and_gradient(features * scale, labels)
    assert inside[0].dtype == torch.float32
    assert torch.equal(inside[0], plain[0])
    assert torch.equal(inside[1], plain[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_features_are_computed_in_float32_and_give_half_gradients(dtype: torch.dtype) -> None:
    features, labels = batch()
    half = features.to(dtype)
    loss, gradient = loss_and_gradient(half, labels)
    wanted, wanted_gradient = oracle_and_gradient(half, labels)
    assert loss.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient, wanted_gradient.to(dtype), rtol=2e-2, atol=1e-4)


def test_equal_features_give_finite_gradients_and_the_zero_subgradient() -> None:
    features, labels = batch()
    features[3] = features[5]
    features[:, 1] = features[:, 0]
    loss, gradient = loss_and_gradient(features, labels)
    wanted, wanted_gradient = oracle_and_gradient(features, labels)
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient.double(), wanted_gradient, rtol=1e-5, atol=1e-7)
    loss, gradient = loss_and_gradient(torch.full((9, 2, 4), 3.7), labels)
    assert loss.isfinite()
    assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("apart", [1e-2, 1e-4, 1e-6])
def test_close_features_far_from_the_origin_keep_their_distance(apart: float) -> None:
    """A distance by |a|² + |b|² − 2ab alone would drown in |a|², and its direction with it."""
    features, labels = batch()
    features[:, 1] = features[:, 0] + apart * features[:, 1]
    features[0] += 500
    loss, gradient = loss_and_gradient(features, labels)
    wanted, wanted_gradient = oracle_and_gradient(features, labels)
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient.double(), wanted_gradient, rtol=1e-4, atol=1e-5)


def test_a_common_offset_of_the_features_changes_little() -> None:
    features, labels = batch()
    offset = loss_and_gradient(features.double() + 1e6, labels)
    torch.testing.assert_close(
        offset, loss_and_gradient(features.double(), labels), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("factor", [1e-30, 0.1, 1 / 3, 7.3, 1e30])
def test_scaled_labels_give_the_same_loss_bit_for_bit(factor: float, dtype: torch.dtype) -> None:
    """Decimal steps tie in meaning; scaling breaks their ties in floating point."""
    features = batch()[0].repeat(4, 1, 1)
    steps = torch.arange(36, dtype=dtype) % 13 * 0.1
    broken = (steps[1] - steps[2]).abs() != (steps[2] - steps[3]).abs()
    assert broken
    assert torch.equal(RnCLoss()(features, steps * factor), RnCLoss()(features, steps))
    two = torch.stack([steps, steps.flip(0)], 1)
    scaled, plain = RnCLoss()(features, two * factor), RnCLoss()(features, two)
    torch.testing.assert_close(scaled, plain, rtol=1e-7, atol=0)


@pytest.mark.parametrize("size", [1e-29, 1e-15, 1e15, 1e25])
def test_cosines_do_not_depend_on_the_size_of_rows(size: float) -> None:
    features, labels = batch()
    loss = RnCLoss(feature_sim="cosine")
    torch.testing.assert_close(loss(features * size, labels), loss(features, labels))


def test_an_outlier_does_not_tie_the_labels_beside_it() -> None:
    features, _ = batch()
    labels = torch.tensor([0.0, 0.2, 0.5, 0.9, 1.4, 2.0, 2.7, 3.5, 1e9])
    loss, _ = loss_and_gradient(features, labels)
    torch.testing.assert_close(loss.double(), rnc(features, labels), rtol=1e-6, atol=0)
    equal = torch.tensor([0.0] * 8 + [1e9])
    assert abs(loss - RnCLoss()(features, equal)) > 1e-3


@pytest.mark.parametrize("few", [0.0, 1.0])
def test_ties_survive_an_outlier(few: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outlier makes the lattice of labels coarse; ties on it are off by a step or two."""
    monkeypatch.setattr(order, "FEW_TIES", few)
    monkeypatch.setattr(module, "BLOCK_PAIRS", {"cpu": 60 * 3})
    monkeypatch.setattr(module, "LEAST_ROWS", 1)
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(-4000, 4000, (60,), generator=generator).double() * 5e-4
    labels[59] = 1e12
    features = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    wanted = rnc_by_masks(features, lambda i: (labels - labels[i]).abs(), 1e-12, labels.abs())
    torch.testing.assert_close(RnCLoss()(features, labels), wanted, rtol=1e-12, atol=0)


def test_denominators_are_exact_where_denormal_numbers_are_flushed() -> None:
    """The farthest two terms of row 0 stand on both sides of the smallest normal float32."""
    features = 2 * torch.tensor([[0.0], [0.01], [-87.2], [87.4]])
    labels = torch.tensor([0.0, 0.5, -2.0, 2.0])
    wanted = rnc(features, labels)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor does not flush denormal numbers")
    try:
        loss = RnCLoss()(features, labels)
    finally:
        torch.set_flush_denormal(False)
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-4, atol=0)


def test_the_order_of_the_batch_and_of_views_is_of_no_matter() -> None:
    features, labels = batch()
    features = features.double()
    permutation = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    loss, gradient = loss_and_gradient(features, labels)
    other_loss, other = loss_and_gradient(features[permutation].flip(1), labels[permutation])
    torch.testing.assert_close(other_loss, loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(other, gradient[permutation].flip(1), rtol=1e-9, atol=1e-12)


def test_views_are_rows_with_the_same_label() -> None:
    features, labels = batch()
    as_rows = torch.cat([features[:, 0], features[:, 1]])
    torch.testing.assert_close(
        RnCLoss()(features, labels), RnCLoss()(as_rows, labels.repeat(2)), rtol=1e-6, atol=0
    )


def test_nan_features_give_a_nan_loss_and_no_error() -> None:
    features, labels = batch()
    features[2, 0, 1] = torch.nan
    assert RnCLoss()(features, labels).isnan()


def test_repeated_runs_give_the_same_bits() -> None:
    features, labels = batch(samples=64)
    first, second = (loss_and_gradient(features, labels) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
