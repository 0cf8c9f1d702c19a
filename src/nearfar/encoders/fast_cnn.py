"""A convolutional network that learns much per operation, of the kind of airbench.

Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024): a first layer that whitens patches
of the training images, max-pooling early, batch norm without a learnt scale, GELU, convolutions
that start as identities. What is different here: images of any size and of one colour, and
normalisation by constants in the place of the data set's mean.
"""

import math
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import image_shape, normalised
from nearfar.errors import UserError

LARGEST = 64
"""Pixels of a side up to which the first layer sees every place; of larger ones every second, …"""

LEAST_VARIANCE = 5e-4
"""Added to the variances of patches, so that directions in which these hardly vary stay small."""

BIAS_FACTOR = 8.0
"""Biases after batch norm are this number times their parameter: airbench's 64 times the rate."""

MOMENTUM = 0.4
"""Weight of a batch in the running statistics of batch norm: short trainings change quickly."""

CHUNK = 256
"""Images whose patches are gathered at once."""


class Whitening(nn.Module):
    """Patches → their principal components with variance 1, and these with the other sign.

    The filters are no parameters: they are drawn at first and, once :meth:`fit` has seen images,
    computed. The bias is trained.
    """

    weight: Tensor

    def __init__(self, channels: int, patch: int, stride: int) -> None:
        super().__init__()
        self.patch, self.stride = patch + stride - 1, stride
        size = channels * self.patch**2
        self.out_channels = 2 * size
        self.register_buffer(
            "weight", self._both_signs(nn.init.orthogonal_(torch.empty(size, size)))
        )
        self.bias = nn.Parameter(torch.zeros(self.out_channels))

    def _both_signs(self, directions: Tensor) -> Tensor:
        filters = directions.view(len(directions), -1, self.patch, self.patch)
        return torch.cat([filters, -filters])

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Take filters and bias from the patches of images (n, c, h, w) in [-1, 1]."""
        size = self.out_channels // 2
        total = torch.zeros(size, dtype=torch.float64)
        products = torch.zeros(size, size, dtype=torch.float64)
        count = 0
        for part in torch.split(images, CHUNK):
            found = functional.unfold(part, self.patch, stride=self.stride)
            patches = found.transpose(0, 1).reshape(size, -1).double().cpu()
            total += patches.sum(1)
            products += patches @ patches.T
            count += patches.shape[1]
        mean = total / count
        values, vectors = torch.linalg.eigh(products / count - mean[:, None] * mean)
        directions = vectors.T.flip(0)
        at = directions.abs().argmax(1, keepdim=True)
        directions *= directions.gather(1, at).sign()
        directions /= (values.flip(0).clamp_min(0) + LEAST_VARIANCE).sqrt()[:, None]
        shift = directions @ mean
        self.weight.copy_(self._both_signs(directions))
        self.bias.copy_(torch.cat([-shift, shift]))

    def forward(self, images: Tensor) -> Tensor:
        """Return the components (b, channels, h', w') of the patches of images (b, c, h, w)."""
        return functional.conv2d(images, self.weight, self.bias, self.stride)


class Norm(nn.BatchNorm2d):
    """Batch norm without a learnt scale; its bias is ``BIAS_FACTOR`` times the parameter."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False, momentum=MOMENTUM)
        self.shift = nn.Parameter(torch.zeros(channels))

    @property
    def bias(self) -> Tensor:  # type: ignore[override]
        """What is added to the normalised values (c,)."""
        return BIAS_FACTOR * self.shift

    def forward(self, values: Tensor) -> Tensor:
        """Return values (b, c, h, w), normalised over rows and places, and shifted."""
        return functional.batch_norm(
            values,
            self.running_mean,
            self.running_var,
            bias=self.bias,
            training=self.training,
            momentum=MOMENTUM,
            eps=self.eps,
        )


class Block(nn.Module):
    """Convolve and halve the sides by max-pooling, then ``depth`` - 1 more convolutions.

    From a depth of three on, those after the first are a branch that is added to what it sees.
    """

    def __init__(self, before: int, after: int, depth: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            convolution(n, after) for n in (before, *[after] * (depth - 1))
        )
        self.norms = nn.ModuleList(Norm(after) for _ in range(depth))

    def forward(self, values: Tensor) -> Tensor:
        """Return the features (b, after, h // 2, w // 2) of (b, before, h, w)."""
        first, *others = self.convolutions
        x = functional.gelu(self.norms[0](functional.max_pool2d(first(values), 2)))
        y = x
        for number, layer in enumerate(others, 1):
            y = self.norms[number](layer(y))
            if number == len(others) and number > 1:
                y = y + x
            y = functional.gelu(y)
        return y


class FastCNN(Encoder):
    """Whitened patches, blocks of convolutions, then the largest value or the mean over places.

    Before it is trained, its first layer is computed from training images (:meth:`start_from`).
    Images with a side above 64 pixels are seen with a stride, so that what follows has no more to
    do than for a smaller one.

    Args:
        inputs: the images to be encoded; their channels and size are read.
        widths: channels of each block; there are as many features as the last one has.
        depth: convolutions in a block.
        patch: sides of the whitened patches, in pixels.
        pool: ``max`` or ``mean`` over what is left of the image.
        out: features made by one affine map of all that is left of the image, in the place of
            pooling: they know where something is, and views must have the images' size.
        scale: factor on pooled features, so that a head starts with small outputs.
        test_time: what features of a finished encoder are the mean of. ``flip``: an image and its
            mirror image, for twice the work. ``shift``: the image as it is, moved a pixel down to
            the right, and up to the left, for three times. ``flip_shift``: these three and their
            mirror images, for six times. airbench weighs the unmoved image twice as much as both.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 256, 256),
        depth: PositiveInt = 2,
        patch: Literal[1, 2, 3] = 2,
        pool: Literal["max", "mean"] = "max",
        out: PositiveInt | None = None,
        scale: Annotated[float, Field(gt=0)] = 1 / 9,
        test_time: Literal["plain", "flip", "shift", "flip_shift"] = "plain",
    ) -> None:
        super().__init__()
        self.in_shape = image_shape(inputs)
        self.out_features = widths[-1]
        self.pool, self.scale, self.test_time = pool, scale, test_time
        channels, *sides = self.in_shape
        self.whitening = Whitening(channels, patch, -(-max(sides) // LARGEST))
        least = (2 ** len(widths) - 1) * self.whitening.stride + self.whitening.patch
        if min(sides) < least:
            raise UserError(
                f"encoder fast_cnn with {len(widths)} widths needs images of {least}x{least} pixels"
                f" or more, not {sides[0]}x{sides[1]}"
            )
        self.blocks = nn.ModuleList(
            Block(before, after, depth)
            for before, after in pairwise((self.whitening.out_channels, *widths))
        )
        self.last = nn.Sequential()
        if out is not None:
            seen = self.whitening.patch - self.whitening.stride
            left = [(side - seen) // self.whitening.stride // 2 ** len(widths) for side in sides]
            self.last = nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * math.prod(left), out))
            self.out_features = out
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def start_from(self, images: Tensor) -> None:
        """Compute the first layer from training images (n, c, h, w) in [0, 1]."""
        self.whitening.fit(normalised(images))

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, c, h, w) in [0, 1]: float32 (b, ``out_features``)."""
        if self.training or not self.finished:
            return self._features(batch)
        features = self._mirrored(batch)
        if "shift" in self.test_time:
            wide, (high, long) = functional.pad(batch, (1, 1, 1, 1), "replicate"), batch.shape[2:]
            moved = [self._mirrored(wide[:, :, k : k + high, k : k + long]) for k in (0, 2)]
            features = (features + moved[0] + moved[1]) / 3
        return features

    def _mirrored(self, images: Tensor) -> Tensor:
        features = self._features(images)
        if "flip" in self.test_time:
            features = (features + self._features(images.flip(3))) / 2
        return features

    def _features(self, batch: Tensor) -> Tensor:
        x = functional.gelu(self.whitening(normalised(batch)))
        for block in self.blocks:
            x = block(x)
        if self.last:
            features: Tensor = self.last(x)
            return features
        return self.scale * (x.amax(dim=(2, 3)) if self.pool == "max" else x.mean(dim=(2, 3)))

    def layer_groups(self) -> list[nn.Module]:
        """Return the whitening layer, each block, and the affine map to ``out`` features."""
        return [self.whitening, *self.blocks, *([self.last] if self.last else [])]


def convolution(before: int, after: int) -> nn.Conv2d:
    """Return a 3×3 convolution that starts by handing through as many channels as it can."""
    layer = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight[: min(before, after)])
    return layer
