"""Corruptions of images: published constants, and what a slow twin does to one image at a time."""

import io
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from slow_corruptions import (
    blurred,
    coarse,
    drawn_out,
    enlarged,
    natural,
    out_of_focus,
    recoloured,
    with_less_contrast,
)
from torch import Generator, Tensor

from nearfar.data import Images
from nearfar.data.corruptions import CORRUPTIONS, corrupt, image_rows
from nearfar.data.corruptions.blur import disc, trail
from nearfar.data.corruptions.elastic import elastic
from nearfar.data.corruptions.image_table import IMAGE_CORRUPTIONS
from nearfar.data.corruptions.weather import fog, plasma, snow

every_image_corruption = pytest.mark.parametrize("name", sorted(IMAGE_CORRUPTIONS))


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def grey_images(count: int = 40, value: int = 128, side: int = 32) -> Images:
    return Images(torch.full((count, 3, side, side), value, dtype=torch.uint8))


def after(clean: Images, name: str, severity: int) -> Tensor:
    """The pixels of the corrupted images."""
    seen = corrupt(clean, name, severity, 0)
    assert isinstance(seen, Images)
    return seen.pixels


def in_unit(pixels: Any) -> np.ndarray:
    return np.asarray(pixels, dtype=np.float64) / 255


def constants(name: str, side: int) -> list[tuple[float, ...]]:
    table = IMAGE_CORRUPTIONS[name].constants
    return [table.at(severity, side, side) for severity in range(1, 6)]


def assert_close(seen: Tensor, expected: list[np.ndarray], levels: float = 0.51) -> None:
    """Equal but for rounding to whole pixel values."""
    wanted = np.clip(np.stack(expected), 0, 1) * 255
    assert np.abs(seen.numpy().astype(float) - wanted).max() <= levels


@every_image_corruption
@pytest.mark.parametrize(
    "shape", [(6, 3, 32, 32), (6, 1, 28, 28), (5, 3, 40, 56), (3, 3, 112, 96), (2, 3, 1, 1)]
)
def test_any_size_stays_in_range_and_order(name: str, shape: tuple[int, ...]) -> None:
    count, channels, height, width = shape
    clean = Images(natural(count, 3 if name == "saturate" else channels, height, width))
    for severity in (1, 5):
        seen = after(clean, name, severity)
        assert seen.shape == clean.pixels.shape
        assert seen.dtype == torch.uint8
        assert seen.is_contiguous()
    if shape[-1] > 1:
        here = after(clean, name, 1).float().flatten(1)
        near = torch.cdist(here, clean.pixels.float().flatten(1)).argmin(dim=1)
        assert near.tolist() == list(range(len(clean)))


@every_image_corruption
def test_each_severity_is_harder_at_other_sizes(name: str) -> None:
    for side in (28, 112):
        clean = Images(natural(6, 3, side, side))
        far = [
            float((after(clean, name, s).float() - clean.pixels).square().mean()) for s in range(6)
        ]
        assert all(near < farther for near, farther in pairwise(far)), (side, far)


@every_image_corruption
def test_extreme_images_stay_images(name: str) -> None:
    for value in (0, 255):
        flat = grey_images(2, value)
        for severity in (1, 5):
            seen = after(flat, name, severity)
            if name in {"gaussian_blur", "defocus_blur", "motion_blur", "zoom_blur", "contrast",
                        "pixelate", "elastic", "saturate"}:  # fmt: skip
                assert torch.equal(seen, flat.pixels)


@every_image_corruption
def test_chunks_bound_memory_and_change_nothing_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = natural(1).repeat(7, axis=0)
    whole = after(Images(one), name, 4)
    most = []
    change = IMAGE_CORRUPTIONS[name].change

    def watched(images: Tensor, *rest: Any) -> Tensor:
        most.append(len(images))
        return change(images, *rest)

    monkeypatch.setattr(image_rows, "CHUNK", 2 * one[0].size + 1)
    form = image_rows.ImageCorruption(watched, IMAGE_CORRUPTIONS[name].constants)
    parts = form.apply(Images(one), 4, 0)
    assert most == [2, 2, 2, 1]
    if whole.int().diff(dim=0).abs().max() <= 1:  # nothing is drawn
        assert (parts.pixels.int() - whole.int()).abs().max() <= 1
    else:
        assert len(parts.pixels.unique(dim=0)) > 2, "every chunk is given the same draws"


def test_published_constants_hold_at_the_sizes_they_were_made_for() -> None:
    assert constants("gaussian_noise", 32) == [(0.04,), (0.06,), (0.08,), (0.09,), (0.10,)]
    assert constants("gaussian_noise", 224) == [(0.08,), (0.12,), (0.18,), (0.26,), (0.38,)]
    assert constants("gaussian_blur", 224) == [(1,), (2,), (3,), (4,), (6,)]
    assert constants("defocus_blur", 32)[3] == (1, 0.2)
    assert constants("motion_blur", 224)[4] == (20, 15)
    assert constants("snow", 32)[0] == (0.1, 0.2, 1, 0.6, 8, 3, 0.95)
    assert constants("jpeg", 32)[0] == (80,)


def test_lengths_grow_with_the_image_and_the_nearer_table_holds() -> None:
    assert constants("gaussian_blur", 112) == [(0.5,), (1,), (1.5,), (2,), (3,)]
    assert constants("gaussian_blur", 64) == [(0.8,), (1.2,), (1.4,), (1.6,), (2,)]
    assert constants("defocus_blur", 112)[1] == (2, 0.5)
    assert constants("gaussian_noise", 84)[0] == (0.04,)
    assert constants("gaussian_noise", 85)[0] == (0.08,)
    assert constants("snow", 112)[0] == (0.1, 0.3, 3, 0.5, 5, 2, 0.8)
    assert constants("motion_blur", 28) == constants("motion_blur", 32)
    table = IMAGE_CORRUPTIONS["gaussian_blur"].constants
    assert table.at(1, 300, 112) == (0.5,)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_noise_has_the_deviation_that_it_says(severity: int) -> None:
    value = 128 / 255
    published = {
        "gaussian_noise": lambda c: c,
        "speckle_noise": lambda c: c * value,
        "shot_noise": lambda c: math.sqrt(value / c),
    }
    for name, deviation in published.items():
        noise = after(grey_images(), name, severity).double() / 255 - value
        expected = deviation(constants(name, 32)[severity - 1][0])
        assert abs(float(noise.std()) / expected - 1) < 0.02, name
        assert abs(float(noise.mean())) < 4 * expected / math.sqrt(noise.numel()) + 1e-4, name
        rows = noise.flatten(1)
        assert float(torch.corrcoef(rows).fill_diagonal_(0).abs().max()) < 0.1, name


def test_shot_noise_counts_photons() -> None:
    seen = after(grey_images(side=224, count=1), "shot_noise", 5)
    assert set(seen.unique().tolist()) == {0, 85, 170, 255}
    dark = grey_images(2, 0)
    assert torch.equal(after(dark, "shot_noise", 5), dark.pixels)


def test_impulse_noise_is_salt_and_pepper_alike_often() -> None:
    for severity, share in enumerate((0.01, 0.02, 0.03, 0.05, 0.07), start=1):
        pixels = after(grey_images(), "impulse_noise", severity)
        assert set(pixels.unique().tolist()) == {0, 128, 255}
        for value in (0, 255):
            found = float((pixels == value).double().mean())
            assert abs(found - share / 2) < 4 * math.sqrt(share / 2 / pixels.numel())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("severity", [1, 4, 5])
def test_blur_equals_its_twin(channels: int, severity: int) -> None:
    clean = natural(3, channels, 32, 40)
    sigma = constants("gaussian_blur", 32)[severity - 1][0]
    seen = after(Images(clean), "gaussian_blur", severity)
    assert_close(seen, [blurred(image, sigma) for image in in_unit(clean)])


@pytest.mark.parametrize("severity", [1, 3, 4, 5])
def test_defocus_equals_its_twin(severity: int) -> None:
    clean = natural(2, 3, 32, 34)
    setting = constants("defocus_blur", 32)[severity - 1]
    seen = after(Images(clean), "defocus_blur", severity)
    assert_close(seen, [out_of_focus(image, *setting) for image in in_unit(clean)])


def test_a_disc_is_round_and_as_large_as_it_says() -> None:
    for radius in (3.0, 5.5, 10.0):
        kernel = disc(radius, 0.5)
        assert float(kernel.sum()) == pytest.approx(1)
        assert torch.allclose(kernel, kernel.mT)
        place = torch.arange(len(kernel)) - len(kernel) // 2
        spread = float((kernel * place.square()).sum())
        assert spread == pytest.approx(radius**2 / 4, rel=0.15)


@pytest.mark.parametrize("degrees", [0.0, 33.0, -45.0, -100.0])
def test_a_trail_equals_its_twin(degrees: float) -> None:
    clean = in_unit(natural(2, 2 + 1, 9, 14))
    angle = torch.deg2rad(torch.tensor([degrees, degrees + 20]))
    seen = trail(torch.from_numpy(clean).float(), angle, 2.0, 3.0)
    expected = [drawn_out(clean[0], degrees, 4, 3.0), drawn_out(clean[1], degrees + 20, 4, 3.0)]
    assert np.abs(seen.numpy() - np.stack(expected)).max() < 1e-5


def test_motion_blurs_along_and_not_across() -> None:
    stripes = np.zeros((20, 1, 32, 32), dtype=np.uint8)
    stripes[:, :, :, 16:] = 255
    across = after(Images(stripes), "motion_blur", 5)
    along = after(Images(stripes.swapaxes(2, 3).copy()), "motion_blur", 5)
    assert (across.float() - torch.from_numpy(stripes)).abs().mean() > (
        1.5 * (along.float() - torch.from_numpy(stripes).mT).abs().mean()
    )


def test_zoom_equals_its_twin() -> None:
    clean = natural(2, 3, 32, 36)
    seen = after(Images(clean), "zoom_blur", 1)
    factors = [1.01, 1.02, 1.03, 1.04, 1.05]
    expected = [
        (2 * image + sum(enlarged(image, factor) for factor in factors)) / 7
        for image in in_unit(clean)
    ]
    assert_close(seen, expected)


@pytest.mark.parametrize("severity", [1, 5])
def test_contrast_equals_its_twin(severity: int) -> None:
    clean = natural(3, 3, 32, 33)
    share = constants("contrast", 32)[severity - 1][0]
    seen = after(Images(clean), "contrast", severity)
    assert_close(seen, [with_less_contrast(image, share) for image in in_unit(clean)])


@pytest.mark.parametrize(
    ("name", "severity"),
    [("brightness", 2), ("brightness", 5), ("saturate", 1), ("saturate", 4)],
)
def test_light_and_colour_equal_the_standard_library(name: str, severity: int) -> None:
    clean = natural(3, 3, 32, 32)
    clean[0, :, :2] = clean[0, :1, :2]
    clean[1, :, 0], clean[1, :, 1] = 0, 255
    clean[2, 1:, :3] = 0
    setting = constants(name, 32)[severity - 1]
    lighter, factor, more = (setting[0], 1, 0) if name == "brightness" else (0, *setting)
    seen = after(Images(clean), name, severity)
    assert_close(seen, [recoloured(image, lighter, factor, more) for image in in_unit(clean)])


def test_brightness_of_one_channel_is_added() -> None:
    clean = natural(2, 1)
    seen = after(Images(clean), "brightness", 4)
    assert_close(seen, [image + 0.2 for image in in_unit(clean)])


@pytest.mark.parametrize("side", [32, 112])
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_pixelate_equals_pillow(side: int, severity: int) -> None:
    clean = natural(2, 3, side, side)
    share = constants("pixelate", side)[severity - 1][0]
    seen = after(Images(clean), "pixelate", severity)
    assert_close(seen, [in_unit(coarse(image, share)) for image in clean], levels=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_pillows(channels: int) -> None:
    clean = natural(3, channels, 24, 40)
    seen = after(Images(clean), "jpeg", 5)
    for before, found in zip(clean, seen.numpy(), strict=True):
        image = Image.fromarray(before[0] if channels == 1 else before.transpose(1, 2, 0))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=40)
        read = np.asarray(Image.open(file)).reshape(24, 40, channels).transpose(2, 0, 1)
        assert np.array_equal(found, read)


def test_fog_veils_and_never_passes_the_brightest_value() -> None:
    images = torch.from_numpy(in_unit(natural(8)) * 0.7).float()
    seen = fog(images, (1.0, 2.0), generator())
    brightest = images.amax(dim=(1, 2, 3))
    assert bool((seen.amax(dim=(1, 2, 3)) <= brightest + 1e-6).all())
    cloud = seen * ((brightest + 1) / brightest)[:, None, None, None] - images
    assert torch.allclose(cloud[:, 0], cloud[:, 1], atol=1e-5)
    assert float(cloud.min()) >= -1e-5
    assert float(cloud.max()) <= 1 + 1e-5


def test_clouds_fill_their_range_and_are_rougher_with_slower_decay() -> None:
    rough, smooth = (plasma(30, 60, decay, generator()) for decay in (1.4, 3.0))
    for clouds in (rough, smooth):
        assert clouds.shape == (30, 64, 64)
        assert torch.equal(clouds.amin(dim=(1, 2)), torch.zeros(30))
        assert torch.equal(clouds.amax(dim=(1, 2)), torch.ones(30))
    steps = [float(clouds.diff(dim=2).abs().mean()) for clouds in (rough, smooth)]
    assert steps[0] > 2 * steps[1]
    seams = (rough[:, :, 0] - rough[:, :, -1]).abs().mean()
    assert float(seams) < 2 * steps[0], "a cloud has a seam where it should go on"


def test_snow_falls_twice_and_whitens() -> None:
    black = torch.zeros(6, 3, 32, 32)
    seen = snow(black, (0.1, 0.2, 1, 0.5, 10, 4, 0.9), generator())
    flakes = seen - 0.05
    assert torch.allclose(flakes, flakes.rot90(2, (2, 3)), atol=1e-6)
    assert float(flakes.min()) >= -1e-6
    assert float(flakes.max()) > 0.1
    down, across = (float(flakes.diff(dim=dim).abs().mean()) for dim in (2, 3))
    assert across > 1.3 * down, "flakes do not fall"


def test_elastic_moves_pixels_as_far_as_it_says() -> None:
    height, width = 64, 80
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = (torch.stack([x, y]).float() / 100).expand(60, 2, height, width)
    inner = (..., slice(16, 48), slice(16, 64))
    smooth = (elastic(places, (1.5, 5.0, 0.0), generator()) - places)[inner] * 100
    assert float(smooth.square().mean().sqrt()) == pytest.approx(1.5, rel=0.1)
    near = (smooth[..., 1:] * smooth[..., :-1]).mean() / smooth.square().mean()
    assert float(near) == pytest.approx(math.exp(-1 / (4 * 5.0**2)), abs=0.01)
    affine = (elastic(places, (0.0, 5.0, 2.0), generator()) - places)[inner] * 100
    assert float(affine.diff(n=2, dim=3).abs().max()) < 1e-2, "an affine map has no curvature"
    corner = (elastic(places, (0.0, 5.0, 2.0), generator()) - places)[:, :, 31 - 21, 40 - 21] * 100
    assert 1.5 < float(corner.abs().max()) < 2.4
    assert bool((elastic(places, (0.0, 5.0, 0.0), generator()) - places).abs().max() < 1e-5)


def test_a_planted_sensitivity_is_found() -> None:
    """One predictor reads fine stripes, the other the light: each fails where one does not."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    stripes = np.where(np.arange(32) % 2 == 0, 20, -20)
    pixels = np.full((200, 3, 32, 32), 128) + 10 * (2 * truth - 1)[:, None, None, None]
    pixels = pixels + stripes * (2 * truth - 1)[:, None, None, None]
    clean = Images(pixels.astype(np.uint8))

    def accuracy(inputs: Any, pattern: np.ndarray, least: float) -> float:
        score = (inputs.pixels.numpy().astype(float) * pattern).mean(axis=(1, 2, 3))
        return float(((score > least) == truth).mean())

    def by_stripes(inputs: Any) -> float:
        return accuracy(inputs, stripes, 100)

    def by_light(inputs: Any) -> float:
        return accuracy(inputs, np.ones(32), 128)

    assert by_stripes(clean) == by_light(clean) == 1
    blurry = corrupt(clean, "gaussian_blur", 5, 0)
    assert by_light(blurry) == 1
    assert by_stripes(blurry) < 0.6
    bright = corrupt(clean, "brightness", 5, 0)
    assert by_stripes(bright) == 1
    assert by_light(bright) < 0.6


def test_the_registry_has_the_families_that_can_be_drawn() -> None:
    images = {name for name, it in CORRUPTIONS.items() if "image" in it.accepts}
    assert images == set(IMAGE_CORRUPTIONS)
    assert len(images) == 16
