"""Each view does to every image what its slow twin does, as often as promised."""

import math
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from slow_augment import blurred, box_stretched, turned, with_hue_moved
from torch import Tensor

from nearfar.data.augment import (
    VIEWS,
    AlternatingFlip,
    Blur,
    Crop,
    Cutout,
    Flip,
    Greyscale,
    Jitter,
    ResizedCrop,
    Rotation,
    Shift,
    build_views,
)
from nearfar.data.augment.colour import shift_hue
from nearfar.errors import UserError

every_view = pytest.mark.parametrize("name", sorted(VIEWS))
every_drawn_view = pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"alternating_flip"}))
"""All but the view that goes by the numbers of rows."""


def some_images(count: int = 8, channels: int = 3, height: int = 9, width: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(count + channels)
    return torch.rand(count, channels, height, width, generator=generator)


@every_view
@pytest.mark.parametrize("shape", [(4, 3, 16, 16), (3, 1, 28, 28), (5, 3, 7, 12), (1, 2, 3, 3)])
def test_shape_type_and_range_stay(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    images = torch.rand(shape)
    images[0] = images[0].round()
    before = images.clone()
    for _ in range(5):
        seen = VIEWS[name]()(images)
        assert seen.shape == images.shape
        assert seen.dtype == torch.float32
        assert bool(((seen >= 0) & (seen <= 1)).all())
    assert torch.equal(images, before), "the images themselves are changed"


@every_drawn_view
def test_the_same_seed_gives_the_same_views(name: str) -> None:
    images, view = some_images(), VIEWS[name]()

    def seen(seed: int) -> Tensor:
        torch.manual_seed(seed)
        result: Tensor = view(images)
        return result

    assert torch.equal(seen(3), seen(3))
    assert not torch.equal(seen(3), seen(4))


@every_drawn_view
def test_every_image_has_draws_of_its_own(name: str) -> None:
    torch.manual_seed(1)
    one = some_images(1)
    seen = VIEWS[name]()(one.expand(40, -1, -1, -1))
    different = {tuple(image.flatten().tolist()) for image in seen}
    assert len(different) >= 2
    if name not in {"flip", "greyscale", "blur", "jitter", "shift"}:
        assert len(different) > 20


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("crop", {"padding": 0}),
        ("resized_crop", {"scale": [1, 1], "ratio": [12 / 9, 12 / 9]}),
        ("flip", {"p": 0}),
        ("rotation", {"degrees": 0}),
        ("jitter", {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "p": 1}),
        ("jitter", {"p": 0}),
        ("greyscale", {"p": 0}),
        ("blur", {"p": 0}),
        ("blur", {"sigma": [0.01, 0.1], "p": 1}),
    ],
)
def test_some_options_leave_images_as_they_are(name: str, options: dict[str, Any]) -> None:
    images = some_images()
    exact = name == "crop" or options.get("p") == 0
    tolerance = {"rtol": 0, "atol": 0 if exact else 1e-5}
    torch.testing.assert_close(build_views([(name, options)])(images), images, **tolerance)


def test_crop_moves_images_and_fills_with_black() -> None:
    torch.manual_seed(0)
    images = some_images(600, 1, 3, 5) + 0.01
    seen = Crop(padding=2)(images)
    shifts: dict[tuple[int, int], int] = {}
    for image, result in zip(images, seen, strict=True):
        found = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                moved = torch.zeros_like(image)
                for i in range(3):
                    for j in range(5):
                        if 0 <= i - down < 3 and 0 <= j - right < 5:
                            moved[:, i, j] = image[:, i - down, j - right]
                if torch.equal(moved, result):
                    found.append((down, right))
        assert len(found) == 1
        shifts[found[0]] = shifts.get(found[0], 0) + 1
    assert len(shifts) == 25
    assert max(shifts.values()) < 24 + 5 * math.sqrt(24)


def test_shift_moves_as_crop_does_and_fills_with_the_mirror_image() -> None:
    images = some_images(50, 1, 5, 6) + 0.01
    views = Crop(padding=2), Shift()
    seen = []
    for view in views:
        torch.manual_seed(0)
        seen.append(view(images))
    black, mirrored = seen
    assert torch.equal(mirrored[black > 0], black[black > 0])
    assert (mirrored > 0).all()
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), mode="reflect")
    for image, around in zip(mirrored, padded, strict=True):
        windows = around.unfold(1, 5, 1).unfold(2, 6, 1)[0].flatten(0, 1)
        assert (windows == image[0]).all(dim=(1, 2)).any()


@pytest.mark.parametrize("size", [None, 5, 11])
@pytest.mark.parametrize(("height", "width"), [(9, 12), (8, 8)])
def test_resized_crop_equals_its_twin(
    height: int, width: int, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    images = some_images(12, 2, height, width)
    view = ResizedCrop(scale=(0.1, 1), ratio=(0.5, 2), size=size)
    boxes = view.boxes(images)
    monkeypatch.setattr(view, "boxes", lambda _: boxes)
    expected = [
        box_stretched(image, *map(int, box), size)
        for image, *box in zip(images, *(side.tolist() for side in boxes), strict=True)
    ]
    torch.testing.assert_close(view(images), torch.stack(expected), rtol=0, atol=1e-5)


def test_boxes_have_the_promised_area_and_shape_and_every_place() -> None:
    torch.manual_seed(0)
    images = torch.zeros(20_000, 1, 64, 48)
    top, left, rows, columns = ResizedCrop(scale=(0.1, 0.5), ratio=(0.5, 2.0)).boxes(images)
    for start, length, side in ((top, rows, 64), (left, columns, 48)):
        assert bool(((start >= 0) & (length >= 1) & (start + length <= side)).all())
        assert bool(((start == start.round()) & (length == length.round())).all())
    share, ratio = rows * columns / (64 * 48), columns / rows
    assert share.min() > 0.09
    assert share.max() < 0.52
    assert ratio.min() > 0.45
    assert ratio.max() < 2.2
    assert abs(float(share.mean()) - 0.3) < 0.01
    assert abs(float(ratio.log().mean())) < 0.05
    free = rows < 64
    place = (top / (64 - rows))[free]
    assert abs(float(place.mean()) - 0.5) < 0.01
    assert abs(float(place.var()) - 1 / 12) < 0.02


def test_a_box_that_never_fits_gives_way_to_the_largest_central_one() -> None:
    images = torch.zeros(3, 1, 10, 40)
    boxes = ResizedCrop(scale=(1, 1), ratio=(1, 1)).boxes(images)
    assert [side.tolist() for side in boxes] == [[0] * 3, [15] * 3, [10] * 3, [10] * 3]
    boxes = ResizedCrop(scale=(1, 1), ratio=(1, 1)).boxes(images.mT)
    assert [side.tolist() for side in boxes] == [[15] * 3, [0] * 3, [10] * 3, [10] * 3]


def test_flip_mirrors_left_and_right() -> None:
    images = some_images()
    assert torch.equal(Flip(p=1)(images)[:, :, :, 0], images[:, :, :, -1])
    assert torch.equal(Flip(p=1)(Flip(p=1)(images)), images)


def test_alternating_flip_shows_every_row_one_way_and_then_the_other() -> None:
    images, view = some_images(500, 1, 2, 3), AlternatingFlip()
    rows = torch.arange(1000, 1500)
    mirrored = []
    for number in range(1, 7):
        view.begin(number)
        torch.manual_seed(number)
        seen = view(images, rows)
        is_so = torch.tensor(
            [torch.equal(a, b.flip(-1)) for a, b in zip(seen, images, strict=True)]
        )
        assert torch.equal(seen[~is_so], images[~is_so])
        mirrored.append(is_so)
    assert all(torch.equal(a, ~b) for a, b in pairwise(mirrored))
    assert abs(int(mirrored[0].sum()) - 250) < 50
    turns = int((mirrored[0][1:] != mirrored[0][:-1]).sum())
    assert abs(turns - 250) < 50, "neighbours begin alike"
    order = torch.randperm(500)
    view.begin(2)
    assert torch.equal(view(images[order], rows[order]), view(images, rows)[order])


def test_a_chain_tells_its_views_rounds_and_rows() -> None:
    images, rows = some_images(20), torch.arange(40, 60)
    chain = build_views([("crop", {"padding": 0}), ("alternating_flip", {})])
    alone = AlternatingFlip()
    for number in (1, 2):
        chain.begin(number)
        alone.begin(number)
        assert torch.equal(chain(images, rows), alone(images, rows))
    assert chain.of_rows
    assert not build_views([("moco", {})]).of_rows
    assert not torch.equal(chain(images, rows), chain(images, rows + 20))


def test_cutout_makes_squares_grey_at_every_place() -> None:
    torch.manual_seed(0)
    images = some_images(3000, 2, 5, 7) * 0.4
    seen = Cutout(size=3)(images)
    grey = (seen == 0.5).all(1)
    assert torch.equal((seen == 0.5).any(1), grey)
    assert torch.equal(seen[~grey[:, None].expand_as(seen)], images[~grey[:, None].expand_as(seen)])
    places = set()
    for covered in grey[:1000]:
        down, right = covered.any(1).nonzero()[:, 0], covered.any(0).nonzero()[:, 0]
        assert bool(covered[down][:, right].all())
        assert int(covered.sum()) == len(down) * len(right)
        assert 2 <= len(down) <= 3
        assert 2 <= len(right) <= 3
        places.add((int(down[0]), int(right[0]), len(down), len(right)))
    assert len(places) == 35


@pytest.mark.parametrize("degrees", [90.0, 30.0, -17.0])
def test_rotation_equals_its_twin(degrees: float, monkeypatch: pytest.MonkeyPatch) -> None:
    images = some_images(2, 2)
    drawn = torch.full((2, 1, 1, 1), degrees)
    monkeypatch.setattr("nearfar.data.augment.geometry.uniform", lambda *_: drawn)
    expected = torch.stack([turned(image, degrees) for image in images])
    torch.testing.assert_close(Rotation()(images), expected, rtol=0, atol=1e-5)


def test_rotation_stays_within_its_degrees(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def uniform(images: Tensor, low: float, high: float) -> Tensor:
        asked.append((low, high))
        return torch.zeros(len(images), 1, 1, 1)

    monkeypatch.setattr("nearfar.data.augment.geometry.uniform", uniform)
    Rotation(degrees=20)(some_images())
    assert asked == [(-20.0, 20.0)]


@pytest.mark.parametrize("turns", [0.1, -0.37, 0.5])
def test_hue_moves_as_in_the_standard_library(turns: float) -> None:
    images = some_images(3)
    images[0, :, :3] = images[0, :1, :3]
    images[1, 0, :2] = images[1, 1, :2] = 1.0
    images[2, :, 0], images[2, :, 1] = 0.0, 1.0
    expected = torch.stack([with_hue_moved(image, turns) for image in images])
    moved = shift_hue(images, torch.full((3, 1, 1, 1), turns))
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


def grey_of(image: Tensor) -> Tensor:
    return 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_multiplies(channels: int) -> None:
    torch.manual_seed(0)
    images = some_images(2000, channels, 2, 2) / 2
    seen = Jitter(brightness=0.8, contrast=0, saturation=0, hue=0, p=1)(images)
    factor = seen.flatten(1).sum(1) / images.flatten(1).sum(1)
    torch.testing.assert_close(seen, images * factor[:, None, None, None])
    assert 0.2 <= factor.min() < 0.25
    assert 1.75 < factor.max() <= 1.8
    assert abs(float(factor.mean()) - 1) < 0.05


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_mixes_with_the_mean_grey(channels: int) -> None:
    torch.manual_seed(0)
    images = 0.4 + some_images(300, channels, 3, 3) / 5
    seen = Jitter(brightness=0, contrast=0.5, saturation=0, hue=0, p=1)(images)
    factors = []
    for image, result in zip(images, seen, strict=True):
        mean = (grey_of(image) if channels == 3 else image).mean()
        factor = (result - mean).flatten().dot((image - mean).flatten())
        factors.append(float(factor / (image - mean).square().sum()))
        torch.testing.assert_close(result, mean + factors[-1] * (image - mean))
    assert min(factors) > 0.5 - 1e-4
    assert max(factors) < 1.5 + 1e-4
    assert max(factors) - min(factors) > 0.9


def test_saturation_mixes_with_the_grey_image() -> None:
    torch.manual_seed(0)
    images = 0.4 + some_images(300, 3, 3, 3) / 5
    seen = Jitter(brightness=0, contrast=0, saturation=0.5, hue=0, p=1)(images)
    factors = []
    for image, result in zip(images, seen, strict=True):
        grey = grey_of(image)
        factors.append(float(((result - grey) / (image - grey)).median()))
        torch.testing.assert_close(result, grey + factors[-1] * (image - grey))
    assert min(factors) > 0.5 - 1e-3
    assert max(factors) < 1.5 + 1e-3
    assert max(factors) - min(factors) > 0.9


def test_hue_is_drawn_from_both_sides() -> None:
    torch.manual_seed(0)
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(4000, 3, 1, 1)
    seen = Jitter(brightness=0, contrast=0, saturation=0, hue=0.1, p=1)(red)[:, :, 0, 0]
    turns = (seen[:, 1] - seen[:, 2]) / 6
    assert abs(float(turns.mean())) < 0.005
    assert float(turns.abs().max()) <= 0.1 + 1e-6
    assert float(turns.abs().max()) > 0.099


def noted(order: list[int], number: int, images: Tensor) -> Tensor:
    order.append(number)
    return images


def test_all_orders_of_the_four_occur(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    view, orders = Jitter(), set()
    for _ in range(300):
        order: list[int] = []
        steps = [partial(noted, order, number) for number in range(4)]
        monkeypatch.setattr(view, "_steps", lambda _, steps=steps: steps)
        view(some_images(1))
        orders.add(tuple(order))
    assert len(orders) == 24


def test_images_without_colour_keep_none() -> None:
    torch.manual_seed(0)
    one = some_images(50, 1)
    wide = one.expand(-1, 3, -1, -1)
    assert torch.equal(Greyscale(p=1)(one), one)
    torch.testing.assert_close(Greyscale(p=1)(wide), wide)
    jitter = Jitter(brightness=0, contrast=0, saturation=1, hue=0.5, p=1)
    torch.testing.assert_close(jitter(one), one)
    torch.testing.assert_close(jitter(wide), wide)


def test_greyscale_weighs_the_colours() -> None:
    images = some_images()
    seen = Greyscale(p=1)(images)
    for image, result in zip(images, seen, strict=True):
        torch.testing.assert_close(result, grey_of(image).expand(3, -1, -1))


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2.0])
@pytest.mark.parametrize("shape", [(2, 3, 9, 12), (1, 1, 8, 8)])
def test_blur_equals_its_twin(sigma: float, shape: tuple[int, int, int, int]) -> None:
    images = some_images(*shape)
    expected = torch.stack([blurred(image, sigma) for image in images])
    seen = Blur(sigma=(sigma, sigma), p=1)(images)
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)


def test_blur_draws_deviations_from_its_range() -> None:
    torch.manual_seed(0)
    images = torch.zeros(3000, 1, 1, 41)
    images[:, :, :, 20] = 1.0
    seen = Blur(sigma=(1.0, 3.0), p=1)(images)[:, 0, 0]
    place = torch.arange(41) - 20
    deviation = (seen * place.square()).sum(1).sqrt()
    assert 0.98 < deviation.min() < 1.05
    assert 2.9 < deviation.max() < 3.02
    assert abs(float(deviation.mean()) - 2) < 0.05


@pytest.mark.parametrize("name", ["flip", "jitter", "greyscale", "blur"])
@pytest.mark.parametrize("p", [0.2, 0.8, 1.0])
def test_as_many_images_are_changed_as_promised(name: str, p: float) -> None:
    torch.manual_seed(2)
    images = some_images(2000, 3, 4, 4)
    options = {"p": p, "sigma": (1, 2)} if name == "blur" else {"p": p}
    seen = build_views([(name, options)])(images)
    changed = float((seen != images).flatten(1).any(1).float().mean())
    assert abs(changed - p) <= 4 * math.sqrt(p * (1 - p) / 2000) + 0.001


def test_several_views_act_in_their_order() -> None:
    images = some_images()
    steps: list[tuple[str, dict[str, Any]]] = [("crop", {"padding": 2}), ("flip", {})]
    torch.manual_seed(5)
    seen = build_views(steps)(images)
    torch.manual_seed(5)
    assert torch.equal(seen, Flip()(Crop(padding=2)(images)))
    assert torch.equal(build_views([])(images), images)


@pytest.mark.parametrize(
    ("preset", "steps"),
    [
        ("standard", [("crop", {}), ("flip", {})]),
        ("moco", [("resized_crop", {}), ("flip", {}), ("jitter", {}), ("greyscale", {})]),
        (
            "simclr",
            [
                ("resized_crop", {"scale": (0.08, 1)}),
                ("flip", {}),
                ("jitter", {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2}),
                ("greyscale", {}),
                ("blur", {}),
            ],
        ),
    ],
)
def test_presets_are_their_parts(preset: str, steps: list[tuple[str, dict[str, Any]]]) -> None:
    torch.manual_seed(5)
    seen = build_views([(preset, {})])(some_images())
    torch.manual_seed(5)
    assert torch.equal(seen, build_views(steps)(some_images()))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "jiter",
            {},
            r"no view is called 'jiter'; did you mean 'jitter'\? allowed: alternating_flip,",
        ),
        ("crop", {"pad": 1}, r"view crop has no option 'pad'; did you mean 'padding'\?"),
        ("moco", {"p": 1}, r"view moco has no option 'p'; allowed: nothing"),
        ("crop", {"padding": -1}, r"view crop, option padding: .*\(given: -1\)"),
        ("jitter", {"hue": 0.6}, r"view jitter, option hue: .*0\.5 \(given: 0\.6\)"),
        ("jitter", {"brightness": math.nan}, r"view jitter, option brightness: "),
        ("flip", {"p": 1.5}, r"view flip, option p: .*\(given: 1\.5\)"),
        ("flip", {"p": None}, r"view flip, option p: "),
        ("rotation", {"degrees": "far"}, r"view rotation, option degrees: .*\(given: 'far'\)"),
        ("blur", {"sigma": [2, 1]}, r"view blur, option sigma: .*from low to high"),
        ("blur", {"sigma": [0, 1]}, r"view blur, option sigma\.0: "),
        ("resized_crop", {"scale": [0.5, 1.5]}, r"view resized_crop, option scale\.1: "),
        ("resized_crop", {"ratio": [0.5]}, r"view resized_crop, option ratio\.1: "),
    ],
)
def test_mistakes_are_told(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_views([(name, options)])
