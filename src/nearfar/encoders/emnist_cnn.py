"""The published convolutional encoder of 28×28 characters."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import image_shape, normalised
from nearfar.errors import UserError


class EmnistCNN(Encoder):
    """Four small convolutions that leave one pixel of 32 channels, the features, in (0, 1).

    Sides of the image after each: 28 → 26 → 12 → 5 → (max-pooling) 3 → 1. Weights start as He et
    al. (ICCV 2015) have it: with torch's smaller ones the features hardly differ between images,
    and an auto-encoder gives the mean image for many epochs.

    Args:
        inputs: the images to be encoded, 28×28 with one channel.

    Raises:
        UserError: images of another size.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.in_shape = image_shape(inputs)
        self.out_features = 32
        if self.in_shape != (1, 28, 28):
            channels, height, width = self.in_shape
            raise UserError(
                f"encoder emnist_cnn takes 28x28 images with 1 channel, not {height}x{width} with"
                f" {channels}; cnn and resnet18 take any size"
            )
        self.layers = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()),
                nn.Sequential(nn.Conv2d(4, 8, 3, stride=2), nn.ReLU()),
                nn.Sequential(nn.Conv2d(8, 16, 3, stride=2), nn.MaxPool2d(3, stride=1)),
                nn.Sequential(nn.Conv2d(16, 32, 3), nn.Sigmoid()),
            ]
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.constant_(module.bias, 0.0)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, 1, 28, 28) in [0, 1]: float32 (b, 32)."""
        x = normalised(batch)
        for layer in self.layers:
            x = layer(x)
        return x.flatten(1)

    def layer_groups(self) -> list[nn.Module]:
        """Return each convolution with what follows it."""
        return list(self.layers)
