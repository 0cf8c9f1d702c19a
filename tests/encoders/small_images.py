"""Small images in the shape that encoders are given them."""

from typing import Any

import torch
from torch import Tensor

from nearfar.encoders import Encoder, build_encoder


class Images:
    kind = "image"

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index: Tensor) -> Tensor:
        return self.pixels[index]


def some_images(channels: int = 3, height: int = 32, width: int = 32, count: int = 6) -> Images:
    """Images of random pixels."""
    generator = torch.Generator().manual_seed(height * width + channels)
    return Images(torch.rand(count, channels, height, width, generator=generator))


def built(encoder_name: str, images: Images, /, **options: Any) -> Encoder:
    torch.manual_seed(0)
    encoder = build_encoder(encoder_name, options, images)
    assert isinstance(encoder, Encoder)
    return encoder
