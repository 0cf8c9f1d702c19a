"""The loss of SimSiam and BYOL: cosines of any rows, with gradients written out."""

import pytest
import torch
import view_oracles as oracle
from views_of_rows import SHAPES, two_views, value_and_gradients

from nearfar.losses import negative_cosine_loss, unit


@pytest.mark.parametrize("shape", [*SHAPES, (1, 4)])
def test_the_value_is_that_of_the_definition(shape: tuple[int, int]) -> None:
    one, other = two_views(shape)
    found = float(negative_cosine_loss(one, other))
    assert found == pytest.approx(oracle.negative_cosine(one, other), rel=1e-12)
    squares = (unit(one) - unit(other)).square().sum(1).mean()
    assert 2 + 2 * found == pytest.approx(float(squares)), "BYOL's equation 2"


def test_gradcheck() -> None:
    one, other = two_views((5, 4))
    assert torch.autograd.gradcheck(
        negative_cosine_loss, (one.requires_grad_(), other.requires_grad_())
    )
    assert torch.autograd.gradcheck(
        lambda rows: negative_cosine_loss(rows, other.detach()), one.detach().requires_grad_()
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_that_of_lightly(shape: tuple[int, int]) -> None:
    peer = pytest.importorskip(
        "lightly.loss", reason="lightly is not installed", exc_type=ImportError
    )
    one, other = two_views(shape)
    mine, theirs = (
        value_and_gradients(loss, one, other)
        for loss in (negative_cosine_loss, peer.NegativeCosineSimilarity())
    )
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1.0, 1e20, 1e37])
def test_rows_of_any_size_have_their_cosine(scale: float) -> None:
    one, other = (view.float() for view in two_views((6, 4)))
    value, left, right = value_and_gradients(negative_cosine_loss, one * scale, other)
    assert left.isfinite().all()
    assert right.isfinite().all()
    if scale > 1e-30:
        assert float(value) == pytest.approx(oracle.negative_cosine(one, other), rel=1e-5)


def test_rows_of_zeros_have_cosine_zero_and_equal_ones_one() -> None:
    one, other = two_views((4, 3))
    one[1], other[2] = 0, 0
    value, left, right = value_and_gradients(negative_cosine_loss, one, other)
    assert float(value) == pytest.approx(oracle.negative_cosine(one, other), rel=1e-12)
    assert left.isfinite().all()
    assert right.isfinite().all()
    assert float(negative_cosine_loss(other, 3 * other)) == pytest.approx(-0.75)


@pytest.mark.parametrize("shapes", [((0, 3), (0, 3)), ((4, 3), (4, 2)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        negative_cosine_loss(*(torch.zeros(shape) for shape in shapes))
