"""ResNet-18, the small networks, pixels, other people's modules."""

from typing import Any

import numpy as np
import pytest
import torch
from small_images import Images, built, some_images
from torch import Tensor, nn
from torch.nn import functional

from nearfar.encoders import Adapter, build_encoder
from nearfar.errors import UserError

TRAINED: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    ("resnet18", {"width": 4}, (3, 32, 32)),
    ("resnet18", {"width": 4}, (1, 28, 28)),
    ("resnet18", {"width": 4}, (3, 70, 66)),
    ("cnn", {"width": 4}, (3, 32, 32)),
    ("cnn", {"width": 4}, (1, 28, 28)),
    ("cnn", {"width": 4}, (2, 97, 130)),
    ("cnn", {"width": 4}, (1, 1, 1)),
    ("emnist_cnn", {}, (1, 28, 28)),
    ("fast_cnn", {"widths": (4, 8)}, (3, 32, 32)),
    ("fast_cnn", {"widths": (4, 8), "out": 5}, (1, 17, 70)),
    ("fast_cnn", {"widths": (4, 8), "depth": 3, "pool": "mean"}, (1, 30, 97)),
]
every_network = pytest.mark.parametrize(("name", "options", "shape"), TRAINED)


@every_network
def test_features_have_the_promised_shape(
    name: str, options: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    images = some_images(*shape)
    encoder = built(name, images, **options)
    features = encoder(images.pixels)
    assert features.shape == (6, encoder.out_features)
    assert features.dtype == torch.float32
    assert encoder.in_shape == shape


@every_network
def test_layers_hold_every_weight_once_from_first_to_last(
    name: str, options: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    images = some_images(*shape)
    encoder = built(name, images, **options)
    grouped = [id(p) for layer in encoder.layer_groups() for p in layer.parameters()]
    assert grouped == [id(p) for p in encoder.parameters()]
    order: list[int] = []
    for number, layer in enumerate(encoder.layer_groups()):
        layer.register_forward_hook(lambda *_, number=number: order.append(number))
    encoder(images.pixels)
    assert order == list(range(len(encoder.layer_groups())))


@every_network
def test_weights_learn_and_rows_do_not_see_each_other_in_evaluation(
    name: str, options: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    images = some_images(*shape)
    if name == "resnet18":
        options = {**options, "zero_init": False}
    encoder = built(name, images, **options)
    weight = torch.randn(6, encoder.out_features)
    (encoder(images.pixels) * weight).sum().backward()
    if shape[1] > 1:
        assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())
    encoder.eval()
    together = encoder(images.pixels)
    torch.testing.assert_close(encoder(images.pixels[2:3])[0], together[2])


def test_resnet_equals_its_definition() -> None:
    images = some_images(3, 16, 16)
    encoder = built("resnet18", images, width=2, zero_init=False).eval()
    state = encoder.state_dict()
    for name in state:
        if name.endswith(("running_mean", "weight", "bias")):
            state[name] += 0.1 * torch.randn_like(state[name])
    encoder.load_state_dict(state)

    def convolved(x: Tensor, conv: str, norm: str, stride: int, padding: int) -> Tensor:
        x = functional.conv2d(x, state[f"{conv}.weight"], stride=stride, padding=padding)
        mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        scale = state[f"{norm}.weight"] / (variance + 1e-5).sqrt()
        return (x - mean[:, None, None]) * scale[:, None, None] + state[f"{norm}.bias"][
            :, None, None
        ]

    x = convolved(2 * images.pixels - 1, "stem.0", "stem.1", 1, 1).relu()
    for number in range(8):
        at, stride = f"blocks.{number}", 2 if number in {2, 4, 6} else 1
        y = convolved(x, f"{at}.first", f"{at}.first_norm", stride, 1).relu()
        y = convolved(y, f"{at}.second", f"{at}.second_norm", 1, 1)
        short = convolved(x, f"{at}.short.0", f"{at}.short.1", 2, 0) if stride > 1 else x
        x = (y + short).relu()
    assert x.shape == (6, 16, 2, 2)
    torch.testing.assert_close(encoder(images.pixels), x.mean((2, 3)))


def test_resnet_of_full_width_has_the_known_number_of_weights() -> None:
    torch.manual_seed(0)
    large = built("resnet18", some_images(3, 96, 96, 1))
    assert sum(p.numel() for p in large.parameters()) == 11_689_512 - 513_000
    assert large.out_features == 512
    assert len(large.layer_groups()) == 9


@pytest.mark.parametrize(
    ("stem", "side", "stride"),
    [("auto", 64, 1), ("auto", 65, 4), ("large", 32, 4), ("small", 70, 1)],
)
def test_the_stem_goes_by_the_size_of_the_images(stem: str, side: int, stride: int) -> None:
    images = some_images(3, side, 20, 1)
    encoder: Any = built("resnet18", images, stem=stem, width=2)
    assert encoder.stem(images.pixels).shape == (1, 2, -(-side // stride), -(-20 // stride))


@pytest.mark.parametrize("shape", [(3, 21, 17), (3, 16, 30), (1, 16, 16)])
def test_resnet_sees_the_centre_of_larger_images_alone(shape: tuple[int, int, int]) -> None:
    images = some_images(*shape)
    _, height, width = shape
    encoder = built("resnet18", images, width=2, zero_init=False, crop=16).eval()
    top, left = (height - 16) // 2, (width - 16) // 2
    inside = images.pixels[:, :, top : top + 16, left : left + 16]
    torch.testing.assert_close(encoder(images.pixels), encoder(inside), rtol=1e-5, atol=1e-6)
    around = torch.rand_like(images.pixels)
    around[:, :, top : top + 16, left : left + 16] = inside
    assert torch.equal(encoder(around), encoder(images.pixels))
    whole = built("resnet18", images, width=2, zero_init=False).eval()
    agree = torch.allclose(whole(images.pixels), encoder(images.pixels), rtol=1e-5, atol=1e-6)
    assert agree == (shape == (1, 16, 16))
    assert encoder.in_shape == shape


def test_the_stem_goes_by_what_is_seen() -> None:
    encoder: Any = built("resnet18", some_images(3, 112, 112, 1), width=2, crop=64)
    assert len(encoder.stem) == 3


def test_zero_init_starts_blocks_as_their_short_cut() -> None:
    encoder: Any = built("resnet18", some_images(), width=2)
    x = torch.rand(3, 2, 8, 8)
    assert torch.equal(encoder.blocks[0](x), x)
    other: Any = built("resnet18", some_images(), width=2, zero_init=False)
    assert not torch.equal(other.blocks[0](x), x)


def test_the_published_network_equals_its_definition() -> None:
    images = some_images(1, 28, 28)
    encoder = built("emnist_cnn", images)
    weights = list(encoder.parameters())
    assert [tuple(p.shape) for p in weights[::2]] == [
        (4, 1, 3, 3),
        (8, 4, 3, 3),
        (16, 8, 3, 3),
        (32, 16, 3, 3),
    ]
    x = functional.conv2d(2 * images.pixels - 1, weights[0], weights[1]).relu()
    x = functional.conv2d(x, weights[2], weights[3], stride=2).relu()
    x = functional.max_pool2d(functional.conv2d(x, weights[4], weights[5], stride=2), 3, 1)
    x = functional.conv2d(x, weights[6], weights[7]).sigmoid()
    assert x.shape == (6, 32, 1, 1)
    torch.testing.assert_close(encoder(images.pixels), x[:, :, 0, 0])
    assert sum(p.numel() for p in weights) == 6144


@pytest.mark.parametrize("shape", [(1, 27, 28), (1, 28, 32), (3, 28, 28)])
def test_the_published_network_refuses_other_sizes(shape: tuple[int, int, int]) -> None:
    _, height, width = shape
    with pytest.raises(UserError, match=f"28x28 images with 1 channel, not {height}x{width} with"):
        built("emnist_cnn", some_images(*shape))


def test_dropout_of_the_small_network_only_in_training() -> None:
    images = some_images()
    encoder = built("cnn", images, width=4, dropout=0.5)
    encoder(images.pixels)
    assert (encoder(images.pixels) == 0).any()
    encoder.eval()
    assert torch.equal(encoder(images.pixels), encoder(images.pixels))


def test_large_images_are_halved_before_the_small_network() -> None:
    sides = {
        side: len(built("cnn", some_images(1, side, 9, 1), width=2).layer_groups())
        for side in (64, 65, 128, 129, 256)
    }
    assert sides == {64: 4, 65: 5, 128: 5, 129: 6, 256: 6}


def test_pixels_as_features() -> None:
    images = some_images(3, 4, 5, 9000)
    encoder: Any = build_encoder("identity", {}, images)
    assert not encoder.mixed_units
    features = encoder.features(images)
    assert encoder.out_features == 60
    assert features.dtype == np.float32
    assert np.array_equal(features, images.pixels.numpy().reshape(9000, 60))


def test_pixels_of_reduced_images() -> None:
    images = some_images(3, 8, 12, 5)
    encoder: Any = build_encoder("pixels", {"side": 4}, images)
    features = encoder.features(images)
    assert (features.shape, features.dtype) == ((5, encoder.out_features), np.float32)
    assert encoder.out_features == 3 * 4 * 4
    assert not encoder.mixed_units
    # A reduction keeps what is even, and the mean of a block weighs most in its pixel.
    blocks = torch.rand(5, 3, 4, 4).repeat_interleave(2, 2).repeat_interleave(3, 3)
    found = encoder.features(Images(blocks)).reshape(5, 3, 4, 4)
    gap = np.abs(found - blocks[:, :, ::2, ::3].numpy()).max()
    assert 0 < gap < 0.35
    even = Images(torch.full((2, 3, 8, 12), 0.3))
    np.testing.assert_allclose(encoder.features(even), 0.3, rtol=1e-6)


def test_pixels_of_small_images_stay_as_they_are() -> None:
    images = some_images(3, 4, 5, 2000)
    encoder: Any = build_encoder("pixels", {"side": 5}, images)
    expected = images.pixels.numpy().reshape(2000, 60)
    np.testing.assert_allclose(encoder.features(images), expected, rtol=0, atol=1e-6)


def test_a_module_of_ones_own() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 5))
    encoder = Adapter(network, 5)
    batch = torch.rand(3, 3, 2, 2)
    assert torch.equal(encoder(batch), network(batch))
    assert encoder.layer_groups() == list(network)
    assert Adapter(network, 5, layers=network[1:2]).layer_groups() == [network[1]]
    assert Adapter(nn.ReLU(), 2).layer_groups()[0](torch.tensor(-1.0)) == 0
    assert list(dict(encoder.named_parameters())) == [
        f"module.{name}" for name, _ in network.named_parameters()
    ]
    with pytest.raises(ValueError, match=r"gives \(3, 5\), not \(b, 6\)"):
        Adapter(network, 6)(batch)


def test_images_go_to_no_encoder_of_molecules() -> None:
    with pytest.raises(UserError, match=r"takes molecule inputs, not image; for image.*cnn"):
        build_encoder("gin", {}, Images(torch.rand(1, 1, 2, 2)))
