"""Linear maps of the lines of an image as small matrices: blur, zoom, coarse pixels.

A matrix has a row for every new pixel of a line and a column for every old one; rows sum to 1.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor

REACH = 4.0
"""How far a Gaussian blur reaches, in deviations."""


def along(images: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Return images (b, c, h, w) with the columns mapped by ``down``, the rows by ``across``."""
    return down.to(images) @ (images @ across.to(images).mT)


def gaussian_lines(pixels: int, sigma: float) -> Tensor:
    """Return the Gaussian blur of a line, float32 (pixels, pixels); beyond the ends it goes on.

    ``sigma`` is a deviation in pixels; weights beyond ``REACH`` deviations are left out.
    """
    reach = math.ceil(REACH * sigma)
    offsets = torch.arange(-reach, reach + 1)
    weights = (-offsets.double().square() / (2 * max(sigma, 1e-3) ** 2)).exp()
    weights /= weights.sum()
    places = (torch.arange(pixels)[:, None] + offsets).clamp(0, pixels - 1)
    lines = torch.zeros(pixels, pixels, dtype=torch.float64)
    return lines.scatter_add_(1, places, weights.expand(pixels, -1)).float()


def zoomed_lines(pixels: int, factor: float) -> Tensor:
    """Return the bilinear enlargement of a line about its centre, float32 (pixels, pixels)."""
    centre = (pixels - 1) / 2
    places = (torch.arange(pixels, dtype=torch.float64) - centre) / factor + centre
    distance = (places[:, None] - torch.arange(pixels)).abs()
    return (1 - distance).clamp_min(0).float()


def coarse_lines(pixels: int, fewer: int) -> Tensor:
    """Return a line reduced to ``fewer`` pixels and enlarged again, float32 (pixels, pixels).

    A coarse pixel is the mean of the whole pixels whose centres lie in it; an enlarged pixel is
    the coarse one in which its centre lies.
    """
    width = pixels / fewer
    ends = [int(place * width + 0.5) for place in range(fewer + 1)]
    coarse = torch.zeros(fewer, pixels)
    for row, (start, end) in enumerate(pairwise(ends)):
        coarse[row, start:end] = 1 / (end - start)
    home = ((torch.arange(pixels, dtype=torch.float64) + 0.5) / width).long()
    return coarse[home]
