"""``Images``: what is selected, moved, digested and shown."""

import numpy as np
import pytest
import torch
from image_examples import some_pixels

from nearfar.data import Images


def test_select_gives_floats_from_0_to_1() -> None:
    pixels = some_pixels(5)
    pixels[2, 0, 0, :2] = [0, 255]
    batch = Images(pixels).select(torch.tensor([2, 0, 2]))
    assert batch.dtype == torch.float32
    assert batch.shape == (3, 3, 8, 8)
    assert batch[0, 0, 0, :2].tolist() == [0, 1]
    assert np.array_equal((batch[1].numpy() * 255).round(), pixels[0])
    assert torch.equal(batch[0], batch[2])


def test_selecting_leaves_the_pixels_alone() -> None:
    pixels = some_pixels(3)
    images = Images(pixels.copy())
    images.select(torch.arange(3)).zero_()
    assert np.array_equal(images.pixels.numpy(), pixels)


def test_shape_device_and_arrays() -> None:
    pixels = some_pixels(4, channels=1, side=6)
    images = Images(pixels)
    assert (images.kind, images.shape, len(images)) == ("image", (1, 6, 6), 4)
    moved = images.to("meta")
    assert (moved.shape, moved.pixels.device.type) == ((1, 6, 6), "meta")
    assert images.to("cpu").pixels.data_ptr() == images.pixels.data_ptr()
    assert np.array_equal(images.arrays()["pixels"], pixels)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 3, 4, 4), dtype=np.float32),
        np.zeros((2, 4, 4), dtype=np.uint8),
        np.zeros((2, 0, 4, 4), dtype=np.uint8),
        np.zeros((2, 3, 0, 4), dtype=np.uint8),
    ],
    ids=str,
)
def test_other_arrays_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="need"):
        Images(wrong)


def test_small_thumbnails_are_the_images() -> None:
    pixels = some_pixels(4)
    small = Images(pixels).thumbnails(torch.tensor([3, 1]))
    assert small.dtype == np.uint8
    assert small.flags["C_CONTIGUOUS"]
    assert np.array_equal(small, pixels[[3, 1]].transpose(0, 2, 3, 1))


def test_large_thumbnails_fit_and_keep_the_proportions() -> None:
    pixels = np.full((2, 1, 90, 180), 77, dtype=np.uint8)
    pixels[1, :, :, 90:] = 255
    small = Images(pixels).thumbnails(torch.arange(2), side=60)
    assert small.shape == (2, 30, 60, 1)
    assert (small[0] == 77).all()
    assert (small[1, :, :28] == 77).all()
    assert (small[1, :, 32:] == 255).all()
    assert Images(pixels).thumbnails(torch.arange(1)).shape == (1, 32, 64, 1)
