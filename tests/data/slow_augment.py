"""What views do to one image, by explicit loops and the standard library, for comparison."""

import colorsys
import math

import torch
from torch import Tensor


def box_stretched(
    image: Tensor, top: int, left: int, rows: int, columns: int, size: int | None = None
) -> Tensor:
    """Bilinear stretch of a box of one image (c, h, w) to the whole or a square, by pixel."""
    channels, height, width = image.shape
    height, width = (size, size) if size else (height, width)
    out = torch.zeros(channels, height, width)
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
            x = min(max((j + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            y0, x0 = math.floor(y), math.floor(x)
            y1, x1 = min(y0 + 1, rows - 1), min(x0 + 1, columns - 1)
            for c in range(channels):
                corner = [[float(image[c, top + a, left + b]) for b in (x0, x1)] for a in (y0, y1)]
                upper = corner[0][0] * (1 - x + x0) + corner[0][1] * (x - x0)
                lower = corner[1][0] * (1 - x + x0) + corner[1][1] * (x - x0)
                out[c, i, j] = upper * (1 - y + y0) + lower * (y - y0)
    return out


def turned(image: Tensor, degrees: float) -> Tensor:
    """One image (c, h, w) turned counter-clockwise about its centre, bilinear, black outside."""
    channels, height, width = image.shape
    angle = math.radians(degrees)
    out = torch.zeros_like(image)
    for i in range(height):
        for j in range(width):
            up, right = (height - 1) / 2 - i, j - (width - 1) / 2
            source_right = right * math.cos(angle) + up * math.sin(angle)
            source_up = -right * math.sin(angle) + up * math.cos(angle)
            y, x = (height - 1) / 2 - source_up, source_right + (width - 1) / 2
            y0, x0 = math.floor(y), math.floor(x)
            for c in range(channels):
                for a, b in ((y0, x0), (y0, x0 + 1), (y0 + 1, x0), (y0 + 1, x0 + 1)):
                    if 0 <= a < height and 0 <= b < width:
                        weight = (1 - abs(y - a)) * (1 - abs(x - b))
                        out[c, i, j] += weight * float(image[c, a, b])
    return out


def with_hue_moved(image: Tensor, turns: float) -> Tensor:
    """One image (3, h, w) with its hue moved, by the standard library."""
    out = torch.zeros_like(image)
    for i in range(image.shape[1]):
        for j in range(image.shape[2]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, i, j].tolist())
            out[:, i, j] = torch.tensor(colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value))
    return out


def blurred(image: Tensor, sigma: float) -> Tensor:
    """One image (c, h, w) under a Gaussian of four deviations, scaled to sum to 1 everywhere."""
    channels, height, width = image.shape
    out = torch.zeros_like(image)
    for i in range(height):
        for j in range(width):
            total = 0.0
            for a in range(height):
                for b in range(width):
                    if max(abs(a - i), abs(b - j)) <= 4 * sigma:
                        square = (a - i) ** 2 + (b - j) ** 2
                        weight = math.exp(-square / (2 * sigma**2))
                        total += weight
                        out[:, i, j] += weight * image[:, a, b]
            out[:, i, j] /= total
    assert out.shape[0] == channels
    return out
