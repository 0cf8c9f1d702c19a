"""Blur: out of focus, in motion, zooming. Beyond the border the outermost pixels go on."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from nearfar.data.corruptions.image_rows import Setting
from nearfar.data.corruptions.lines import REACH, along, gaussian_lines, zoomed_lines


def gaussian(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Blur by a Gaussian of deviation ``setting[0]`` pixels."""
    height, width = images.shape[2:]
    sigma = setting[0]
    return along(images, gaussian_lines(height, sigma), gaussian_lines(width, sigma))


def defocus(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Spread every pixel over a disc of radius ``setting[0]`` pixels.

    The disc's edge is softened by a Gaussian of deviation ``setting[1]`` pixels, cut to 3×3.
    """
    kernel = disc(*setting).to(images)
    side = kernel.shape[-1] // 2
    padded = functional.pad(images, (side,) * 4, "replicate")
    size = padded.shape[2:]
    product = torch.fft.rfft2(padded) * torch.fft.rfft2(kernel, s=size)
    spread: Tensor = torch.fft.irfft2(product, s=size)
    return spread[:, :, 2 * side :, 2 * side :]


def disc(radius: float, softness: float) -> Tensor:
    """Return a disc with a soft edge that sums to 1, float32 (k, k), k odd."""
    side = math.floor(radius) + 1
    place = torch.arange(-side, side + 1, dtype=torch.float64)
    hard = ((place.square() + place[:, None].square()) <= radius**2).double()
    edge = (-torch.tensor([1.0, 0.0, 1.0]).double() / (2 * softness**2)).exp()
    edge /= edge.sum()
    soft = functional.conv2d(hard[None, None], torch.outer(edge, edge)[None, None], padding=1)
    return (soft[0, 0] / soft.sum()).float()


def motion(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Draw every image out in one direction, up to 45 degrees off the horizontal.

    ``setting`` is radius and deviation of the trail, as :func:`trail` takes them.
    """
    return trail(images, angles(images, -45, 45, generator), *setting)


def angles(images: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    """Return an angle between ``low`` and ``high`` degrees for every image, (b,) in radians."""
    draw = torch.rand(len(images), generator=generator, device=images.device)
    return torch.deg2rad(low + (high - low) * draw)


def trail(images: Tensor, angle: Tensor, radius: float, sigma: float) -> Tensor:
    """Average each image (b, c, h, w) with itself moved pixel by pixel along ``angle`` (b,).

    A step of i pixels, up to twice ``radius``, weighs exp(-i² / 2 ``sigma``²); steps end at whole
    pixels.
    """
    height, width = images.shape[2:]
    longest = min(2 * math.ceil(radius), math.ceil(REACH * sigma))
    steps = torch.arange(longest + 1, device=images.device)
    weights = (-steps.double().square() / (2 * sigma**2)).exp()
    weights /= weights.sum()
    down = (steps * angle.sin()[:, None]).round().long() + longest
    right = (steps * angle.cos()[:, None]).round().long() + longest
    padded = functional.pad(images, (longest,) * 4, "replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    rows = torch.arange(len(images), device=images.device)
    blurred = torch.zeros_like(images)
    for step, weight in enumerate(weights.tolist()):
        blurred += weight * windows[rows, :, down[:, step], right[:, step]]
    return blurred


def zoom(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Average the image, twice, with enlargements of it up to ``setting[0]``, by ``setting[1]``."""
    height, width = images.shape[2:]
    largest, step = setting
    factors = [1 + step * place for place in range(1, round((largest - 1) / step) + 1)]
    total = 2 * images
    for factor in factors:
        total += along(images, zoomed_lines(height, factor), zoomed_lines(width, factor))
    return total / (len(factors) + 2)
