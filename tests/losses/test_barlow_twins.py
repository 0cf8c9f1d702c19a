"""Barlow Twins' loss is its equations, and that of lightly where it is installed."""

import pytest
import torch
import view_oracles as oracle
from views_of_rows import SHAPES, two_views, value_and_gradients

from nearfar.losses import barlow_twins_loss


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("redundancy", [5e-3, 0.0, 2.0])
def test_the_value_is_that_of_the_equations(shape: tuple[int, int], redundancy: float) -> None:
    one, other = two_views(shape)
    found = barlow_twins_loss(one, other, redundancy=redundancy)
    assert float(found) == pytest.approx(oracle.barlow_twins(one, other, redundancy), rel=1e-9)


def test_gradcheck_with_few_rows_and_with_many() -> None:
    for shape in ((7, 3), (3, 8)):
        one, other = two_views(shape)
        inputs = (one.requires_grad_(), other.requires_grad_())
        assert torch.autograd.gradcheck(barlow_twins_loss, inputs)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_that_of_lightly(shape: tuple[int, int]) -> None:
    peer = pytest.importorskip(
        "lightly.loss", reason="lightly is not installed", exc_type=ImportError
    )
    one, other = two_views(shape)
    mine, theirs = (
        value_and_gradients(loss, one, other)
        for loss in (barlow_twins_loss, peer.BarlowTwinsLoss())
    )
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)


def test_scales_and_the_order_of_rows_do_not_matter() -> None:
    one, other = two_views((8, 5), scale=100.0)
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    value = barlow_twins_loss(one, other)
    torch.testing.assert_close(barlow_twins_loss(one[order], other[order]), value)
    torch.testing.assert_close(barlow_twins_loss(3 * one + 1, other), value, rtol=1e-6, atol=0)


def test_columns_that_do_not_vary_have_no_correlation() -> None:
    one, other = two_views((8, 4))
    one[:, 1] = 2.0
    value, left, _ = value_and_gradients(barlow_twins_loss, one, other)
    assert float(value) == pytest.approx(oracle.barlow_twins(one, other, 5e-3), rel=1e-9)
    assert left.isfinite().all()


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((4, 3), (4, 2)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        barlow_twins_loss(*(torch.zeros(shape) for shape in shapes))
