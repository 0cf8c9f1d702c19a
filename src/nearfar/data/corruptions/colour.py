"""Light and colour: brightness, contrast, saturation."""

import torch
from torch import Generator, Tensor

from nearfar.data.corruptions.image_rows import Setting


def brightness(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Add ``setting[0]`` to the value (of the HSV model) of every pixel; hue and saturation stay.

    Of one channel, it is added to the channel itself.
    """
    value = images.amax(dim=1, keepdim=True)
    lighter = (value + setting[0]).clamp_max(1)
    return torch.where(value > 0, images * lighter / value.clamp_min(1e-6), lighter)


def contrast(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Keep a share ``setting[0]`` of each channel's distance from its mean over the image."""
    mean = images.mean(dim=(2, 3), keepdim=True)
    return mean + setting[0] * (images - mean)


def saturate(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Multiply the saturation (of the HSV model) by ``setting[0]`` and add ``setting[1]``.

    Hue and value stay; grey pixels, which have no hue, stay grey.
    """
    factor, more = setting
    value = images.amax(dim=1, keepdim=True)
    chroma = value - images.amin(dim=1, keepdim=True)
    saturation = chroma / value.clamp_min(1e-6)
    target = (saturation * factor + more).clamp(0, 1)
    ratio = torch.where(chroma > 0, target / saturation.clamp_min(1e-6), 1.0)
    return value - (value - images) * ratio
