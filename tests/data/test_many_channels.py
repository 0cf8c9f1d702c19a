"""Images of two, four and five channels: every part copes, or refuses in one line."""

import numpy as np
import pytest
import torch
from image_examples import some_pixels

from nearfar.data import Images
from nearfar.data.augment import VIEWS, build_views
from nearfar.data.corruptions import corrupt
from nearfar.data.corruptions.image_table import IMAGE_CORRUPTIONS
from nearfar.data.shown import encoded_picture
from nearfar.encoders import ENCODERS
from nearfar.errors import UserError

CHANNELS = [2, 4, 5]


@pytest.fixture(params=CHANNELS)
def images(request: pytest.FixtureRequest) -> Images:
    return Images(some_pixels(3, request.param, side=32), (0, 4095))


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_views(images: Images, name: str) -> None:
    torch.manual_seed(0)
    seen = build_views([(name, {})])(images.select(torch.arange(3)))
    assert seen.shape[:2] == (3, images.shape[0])
    assert torch.isfinite(seen).all()


@pytest.mark.parametrize("name", ["cnn", "resnet18", "pixels", "identity"])
def test_encoders(images: Images, name: str) -> None:
    encoder = ENCODERS[name](images)
    if isinstance(encoder, torch.nn.Module):
        features = encoder.eval()(images.select(torch.arange(3)))
        assert features.shape == (3, encoder.out_features)
        assert torch.isfinite(features).all()


@pytest.mark.parametrize("name", sorted(IMAGE_CORRUPTIONS))
def test_corruptions(images: Images, name: str) -> None:
    if name in ("jpeg", "saturate"):
        with pytest.raises(UserError, match=f"these images (have )?{images.shape[0]}"):
            corrupt(images, name, 3, 0)
        return
    changed = corrupt(images, name, 3, 0)
    assert isinstance(changed, Images)
    assert changed.shape == images.shape


def test_thumbnails(images: Images) -> None:
    small = images.thumbnails(torch.arange(3))
    shown = 1 if images.shape[0] == 2 else 3
    assert np.array_equal(small, images.pixels[:, :shown].permute(0, 2, 3, 1).numpy())
    assert encoded_picture(small[0]).startswith(b"\x89PNG")


def test_the_range_goes_along(images: Images) -> None:
    assert images.take(torch.tensor([1])).range == images.to("cpu").range == (0, 4095)
