"""The fast network: its definition written out, its first layer by numpy, and its start."""

from typing import Any

import numpy as np
import pytest
import torch
from small_images import Images, built, some_images
from torch import Tensor
from torch.nn import functional

from nearfar.encoders.fast_cnn import BIAS_FACTOR, LEAST_VARIANCE
from nearfar.errors import UserError

SMALL: dict[str, Any] = {"widths": (4, 6, 5)}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 32, 48, 64, 96, 128])
def test_images_of_all_sizes_have_features(side: int, channels: int) -> None:
    images = some_images(channels, side, side, 3)
    encoder: Any = built("fast_cnn", images, **SMALL)
    assert encoder(images.pixels).shape == (3, 5)
    seen: list[tuple[int, ...]] = []
    encoder.blocks[-1].register_forward_hook(lambda *call: seen.append(call[-1].shape[2:]))
    encoder(images.pixels)
    least = 3 if side <= 32 else 5
    assert [least <= found <= 7 for found in seen[0]] == [True, True]


def test_images_that_nothing_is_left_of_are_refused() -> None:
    assert built("fast_cnn", some_images(3, 9, 12, 2), **SMALL)(torch.rand(2, 3, 9, 12)).shape
    with pytest.raises(UserError, match="with 3 widths needs images of 9x9 pixels or more, not 8x"):
        built("fast_cnn", some_images(3, 8, 12, 2), **SMALL)


def twin(state: dict[str, Tensor], images: Tensor, depth: int, pool: str, training: bool) -> Tensor:
    """The network in evaluation or training mode, one operation after the other."""

    def gelu(x: Tensor) -> Tensor:
        return x * (1 + torch.erf(x / 2**0.5)) / 2

    def normalised(x: Tensor, at: str) -> Tensor:
        mean, variance = state[f"{at}.running_mean"], state[f"{at}.running_var"]
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        shift = BIAS_FACTOR * state[f"{at}.shift"]
        scaled = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
        return scaled + shift[:, None, None]

    x = gelu(functional.conv2d(2 * images - 1, state["whitening.weight"], state["whitening.bias"]))
    for number in range(2):
        at = f"blocks.{number}"
        weights = [state[f"{at}.convolutions.{k}.weight"] for k in range(depth)]
        x = functional.conv2d(x, weights[0], padding=1)
        x = gelu(normalised(functional.max_pool2d(x, 2), f"{at}.norms.0"))
        before = x
        for k in range(1, depth):
            x = normalised(functional.conv2d(x, weights[k], padding=1), f"{at}.norms.{k}")
            x = gelu(x + before if k == depth - 1 and depth > 2 else x)
    return x.flatten(2).max(2).values if pool == "max" else x.mean((2, 3))


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_features_and_gradients_equal_the_definition(depth: int, training: bool, pool: str) -> None:
    images = some_images(3, 17, 14)
    encoder: Any = built("fast_cnn", images, widths=(4, 6), depth=depth, pool=pool, scale=0.25)
    encoder.double().train(training)
    state = encoder.state_dict()
    for name in [n for n in state if not n.endswith("tracked")]:
        state[name] = state[name] + 0.2 * torch.rand(state[name].shape).double()
    encoder.load_state_dict(state)
    leaves = {n: p.detach().clone().requires_grad_() for n, p in encoder.named_parameters()}
    expected = twin({**state, **leaves}, images.pixels.double(), depth, pool, training) / 4
    found = encoder(images.pixels.double())
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(found)
    wanted = torch.autograd.grad((expected * weight).sum(), list(leaves.values()))
    given = torch.autograd.grad((found * weight).sum(), list(encoder.parameters()))
    torch.testing.assert_close(given, wanted)


def test_convolutions_start_as_identities() -> None:
    encoder: Any = built("fast_cnn", some_images(1, 16, 16), widths=(12, 9))
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(encoder.blocks[0].convolutions[0](x)[:, :8], x)
    assert encoder.blocks[0].convolutions[0](x)[:, 8:].any(dim=(0, 2, 3)).all()


def correlated(side: int = 20, count: int = 40) -> Images:
    """Images whose neighbouring pixels are alike, as of photographs."""
    noise = some_images(3, side + 4, side + 4, count).pixels
    return Images(functional.avg_pool2d(noise, 5, stride=1) * 0.8 + 0.1)


@pytest.mark.parametrize(("patch", "side", "stride"), [(2, 20, 1), (3, 20, 1), (2, 70, 2)])
def test_the_first_layer_is_whitening_by_numpy(patch: int, side: int, stride: int) -> None:
    images = correlated(side, 9 if side > 20 else 40)
    encoder: Any = built("fast_cnn", images, widths=(4, 4), patch=patch)
    encoder.start_from(images.pixels)
    edge = patch + stride - 1
    pixels = 2 * images.pixels.double().numpy() - 1
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (edge, edge), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 3 * edge * edge)
    values = np.linalg.eigvalsh(np.cov(patches.T, ddof=0))[::-1]
    size = len(values)
    weight = encoder.whitening.weight.double().numpy().reshape(2 * size, size)
    assert np.array_equal(weight[size:], -weight[:size])
    found = patches @ weight.T + encoder.whitening.bias.detach().double().numpy()
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    expected = np.diag(values / (values + LEAST_VARIANCE))
    np.testing.assert_allclose(np.cov(found[:, :size].T, ddof=0), expected, atol=1e-4)
    outputs = encoder.whitening(2 * images.pixels - 1)
    np.testing.assert_allclose(
        outputs.detach().permute(0, 2, 3, 1).reshape(-1, 2 * size), found, atol=1e-4
    )


def test_the_start_is_the_same_whenever_it_is_made_and_no_gradient_changes_it() -> None:
    images = correlated()
    one, other = (built("fast_cnn", images, **SMALL) for _ in range(2))
    for encoder in (one, other):
        encoder.start_from(images.pixels)  # type: ignore[operator]
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )
    names = dict(one.named_parameters())
    assert "whitening.weight" not in names
    assert "whitening.weight" in one.state_dict()
    again = built("fast_cnn", images, **SMALL)
    again.load_state_dict(one.state_dict())
    assert torch.equal(again.eval()(images.pixels), one.eval()(images.pixels))


def test_flat_images_have_finite_features() -> None:
    images = Images(torch.full((5, 3, 16, 16), 0.3))
    encoder: Any = built("fast_cnn", images, **SMALL)
    encoder.start_from(images.pixels)
    assert encoder(images.pixels).isfinite().all()


def test_flip_at_test_time_is_the_mean_over_an_image_and_its_mirror_image() -> None:
    images = some_images()
    plain = built("fast_cnn", images, **SMALL)
    both = built("fast_cnn", images, test_time="flip", **SMALL)
    assert torch.equal(plain(images.pixels), both(images.pixels))
    both.load_state_dict(plain.state_dict())
    mean = (plain.eval()(images.pixels) + plain(images.pixels.flip(3))) / 2
    assert torch.equal(both.eval()(images.pixels), mean)
    assert not torch.equal(plain(images.pixels), mean)


def shifted(pixels: torch.Tensor, by: int) -> torch.Tensor:
    """Every pixel from ``by`` rows further down and columns further right, within the image."""
    last = pixels.shape[2] - 1
    places = [min(max(k + by, 0), last) for k in range(last + 1)]
    return torch.stack([torch.stack([pixels[:, :, r, c] for c in places], 2) for r in places], 2)


@pytest.mark.parametrize("mirrored", [False, True])
def test_shift_at_test_time_is_the_mean_over_an_image_and_two_moved_ones(mirrored: bool) -> None:
    images = some_images()
    plain = built("fast_cnn", images, **SMALL).eval()
    name = "flip_shift" if mirrored else "shift"
    moved = built("fast_cnn", images, test_time=name, **SMALL)
    moved.load_state_dict(plain.state_dict())
    expected = torch.zeros(())
    for by in (-1, 0, 1):
        seen = shifted(images.pixels, by)
        of_one = (plain(seen) + plain(seen.flip(3))) / 2 if mirrored else plain(seen)
        expected = expected + of_one / 3
    torch.testing.assert_close(moved.eval()(images.pixels), expected)
    assert torch.equal(moved.train()(images.pixels), plain.train()(images.pixels))
