"""Pixels of reduced images: what they are, and in how much memory."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nearfar.data import Images
from nearfar.encoders import pixels
from nearfar.encoders.pixels import Pixels


def images(count: int, height: int, width: int) -> Images:
    values = np.random.default_rng(0).integers(0, 256, (count, 3, height, width), dtype=np.uint8)
    return Images(values)


class Watched(Images):
    """Images that note how many values they give at a time."""

    largest = 0

    def select(self, index: Tensor) -> Tensor:
        batch = super().select(index)
        Watched.largest = max(Watched.largest, batch.numel())
        return batch


def test_large_images_are_averaged_down_to_the_side_and_small_ones_stay() -> None:
    large = Pixels(images(3, 128, 64), side=32)
    assert (large.size, large.out_features) == ([32, 32], 3 * 32 * 32)
    even = Images(np.full((2, 3, 128, 64), 51, dtype=np.uint8))
    assert np.allclose(large.features(even), 0.2)
    small = images(3, 8, 8)
    assert np.array_equal(Pixels(small).features(small), small.select(torch.arange(3)).flatten(1))


def test_a_pixel_is_about_the_mean_of_those_that_it_stands_for() -> None:
    checked = np.zeros((1, 1, 64, 64), dtype=np.uint8)
    checked[..., ::2, ::2] = checked[..., 1::2, 1::2] = 200
    values = Pixels(Images(checked), side=8).features(Images(checked))
    assert np.allclose(values, 100 / 255, atol=0.02)


def test_few_large_images_are_read_at_a_time_with_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = images(10, 40, 40)
    whole = Pixels(rows, side=16).features(rows)
    monkeypatch.setattr(pixels, "VALUES", 3 * 3 * 40 * 40)
    watched = Watched(rows.pixels)
    assert np.array_equal(Pixels(rows, side=16).features(watched), whole)
    assert Watched.largest == 3 * 3 * 40 * 40
    monkeypatch.setattr(pixels, "VALUES", 1)
    assert np.array_equal(Pixels(rows, side=16).features(rows), whole)
