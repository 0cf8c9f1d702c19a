"""A corruption of all images: which constants, chunk after chunk, pixels in and pixels out."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from nearfar.data.inputs.images import Images

Setting = tuple[float, ...]
Change = Callable[[Tensor, Setting, Generator], Tensor]
"""Images (b, c, h, w) in [0, 1], constants, source of draws → images; cut to [0, 1] afterwards."""

SMALL, LARGE = 32, 224
"""Sides, in pixels, of the images that the published constants are meant for."""

CHUNK = 2**21
"""Values that are changed at a time: it bounds the memory beside the pixels themselves."""


@dataclass(frozen=True)
class Constants:
    """What severities 1 to 5 mean for small and for large images.

    ``small`` holds for 32 pixels (CIFAR-10-C), ``large`` for 224 (ImageNet-C); another size takes
    the table that is nearer in ratio. Of each setting the numbers at the positions ``lengths`` are
    lengths in pixels and go with the shorter side; others stay. Images below 32 pixels take what
    holds for 32: blurs narrower than a pixel would be none.
    """

    small: tuple[Setting, Setting, Setting, Setting, Setting]
    large: tuple[Setting, Setting, Setting, Setting, Setting]
    lengths: frozenset[int] = frozenset()

    def at(self, severity: int, height: int, width: int) -> Setting:
        """Return the setting for a severity from 1 to 5 and this size in pixels."""
        side = max(SMALL, min(height, width))
        table, meant = (self.small, SMALL) if side < sqrt(SMALL * LARGE) else (self.large, LARGE)
        return tuple(
            value * side / meant if place in self.lengths else value
            for place, value in enumerate(table[severity - 1])
        )


@dataclass(frozen=True)
class ImageCorruption:
    """``change`` with the constants of each severity; ``colour`` if it is one of colour.

    ``name_of_format`` is that of the files that it goes through.
    """

    change: Change
    constants: Constants
    colour: bool = False
    name_of_format: str = ""
    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def check(self, inputs: Any) -> str:
        """Return why these images cannot be corrupted so, or ""."""
        channels = inputs.shape[0]
        if self.colour and channels != 3:
            count = "one channel" if channels == 1 else f"{channels} channels"
            return f"it changes colours, and these images have {count}"
        if self.name_of_format and channels not in (1, 3):
            return f"{self.name_of_format} files have 1 or 3 channels, and these images {channels}"
        return ""

    def apply(self, inputs: Any, severity: int, key: int) -> Images:
        """Return corrupted images of the same shape, rounded to whole pixel values."""
        pixels: Tensor = inputs.pixels
        setting = self.constants.at(severity, *pixels.shape[2:])
        generator = Generator(device=pixels.device).manual_seed(key)
        result = torch.empty_like(pixels)
        rows = max(1, CHUNK // max(1, pixels[:1].numel()))
        for old, new in zip(torch.split(pixels, rows), torch.split(result, rows), strict=True):
            changed = self.change(old.float().div_(255), setting, generator)
            new.copy_(changed.clamp(0, 1).mul_(255).round_())
        return Images(result)
