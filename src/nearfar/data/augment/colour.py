"""Views that change values and leave pixels where they are: jitter, greyscale, blur.

Images of three channels are red, green and blue. Others have no colour: greyscale leaves them as
they are, and jitter changes their brightness and contrast alone.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field, validate_call
from torch import Tensor

from nearfar.data.augment.draws import Ascending, Probability, happens, uniform

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in a grey value (ITU-R BT.601)."""

REACH = 4.0
"""How far a Gaussian blur reaches, in deviations."""

Strength = Annotated[float, Field(ge=0, le=1)]
Sigma = Annotated[float, Field(ge=0.01, le=100)]


def grey(images: Tensor) -> Tensor:
    """Return the grey value of every pixel, (b, 1, h, w); the mean where there is no colour."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.unbind(1)
    value = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return value.unsqueeze(1)


def shift_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return images (b, 3, h, w) with the hue moved on by ``turns`` (b, 1, 1, 1) of the circle.

    Value and saturation (of the hexagonal HSV model) stay.
    """
    red, green, blue = images.unbind(1)
    top = images.amax(dim=1)
    chroma = top - images.amin(dim=1)
    scale = chroma.clamp_min(1e-12)
    sector = torch.where(
        top == red,
        (green - blue) / scale,
        torch.where(top == green, 2 + (blue - red) / scale, 4 + (red - green) / scale),
    )
    sector = sector + 6 * turns[:, 0]
    channels = []
    for offset in (5, 3, 1):
        place = torch.remainder(sector + offset, 6)
        channels.append(top - chroma * place.minimum(4 - place).clamp(0, 1))
    return torch.stack(channels, dim=1)


class Jitter:
    """Change brightness, contrast, saturation and hue of an image, with probability ``p``.

    Each of the first three is multiplied by a number from [1 - s, 1 + s], where s is its strength:
    the image is mixed with black, with its mean grey value, with its grey version. The hue moves by
    up to ``hue`` of the colour circle either way. The order of the four is drawn anew for every
    batch, and values are cut to [0, 1] after each.
    """

    @validate_call
    def __init__(
        self,
        *,
        brightness: Strength = 0.4,
        contrast: Strength = 0.4,
        saturation: Strength = 0.4,
        hue: Annotated[float, Field(ge=0, le=0.5)] = 0.1,
        p: Probability = 0.8,
    ) -> None:
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation
        self.hue, self.p = hue, p

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images (b, c, h, w) in other colours."""
        steps = self._steps(images)
        changed = images
        for place in torch.randperm(len(steps)).tolist():
            changed = steps[place](changed)
        return torch.where(happens(images, self.p), changed, images)

    def _steps(self, images: Tensor) -> list[Callable[[Tensor], Tensor]]:
        """Return what is to be done, in no order, with the draws for every image."""

        def factor(strength: float) -> Tensor:
            return uniform(images, 1 - strength, 1 + strength)

        steps: list[Callable[[Tensor], Tensor]] = []
        if self.brightness:
            light = factor(self.brightness)
            steps.append(lambda x: (x * light).clamp_(0, 1))
        if self.contrast:
            distance = factor(self.contrast)
            steps.append(lambda x: mix(grey(x).mean(dim=(2, 3), keepdim=True), x, distance))
        if self.saturation and images.shape[1] == 3:
            depth = factor(self.saturation)
            steps.append(lambda x: mix(grey(x), x, depth))
        if self.hue and images.shape[1] == 3:
            turns = uniform(images, -self.hue, self.hue)
            steps.append(lambda x: shift_hue(x, turns))
        return steps


def mix(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Return ``start`` at share 0, ``end`` at 1, and what lies on that line beyond, in [0, 1]."""
    return torch.lerp(start, end, share).clamp_(0, 1)


class Greyscale:
    """Take the colour away, with probability ``p``; the number of channels stays."""

    @validate_call
    def __init__(self, *, p: Probability = 0.2) -> None:
        self.p = p

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images (b, c, h, w), some grey."""
        if images.shape[1] != 3:
            return images
        return torch.where(happens(images, self.p), grey(images), images)


class Blur:
    """Blur by a Gaussian with a deviation from ``sigma``, in pixels, with probability ``p``.

    At the border the weights of the pixels that exist are scaled to sum to 1. Weights beyond
    ``REACH`` deviations are left out.
    """

    @validate_call
    def __init__(
        self,
        *,
        sigma: Annotated[tuple[Sigma, Sigma], Ascending] = (0.1, 2.0),
        p: Probability = 0.5,
    ) -> None:
        self.sigma, self.p = sigma, p

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images (b, c, h, w), some blurred."""
        count, channels, height, width = images.shape
        sigma = uniform(images, *self.sigma)[:, 0]
        right = _weights(sigma, width)
        left = right if height == width else _weights(sigma, height)
        across = images.reshape(count, channels * height, width) @ right
        down = left.mT.unsqueeze(1) @ across.view_as(images)
        return torch.where(happens(images, self.p), down.clamp_(0, 1), images)


def _weights(sigma: Tensor, pixels: int) -> Tensor:
    """Return the weight of every old pixel of a line (rows) in every new one (columns), (b, n, n).

    Denormal numbers would slow the exponential and the products down tenfold, so none is made.
    """
    place = torch.arange(pixels, device=sigma.device)
    square = ((place[:, None] - place) / sigma).square()
    weights = torch.where(square <= REACH**2, (-square.clamp_max(REACH**2) / 2).exp(), 0.0)
    return weights / weights.sum(dim=1, keepdim=True)
