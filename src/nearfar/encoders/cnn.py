"""A small modern convolutional network for small images, quick on a CPU."""

from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import image_shape, normalised

LARGEST = 64
"""Pixels of a side up to which an image is seen whole; larger ones are halved until they fit."""


class CNN(Encoder):
    """Convolution, then three times: halve the sides (max-pooling) and convolve; then the mean.

    Every convolution is 3×3 with batch norm and SiLU; the channels are 1, 2, 4 and 4 times
    ``width``. Nearly all of the work is done on a quarter and a sixteenth of the pixels, which
    makes it cheap. Images with a side above 64 pixels pass a further convolution with stride 2 for
    each halving.

    Args:
        inputs: the images to be encoded; their channels and size are read.
        width: channels of the first convolution; there are 4 · ``width`` features.
        dropout: probability of dropping a feature in training.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        width: PositiveInt = 32,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        self.in_shape = image_shape(inputs)
        self.out_features = 4 * width
        channels, *sides = self.in_shape
        self.layers = nn.ModuleList([convolution(channels, width)])
        side = max(sides)
        while side > LARGEST:
            self.layers.append(convolution(width, width, stride=2))
            side = (side + 1) // 2
        for before, after in pairwise((width, 2 * width, 4 * width, 4 * width)):
            halve = nn.MaxPool2d(2, ceil_mode=True)
            self.layers.append(nn.Sequential(halve, *convolution(before, after)))
        self.dropout = nn.Dropout(dropout)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, c, h, w) in [0, 1]: float32 (b, 4 · ``width``)."""
        x = normalised(batch)
        for layer in self.layers:
            x = layer(x)
        features: Tensor = self.dropout(x.mean(dim=(2, 3)))
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return each convolution with what belongs to it."""
        return list(self.layers)


def convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """Return a 3×3 convolution with batch norm and SiLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.SiLU(),
    )
