"""VICReg's loss is its equations, and that of lightly where it is installed."""

import pytest
import torch
import view_oracles as oracle
from views_of_rows import SHAPES, two_views, value_and_gradients

from nearfar.losses import vicreg_loss


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 0.0, 3.0), (0.0, 2.0, 0.0)])
def test_the_value_is_that_of_the_equations(
    shape: tuple[int, int], weights: tuple[float, float, float]
) -> None:
    one, other = two_views(shape)
    invariance, variance, covariance = weights
    found = vicreg_loss(one, other, invariance=invariance, variance=variance, covariance=covariance)
    assert float(found) == pytest.approx(oracle.vicreg(one, other, *weights), rel=1e-10, abs=1e-12)


def test_gradcheck_with_few_rows_and_with_many() -> None:
    for shape in ((7, 3), (3, 8)):
        one, other = two_views(shape, scale=0.3)
        inputs = (one.requires_grad_(), other.requires_grad_())
        assert torch.autograd.gradcheck(vicreg_loss, inputs)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_that_of_lightly(shape: tuple[int, int]) -> None:
    peer = pytest.importorskip(
        "lightly.loss", reason="lightly is not installed", exc_type=ImportError
    )
    one, other = two_views(shape)
    mine, theirs = (
        value_and_gradients(loss, one, other) for loss in (vicreg_loss, peer.VICRegLoss())
    )
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)


def test_columns_that_do_not_vary_are_pushed_apart_with_finite_gradients() -> None:
    one = torch.ones(6, 4, dtype=torch.float64)
    value, left, right = value_and_gradients(vicreg_loss, one, one)
    assert float(value) == pytest.approx(25 * (1 - 0.01))
    assert left.isfinite().all()
    assert right.isfinite().all()


def test_the_order_of_rows_and_of_views_does_not_matter() -> None:
    one, other = two_views((8, 5))
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    value = vicreg_loss(one, other)
    torch.testing.assert_close(vicreg_loss(other, one), value)
    torch.testing.assert_close(vicreg_loss(one[order], other[order]), value)
    torch.testing.assert_close(vicreg_loss(one + 5, other + 5), value)


def test_half_precision_is_computed_in_full() -> None:
    one, other = (view.to(torch.bfloat16) for view in two_views((8, 5)))
    found = vicreg_loss(one, other)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, vicreg_loss(one.float(), other.float()))


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((4, 3), (4, 2)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        vicreg_loss(*(torch.zeros(shape) for shape in shapes))
