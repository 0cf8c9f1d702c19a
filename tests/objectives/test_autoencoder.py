"""Auto-encoding: the loss is what it says, the decoder mirrors the encoder, freezing is exact."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nearfar.data import Vectors
from nearfar.data.inputs.molecules import Molecules
from nearfar.encoders import Adapter, build_encoder
from nearfar.errors import UserError
from nearfar.heads.decoders import EmnistDecoder, ImageDecoder
from nearfar.objectives import OBJECTIVES, AutoEncoder, Batch, Rows


class Images:
    kind = "image"

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index: Tensor) -> Tensor:
        return self.pixels[index]


def drawn_images(channels: int, height: int, width: int, count: int = 6) -> Tensor:
    """Bright ellipses on black, each of its own."""
    torch.manual_seed(3)
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    a, b, c, d = (torch.rand(4, count, channels, 1, 1) + 0.4).unbind()
    return torch.sigmoid(12 * (0.5 - (a * y - b + 0.8) ** 2 - (c * x - d + 0.8) ** 2))


def made(name: str, pixels: Tensor, encoder: dict[str, Any], **options: Any) -> AutoEncoder:
    torch.manual_seed(0)
    built: Any = build_encoder(name, encoder, Images(pixels))
    return AutoEncoder(built, **options)


@torch.no_grad()
def error_of(objective: AutoEncoder, inputs: Tensor) -> float:
    return float(objective.loss(batch_of(inputs)))


def batch_of(inputs: Tensor) -> Batch:
    return Rows(Images(inputs), torch.zeros(len(inputs), 1).double()).batch(
        torch.arange(len(inputs))
    )


def trained(objective: AutoEncoder, inputs: Tensor, steps: int) -> float:
    """Train on the same rows over and over; return the error in evaluation mode."""
    live = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(live, lr=0.01)
    batch = batch_of(inputs)
    objective.train()
    for _ in range(steps):
        optimizer.zero_grad()
        objective.loss(batch).backward()
        optimizer.step()
    return error_of(objective.eval(), inputs)


SIZES: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    ("emnist_cnn", {}, (1, 28, 28)),
    ("cnn", {"width": 4}, (1, 28, 28)),
    ("cnn", {"width": 4}, (3, 32, 32)),
    ("cnn", {"width": 4}, (2, 5, 13)),
    ("resnet18", {"width": 2}, (3, 67, 33)),
]


@pytest.mark.parametrize(("name", "encoder", "shape"), SIZES)
@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_images_come_back_in_their_shape_and_every_weight_learns(
    name: str, encoder: dict[str, Any], shape: tuple[int, int, int], loss: str
) -> None:
    images = torch.rand(4, *shape)
    if name == "resnet18":
        encoder = {**encoder, "zero_init": False}
    objective = made(name, images, encoder, loss=loss)
    objective.loss(batch_of(images)).backward()
    assert all(p.grad is not None and p.grad.any() for p in objective.parameters())
    seen = objective.eval().reconstruct(images)
    assert seen.shape == images.shape
    assert not seen.requires_grad
    assert bool(((seen > 0) & (seen < 1)).all())


def test_the_error_is_the_sum_of_squares_of_an_image() -> None:
    images = torch.rand(5, 1, 28, 28)
    objective = made("emnist_cnn", images, {}).eval()
    seen = objective.reconstruct(images)
    total = 0.0
    for image, guess in zip(images, seen, strict=True):
        for value, other in zip(image.flatten().tolist(), guess.flatten().tolist(), strict=True):
            total += (value - other) ** 2
    assert error_of(objective, images) == pytest.approx(total / 5, rel=1e-5)


def test_cross_entropy_is_that_of_torch() -> None:
    images = torch.rand(5, 1, 28, 28)
    objective = made("emnist_cnn", images, {}, loss="bce").eval()
    expected = functional.binary_cross_entropy(
        objective.reconstruct(images).double(), images.double(), reduction="sum"
    )
    assert error_of(objective, images) == pytest.approx(float(expected) / 5, rel=1e-5)


def test_cross_entropy_bears_certain_pixels() -> None:
    images = torch.ones(2, 1, 28, 28)
    objective = made("emnist_cnn", images, {}, loss="bce").eval()
    last: Any = objective.decoder.get_submodule("map.layers.8")
    nn.init.constant_(last.bias, -1000.0)
    assert error_of(objective, images) == pytest.approx(784_000, rel=1e-2)


def test_the_published_decoder_equals_its_definition() -> None:
    torch.manual_seed(0)
    decoder, features = EmnistDecoder(), torch.randn(3, 32)
    weights = list(decoder.parameters())
    assert [tuple(p.shape) for p in weights[::2]] == [
        (32, 16, 3, 3),
        (16, 8, 3, 3),
        (8, 8, 3, 3),
        (8, 4, 3, 3),
        (4, 1, 4, 4),
    ]
    x, sides = features[:, :, None, None], []
    for layer, stride in enumerate((1, 1, 2, 1, 2)):
        x = functional.conv_transpose2d(
            x.relu() if layer else x, weights[2 * layer], weights[2 * layer + 1], stride=stride
        )
        sides.append(x.shape[2:])
    assert sides == [(3, 3), (5, 5), (11, 11), (13, 13), (28, 28)]
    torch.testing.assert_close(decoder(features), x)


def test_the_published_encoder_gets_the_published_decoder() -> None:
    images = torch.rand(2, 1, 28, 28)
    decoders: Any = [
        made("emnist_cnn", images, {}).decoder,
        made("cnn", images, {"width": 2}).decoder,
    ]
    assert isinstance(decoders[0].map, EmnistDecoder)
    assert isinstance(decoders[1].map, ImageDecoder)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((1, 28, 28), [(7, 7), (14, 14), (28, 28)]),
        ((3, 32, 20), [(8, 5), (16, 10), (32, 20)]),
        ((3, 6, 8), [(6, 8)]),
        ((1, 1, 97), [(1, 7), (1, 13), (1, 25), (1, 49), (1, 97)]),
    ],
)
def test_the_decoder_of_images_doubles_the_sides(
    shape: tuple[int, int, int], sizes: list[tuple[int, int]]
) -> None:
    decoder = ImageDecoder(4, shape)
    seen: list[tuple[int, ...]] = []
    for stage in decoder.stages:
        stage.register_forward_hook(lambda *given: seen.append(tuple(given[2].shape[2:])))
    assert decoder(torch.rand(2, 4)).shape == (2, *shape)
    assert seen == sizes


@pytest.mark.parametrize(
    ("name", "encoder", "shape", "steps"),
    [("emnist_cnn", {}, (1, 28, 28), 300), ("cnn", {"width": 8}, (3, 16, 16), 100)],
)
def test_a_handful_of_images_is_learnt_by_heart(
    name: str, encoder: dict[str, Any], shape: tuple[int, int, int], steps: int
) -> None:
    images = drawn_images(*shape)
    objective = made(name, images, encoder)
    spread = float((images - images.mean(0)).square().sum()) / len(images)
    assert trained(objective, images, steps) < 0.2 * spread


@pytest.mark.parametrize(
    ("name", "encoder", "shape"),
    [("emnist_cnn", {}, (1, 28, 28)), ("resnet18", {"width": 2}, (3, 16, 16))],
)
def test_a_frozen_encoder_stays_bit_identical(
    name: str, encoder: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    images = drawn_images(*shape)
    objective = made(name, images, encoder, frozen_encoder=True)
    before = {key: value.clone() for key, value in objective.encoder.state_dict().items()}
    start = error_of(objective.eval(), images)
    assert trained(objective, images, 20) < start
    after = objective.encoder.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_an_encoder_that_is_not_frozen_moves() -> None:
    images = drawn_images(3, 8, 8)
    objective = made("resnet18", images, {"width": 2})
    before = {key: value.clone() for key, value in objective.encoder.state_dict().items()}
    trained(objective, images, 2)
    after = objective.encoder.state_dict()
    assert not any(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_the_monitor_tells_the_squares_of_the_rows_since_it_was_asked(loss: str) -> None:
    images = torch.rand(6, 1, 28, 28)
    objective = made("emnist_cnn", images, {}, loss=loss)
    assert objective.monitor() == {}
    for part in images[:4], images[4:]:
        objective.loss(batch_of(part))
    objective.eval()
    squares = (objective.reconstruct(images) - images).square().sum((1, 2, 3))
    assert objective.monitor() == {"sse": pytest.approx(float(squares.mean()), rel=1e-5)}
    objective.loss(batch_of(images[:1]))
    assert objective.monitor() == {"sse": pytest.approx(float(squares[0]), rel=1e-5)}
    assert objective.monitor() == {}


def vectors() -> Vectors:
    torch.manual_seed(2)
    hidden = torch.randn(200, 2)
    return Vectors(
        (hidden @ torch.randn(2, 5)).tanh() * torch.tensor([1, 10, 1e3, 1, 1]) + 50, list("abcde")
    )


def test_columns_come_back_in_their_own_units() -> None:
    data = vectors()
    torch.manual_seed(0)
    encoder: Any = build_encoder("mlp", {"hidden": 16, "layers": 3}, data)
    objective = AutoEncoder(encoder)
    linear = [m for m in objective.decoder.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(16, 16), (16, 16), (16, 5)]
    assert trained(objective, data.values, 200) < 0.5
    off = objective.reconstruct(data.values) - data.values
    assert bool((off.square().mean(0) < 0.1 * data.values.var(0)).all())


def test_columns_are_compared_at_one_scale() -> None:
    data = vectors()
    torch.manual_seed(0)
    encoder: Any = build_encoder("mlp", {"hidden": 4}, data)
    objective = AutoEncoder(encoder)
    scaled = (data.values - data.values.mean(0)) / data.values.std(0, correction=0)
    guess = objective.decoder(encoder(data.values))
    expected = (guess - scaled).square().sum() / 200
    error = error_of(objective, data.values)
    assert error == pytest.approx(float(expected.detach()), rel=1e-4)


def test_what_cannot_be_given_back_is_told() -> None:
    molecules = Molecules.from_smiles(["CCO", "C"])
    gin: Any = build_encoder("gin", {}, molecules)
    with pytest.raises(UserError, match="gives back images or vectors, which the encoder GIN"):
        AutoEncoder(gin)
    mlp: Any = build_encoder("mlp", {}, vectors())
    with pytest.raises(UserError, match="loss bce is for images; vectors take mse"):
        AutoEncoder(mlp, loss="bce")


def test_any_module_can_be_auto_encoded() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))
    with pytest.raises(UserError, match="which the encoder Adapter does not take"):
        AutoEncoder(Adapter(network, 10))
    objective = OBJECTIVES["autoencoder"](Adapter(network, 10, in_shape=(3, 8, 8)))
    assert objective.reconstruct(torch.rand(2, 3, 8, 8)).shape == (2, 3, 8, 8)
