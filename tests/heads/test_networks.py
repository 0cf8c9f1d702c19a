"""Heads trained by gradient, and the standardisation before them."""

import pytest
import torch
from torch import nn

from nearfar.heads import MLP, Linear, Standardise


def test_linear_is_one_affine_map() -> None:
    head = Linear(5, 2)
    features = torch.randn(7, 5)
    expected = features @ head.map.weight.T + head.map.bias
    torch.testing.assert_close(head(features), expected)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
def test_mlp_is_affine_maps_with_relu_between(hidden: tuple[int, ...]) -> None:
    head = MLP(5, 2, hidden=hidden).eval()
    maps = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in maps] == [*hidden, 2]
    x = torch.randn(7, 5)
    expected = x
    for i, layer in enumerate(maps):
        expected = expected @ layer.weight.T + layer.bias
        if i < len(hidden):
            expected = expected.clamp_min(0)
    torch.testing.assert_close(head(x), expected)


def test_dropout_acts_in_training_alone() -> None:
    head, x = MLP(5, 1, hidden=(50,), dropout=0.5), torch.randn(3, 5)
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))


def test_standardise_gives_mean_0_and_deviation_1_over_the_rows() -> None:
    scale, shift = torch.tensor([1e-4, 1.0, 1e4, 3.0]), torch.tensor([0.0, 5.0, -7.0, 1.0])
    x = torch.randn(50, 4) * scale + shift
    layer = Standardise(4)
    assert torch.equal(layer(x), x)
    layer.fit(x)
    torch.testing.assert_close(layer(x).mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(layer(x).std(0, correction=0), torch.ones(4), atol=1e-4, rtol=0)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e6, 0.1])
def test_a_feature_that_does_not_vary_is_only_shifted(value: float) -> None:
    x = torch.full((9, 2), value)
    x[:, 1] = torch.arange(9.0)
    layer = Standardise(2)
    layer.fit(x)
    assert torch.isfinite(layer(x)).all()
    torch.testing.assert_close(layer(x)[:, 0], torch.zeros(9), atol=value * 1e-6, rtol=0)
    new = x + torch.tensor([2.0, 0.0])
    torch.testing.assert_close(layer(new)[:, 0], torch.full((9,), 2.0), atol=0.1, rtol=0)


def test_standardisation_is_kept_and_not_trained() -> None:
    layer = Standardise(3)
    layer.fit(torch.randn(10, 3) * 5 + 2)
    assert not list(layer.parameters())
    again = Standardise(3)
    again.load_state_dict(layer.state_dict())
    x = torch.randn(4, 3)
    assert torch.equal(again(x), layer(x))
