"""The timm encoder asks the library rightly; the library itself is stood in for."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_images import built, some_images
from torch import Tensor, nn

from nearfar.errors import UserError


class Model(nn.Module):
    """Channel sums through an affine map, with timm's attributes."""

    num_features = 5
    pretrained_cfg = {"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 0.2)}  # noqa: RUF012

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = nn.Linear(channels, 5)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.act(self.head(x.mean((2, 3))))
        return result


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A timm that knows two models and notes what it is asked for."""
    calls: list[dict[str, Any]] = []

    def create_model(name: str, **options: Any) -> nn.Module:
        calls.append({"name": name, **options})
        if name == "broken":
            raise RuntimeError("No pretrained weights exist for broken.\nmore lines")
        return Model(options["in_chans"])

    library = SimpleNamespace(
        layers=SimpleNamespace(PatchEmbed=type("PatchEmbed", (), {})),
        list_models=lambda: ["convnext_tiny", "broken"],
        create_model=create_model,
    )
    monkeypatch.setitem(sys.modules, "timm", library)
    return calls


def test_the_model_is_built_without_classifier(asked: list[dict[str, Any]]) -> None:
    images = some_images(1, 8, 9)
    encoder: Any = built("timm", images, name="convnext_tiny")
    assert asked == [
        {"name": "convnext_tiny", "pretrained": False, "num_classes": 0, "in_chans": 1}
    ]
    assert encoder.out_features == 5
    assert encoder.in_shape == (1, 8, 9)
    assert encoder.layer_groups() == [encoder.model.head]
    torch.testing.assert_close(encoder(images.pixels), encoder.model(2 * images.pixels - 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_pretrained_weights_see_their_own_scale(asked: list[dict[str, Any]], channels: int) -> None:
    images = some_images(channels)
    encoder: Any = built("timm", images, name="convnext_tiny.some_tag", pretrained=True)
    assert asked[0]["name"] == "convnext_tiny.some_tag"
    assert asked[0]["pretrained"] is True
    mean, deviation = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.25, 0.2])
    if channels == 1:
        mean, deviation = mean.mean(), deviation.mean()
    scaled = (images.pixels - mean.view(-1, 1, 1)) / deviation.view(-1, 1, 1)
    torch.testing.assert_close(encoder(images.pixels), encoder.model(scaled))
    assert set(encoder.state_dict()) == {"model.head.weight", "model.head.bias"}


@pytest.mark.usefixtures("asked")
def test_mistakes_are_told_in_one_line() -> None:
    images = some_images()
    near = r"timm has no model 'convnext_tini'; did you mean 'convnext_tiny'\?$"
    with pytest.raises(UserError, match=near):
        built("timm", images, name="convnext_tini")
    with pytest.raises(UserError, match=r"no model 'zzz'; timm\.list_models\(\) names them$"):
        built("timm", images, name="zzz")
    with pytest.raises(
        UserError, match=r"cannot build 'broken': No pretrained weights .*broken\.$"
    ):
        built("timm", images, name="broken")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"needs the timm library: pip install 'nearfar\[timm\]'"):
        built("timm", some_images())
