"""Decoders: features → what the encoder saw."""

import math
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (16, 32, 64, 128)
"""Channels of the generic decoder of images, fine to coarse; the last serve all coarser ones."""

PUBLISHED_FEATURES, PUBLISHED_SHAPE = 32, (1, 28, 28)
"""What the published decoder takes and gives."""

COARSEST = 8
"""Pixels of a side that the generic decoder starts from, at most."""


class EmnistDecoder(nn.Module):
    """The published decoder: 32 features → five transposed convolutions → images (b, 1, 28, 28).

    Sides of the image after each: 1 → 3 → 5 → 11 → 13 → 28. ReLU between.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 8, 3, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 4, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, stride=2),
        )
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d):
                _initialise(layer, sees_one_pixel=layer is self.layers[0])

    def forward(self, features: Tensor) -> Tensor:
        """Return images (b, 1, 28, 28) as logits of their values."""
        images: Tensor = self.layers(features[:, :, None, None])
        return images


def _initialise(layer: nn.ConvTranspose2d, sees_one_pixel: bool) -> None:
    """Give an output pixel the variance that He et al. (ICCV 2015) ask for.

    It sees one in ``stride`` positions of the kernel along each side.
    """
    seen = 1.0 if sees_one_pixel else (layer.kernel_size[0] / layer.stride[0]) ** 2
    nn.init.normal_(layer.weight, std=math.sqrt(2 / (layer.in_channels * seen)))
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


class ImageDecoder(nn.Module):
    """Features → a coarse image → one of twice the sides, and so on → logits of pixel values.

    An affine map gives the coarsest image; at each resolution follow two 3×3 convolutions with
    batch norm and ReLU. Enlargement takes the nearest neighbour, which leaves no checkerboard
    (Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016).
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"reconstruction"})

    def __init__(self, features: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.sizes = [(height, width)]
        while max(self.sizes[0]) > COARSEST:
            self.sizes.insert(0, ((self.sizes[0][0] + 1) // 2, (self.sizes[0][1] + 1) // 2))
        widths = [CHANNELS[min(k, len(CHANNELS) - 1)] for k in range(len(self.sizes))][::-1]
        self.start = nn.Linear(features, widths[0] * math.prod(self.sizes[0]))
        self.stages = nn.ModuleList()
        for before, after in pairwise((widths[0], *widths)):
            self.stages.append(nn.Sequential(*_layer(before, after), *_layer(after, after)))
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return images (b, c, h, w) as logits of their values."""
        x = self.start(features).view(len(features), -1, *self.sizes[0])
        for size, stage in zip(self.sizes, self.stages, strict=True):
            x = stage(functional.interpolate(x, size=size) if x.shape[2:] != size else x)
        images: Tensor = self.last(x)
        return images


def _layer(before: int, after: int) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


class VectorDecoder(nn.Module):
    """Features → as many hidden layers as the encoder has, less one → columns."""

    def __init__(self, features: int, layers: int, columns: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for _ in range(layers - 1):
            self.layers.append(nn.Linear(features, features))
            self.layers.append(nn.ReLU())
        self.layers.append(nn.Linear(features, columns))

    def forward(self, features: Tensor) -> Tensor:
        """Return columns (b, columns)."""
        columns: Tensor = self.layers(features)
        return columns


class Decoder(nn.Module):
    """Features (n, d) → images (n, c, h, w) as logits of their values in [0, 1].

    The published decoder where its 32 features and 28×28 grey images are those at hand, else one
    that doubles the sides step by step.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"reconstruction"})

    def __init__(self, inputs: int, outputs: tuple[int, int, int]) -> None:
        super().__init__()
        published = inputs == PUBLISHED_FEATURES and outputs == PUBLISHED_SHAPE
        self.map = EmnistDecoder() if published else ImageDecoder(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, c, h, w) of features (n, d)."""
        images: Tensor = self.map(features)
        return images
