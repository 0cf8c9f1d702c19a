"""What corruptions do to one image, by explicit loops, scipy and Pillow, and images to corrupt."""

import colorsys
import math

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Array = npt.NDArray[np.float64]


def natural(
    count: int, channels: int = 3, height: int = 32, width: int = 32, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Images (count, channels, height, width) with the spectrum of photographs, 1 / frequency.

    Channels have much in common, as colours have, and every image its own contrast and light.
    """
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    fall = 1 / np.hypot(np.hypot(y, x), 1 / max(height, width))
    noise = rng.normal(size=(count, channels + 1, height, width))
    drawn = np.fft.ifft2(np.fft.fft2(noise) * fall).real
    drawn /= drawn.std(axis=(2, 3), keepdims=True) + 1e-9
    mixed = drawn[:, :1] + 0.4 * drawn[:, 1:]
    light = rng.uniform(90, 160, size=(count, 1, 1, 1))
    spread = rng.uniform(25, 50, size=(count, 1, 1, 1))
    return np.clip(light + spread * mixed, 0, 255).round().astype(np.uint8)


def blurred(image: Array, sigma: float) -> Array:
    """One image (c, h, w) under a Gaussian cut at four deviations, its border going on."""
    return np.stack(
        [ndimage.gaussian_filter(channel, sigma, mode="nearest", truncate=4.0) for channel in image]
    )


def clamped(image: Array, y: int, x: int) -> Array:
    """The pixel (c,) at y, x, or the nearest that exists."""
    return image[:, min(max(y, 0), image.shape[1] - 1), min(max(x, 0), image.shape[2] - 1)]


def out_of_focus(image: Array, radius: float, softness: float) -> Array:
    """One image whose pixels are spread over a disc with a soft edge, pixel by pixel."""
    reach = math.floor(radius) + 1
    weights: dict[tuple[int, int], float] = {}
    for a in range(-reach, reach + 1):
        for b in range(-reach, reach + 1):
            if a * a + b * b <= radius * radius:
                for i in (-1, 0, 1):
                    for j in (-1, 0, 1):
                        weight = math.exp(-(i * i + j * j) / (2 * softness**2))
                        weights[a + i, b + j] = weights.get((a + i, b + j), 0.0) + weight
    total = sum(weights.values())
    out = np.zeros_like(image)
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            for (a, b), weight in weights.items():
                out[:, y, x] += weight / total * clamped(image, y + a, x + b)
    return out


def drawn_out(image: Array, degrees: float, steps: int, sigma: float) -> Array:
    """One image averaged with itself moved along a line, step by step."""
    out, total = np.zeros_like(image), 0.0
    for step in range(steps + 1):
        weight = math.exp(-(step**2) / (2 * sigma**2))
        down = round(step * math.sin(math.radians(degrees)))
        right = round(step * math.cos(math.radians(degrees)))
        total += weight
        for y in range(image.shape[1]):
            for x in range(image.shape[2]):
                out[:, y, x] += weight * clamped(image, y + down, x + right)
    return out / total


def enlarged(image: Array, factor: float) -> Array:
    """One image enlarged about its centre, bilinear."""
    _, height, width = image.shape
    y = (np.arange(height) - (height - 1) / 2) / factor + (height - 1) / 2
    x = (np.arange(width) - (width - 1) / 2) / factor + (width - 1) / 2
    places = np.meshgrid(y, x, indexing="ij")
    return np.stack([ndimage.map_coordinates(channel, places, order=1) for channel in image])


def with_less_contrast(image: Array, share: float) -> Array:
    """One image with every value moved towards its channel's mean."""
    out = np.zeros_like(image)
    for c, channel in enumerate(image):
        mean = sum(channel.flatten().tolist()) / channel.size
        for y in range(channel.shape[0]):
            for x in range(channel.shape[1]):
                out[c, y, x] = mean + share * (channel[y, x] - mean)
    return out


def recoloured(image: Array, lighter: float, factor: float, more: float) -> Array:
    """One image (3, h, w) with another value and saturation, by the standard library.

    A pixel without colour keeps having none.
    """
    out = np.zeros_like(image)
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, y, x].tolist())
            if saturation > 0:
                saturation = min(1.0, saturation * factor + more)
            out[:, y, x] = colorsys.hsv_to_rgb(hue, saturation, min(1.0, value + lighter))
    return out


def coarse(pixels: npt.NDArray[np.uint8], share: float) -> npt.NDArray[np.uint8]:
    """One image (3, h, w) reduced and enlarged again by Pillow."""
    _, height, width = pixels.shape
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    small = image.resize((int(width * share), int(height * share)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BOX)).transpose(2, 0, 1)
