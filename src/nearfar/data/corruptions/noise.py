"""Noise of every pixel and channel by itself."""

import torch
from torch import Generator, Tensor

from nearfar.data.corruptions.image_rows import Setting


def normal(images: Tensor, generator: Generator) -> Tensor:
    """Return standard normal numbers in the shape of ``images``."""
    return torch.randn(images.shape, generator=generator, device=images.device)


def gaussian_noise(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Add normal noise of deviation ``setting[0]``."""
    return images + setting[0] * normal(images, generator)


def speckle_noise(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Add normal noise of deviation ``setting[0]`` times the value itself."""
    return images * (1 + setting[0] * normal(images, generator))


def shot_noise(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Count photons: Poisson noise where a value of 1 stands for ``setting[0]`` of them."""
    return torch.poisson(images * setting[0], generator=generator) / setting[0]


def impulse_noise(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Set a share ``setting[0]`` of the values to 0 or 1, each as often."""
    share = setting[0]
    draw = torch.rand(images.shape, generator=generator, device=images.device)
    salted = torch.where(draw > 1 - share / 2, 1.0, images)
    return torch.where(draw < share / 2, 0.0, salted)
