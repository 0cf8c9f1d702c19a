"""Bending the image like a rubber sheet."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from nearfar.data.corruptions.image_rows import Setting
from nearfar.data.corruptions.lines import along, gaussian_lines


def elastic(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Read every pixel from a place nearby (bilinear; the image is mirrored at its border).

    The places differ by smooth random displacements (Simard, Steinkraus and Platt, "Best
    Practices for Convolutional Neural Networks", 2003) plus an affine map that moves three corners
    of a central square. ``setting``, in pixels: root mean square of the smooth displacements in
    either direction, deviation of the Gaussian that smooths them, how far a corner moves at most.
    """
    move, smooth, corner = setting
    height, width = images.shape[2:]
    shape = (len(images), 2, height, width)
    noise = torch.randn(shape, generator=generator, device=images.device)
    lines = gaussian_lines(height, smooth), gaussian_lines(width, smooth)
    smoothed = along(noise, *lines) * (2 * math.sqrt(math.pi) * smooth)
    bent = corner * _affine(images, generator) + move * smoothed
    y = torch.arange(height, device=images.device)[:, None] + bent[:, 1]
    x = torch.arange(width, device=images.device) + bent[:, 0]
    grid = torch.stack([_relative(x, width), _relative(y, height)], dim=-1)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=True)


def _affine(images: Tensor, generator: Generator) -> Tensor:
    """Return affine displacements (b, 2, h, w) that move three corners by uniform ±1 in x and y.

    The corners are those of a square about the centre, two thirds of the shorter side wide; a
    place's displacement is theirs, weighted by its barycentric coordinates.
    """
    height, width = images.shape[2:]
    side = max(1.0, 2 * (min(height, width) // 3))
    v = (torch.arange(height, device=images.device) - (height - 1) / 2)[:, None] / side
    u = (torch.arange(width, device=images.device) - (width - 1) / 2) / side
    first, third = (v + 0.5).expand(height, width), (0.5 - u).expand(height, width)
    weights = torch.stack([first, u - v, third])
    draw = torch.rand(len(images), 2, 3, generator=generator, device=images.device)
    return torch.einsum("bdk,khw->bdhw", 2 * draw - 1, weights)


def _relative(place: Tensor, pixels: int) -> Tensor:
    """Return places in pixels as numbers from -1 (first pixel) to 1 (last)."""
    return 2 * place / max(1, pixels - 1) - 1
