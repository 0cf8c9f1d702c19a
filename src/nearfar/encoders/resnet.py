"""ResNet-18 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016)."""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import centre, image_shape, normalised

LARGE = 65
"""Images of which one side has at least so many pixels get the large stem by default."""

LEAST_STRIDED = 8
"""Channels below which pixels are left out before a 1×1 convolution rather than by its stride: on
processors without AVX-512, the gradient of such a convolution with channels last writes past its
memory (oneDNN 3.12, in torch 2.13), and the process dies."""


class Block(nn.Module):
    """Two 3×3 convolutions with a short cut around them (figure 2, left part of figure 5).

    Where the size changes, the short cut is a 1×1 convolution (option B of section 3.3).
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.short = nn.Sequential()
        self.skip = stride if before < LEAST_STRIDED else 1
        if stride > 1 or before != after:
            self.short.append(nn.Conv2d(before, after, 1, stride // self.skip, bias=False))
            self.short.append(nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (b, after, h / stride, w / stride) of (b, before, h, w)."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.short(self._thinned(x)))

    def _thinned(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.skip, :: self.skip] if self.skip > 1 else x


class ResNet18(Encoder):
    """A stem, four pairs of residual blocks, the mean over what is left of the image.

    Args:
        inputs: the images to be encoded; their channels and size are read.
        stem: ``small`` is a 3×3 convolution with stride 1; ``large`` a 7×7 one with stride 2 and
            then max-pooling 3×3 with stride 2; ``auto`` is small for images below 65 pixels.
        width: channels after the stem; they double with each further pair of blocks, so there are
            8 · ``width`` features.
        zero_init: start every block as its short cut alone, with a last batch norm that gives
            zero (Goyal et al. 2017, section 5.1).
        crop: of images with longer sides, see the central ``crop`` × ``crop`` pixels alone; views
            of that size, as training may make them, are seen whole.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        stem: Literal["auto", "small", "large"] = "auto",
        width: PositiveInt = 64,
        zero_init: bool = True,
        crop: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        self.in_shape, self.crop = image_shape(inputs), crop
        self.out_features = 8 * width
        channels, *sides = self.in_shape
        longest = min(max(sides), crop or max(sides))
        large = stem == "large" or (stem == "auto" and longest >= LARGE)
        size, stride = (7, 2) if large else (3, 1)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, size, stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        if large:
            self.stem.append(nn.MaxPool2d(3, stride=2, padding=1))
        self.blocks = nn.ModuleList()
        before = width
        for after, stride in ((width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2)):
            self.blocks.append(Block(before, after, stride))
            self.blocks.append(Block(after, after, 1))
            before = after
        self._initialise(zero_init)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _initialise(self, zero_init: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, Block) and zero_init:
                nn.init.zeros_(module.second_norm.weight)

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, c, h, w) in [0, 1]: float32 (b, 8 · ``width``)."""
        x: Tensor = self.stem(normalised(centre(batch, self.crop)))
        for block in self.blocks:
            x = block(x)
        return x.mean(dim=(2, 3))

    def layer_groups(self) -> list[nn.Module]:
        """Return the stem and each of the eight blocks."""
        return [self.stem, *self.blocks]
