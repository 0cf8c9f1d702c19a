"""Views that move pixels: crop, resized crop, flip, rotation."""

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, validate_call
from torch import Tensor
from torch.nn import functional

from nearfar.data.augment.draws import Ascending, Probability, happens, uniform
from nearfar.errors import UserError

ATTEMPTS = 10
"""Boxes drawn for an image before the largest central one is taken instead."""

Share = Annotated[float, Field(gt=0, le=1)]
Aspect = Annotated[float, Field(gt=0, le=100)]


class Crop:
    """Shift each image by up to ``padding`` pixels in both directions; black comes in.

    Every shift is as likely as any other.
    """

    border: ClassVar[str] = "constant"

    @validate_call
    def __init__(self, *, padding: NonNegativeInt = 4) -> None:
        self.padding = padding

    def __call__(self, images: Tensor) -> Tensor:
        """Return shifted images, as (b, c, h, w) as they came."""
        count, _, height, width = images.shape
        if self.border == "reflect" and self.padding >= min(height, width):
            raise UserError(
                f"view shift, option padding: {self.padding} pixels of a mirror image need images"
                f" of more than that, not {height} × {width}"
            )
        steps = 2 * self.padding + 1
        top, left = torch.randint(steps, (2, count), device=images.device)
        padded = functional.pad(images, (self.padding,) * 4, self.border)
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)
        return windows[torch.arange(count, device=images.device), :, top, left]


class Shift(Crop):
    """Shift each image by up to ``padding`` pixels; its own mirror image comes in.

    Raises:
        UserError: ``padding`` is as large as an image.
    """

    border: ClassVar[str] = "reflect"

    @validate_call
    def __init__(self, *, padding: NonNegativeInt = 2) -> None:
        self.padding = padding


class ResizedCrop:
    """Cut a random box out of each image and stretch it to the whole (bilinear).

    The box takes a share of the area drawn from ``scale``; the ratio of its width to its height is
    drawn from ``ratio``, evenly on the logarithm (Szegedy et al., "Going Deeper with Convolutions",
    CVPR 2015, section 6). A box that does not fit is drawn again, ``ATTEMPTS`` times. ``size``:
    height and width of what comes out, those of the images unless given.
    """

    @validate_call
    def __init__(
        self,
        *,
        scale: Annotated[tuple[Share, Share], Ascending] = (0.2, 1.0),
        ratio: Annotated[tuple[Aspect, Aspect], Ascending] = (0.75, 1.3333),
        size: PositiveInt | None = None,
    ) -> None:
        self.scale, self.ratio, self.size = scale, ratio, size

    def __call__(self, images: Tensor) -> Tensor:
        """Return the stretched boxes of images (b, c, h, w): as large, or ``size`` × ``size``."""
        count, _, height, width = images.shape
        high, wide = (self.size, self.size) if self.size else (height, width)
        top, left, rows, columns = self.boxes(images)
        y = _positions(top, rows, height, high)[:, :, None].expand(count, high, wide)
        x = _positions(left, columns, width, wide)[:, None, :].expand(count, high, wide)
        return functional.grid_sample(
            images, torch.stack([x, y], dim=-1), padding_mode="border", align_corners=False
        )

    def boxes(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw a box for every image: top, left, rows, columns, whole numbers of pixels (b,)."""
        count, _, height, width = images.shape
        draw = torch.rand(4, count, ATTEMPTS, device=images.device)
        low, high = self.scale
        area = height * width * (low + (high - low) * draw[0])
        low, high = (math.log(value) for value in self.ratio)
        ratio = (low + (high - low) * draw[1]).exp()
        rows, columns = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
        fits = (rows >= 1) & (rows <= height) & (columns >= 1) & (columns <= width)
        first = fits.int().argmax(dim=1, keepdim=True)
        found = fits.any(dim=1)

        def pick(values: Tensor, otherwise: float) -> Tensor:
            return torch.where(found, values.gather(1, first)[:, 0], otherwise)

        whole = min(max(width / height, self.ratio[0]), self.ratio[1])
        rows = pick(rows, min(height, max(1, round(width / whole))))
        columns = pick(columns, min(width, max(1, round(height * whole))))
        down, right = height - rows, width - columns
        top = torch.where(found, (draw[2, :, 0] * (down + 1)).floor(), (down / 2).floor())
        left = torch.where(found, (draw[3, :, 0] * (right + 1)).floor(), (right / 2).floor())
        return top.minimum(down), left.minimum(right), rows, columns


def _positions(start: Tensor, length: Tensor, pixels: int, made: int) -> Tensor:
    """Return where the pixels of a stretched side lie in the whole one, (b, made) in [-1, 1].

    The whole side has ``pixels``. Nothing is read from outside the box [start, start + length).
    """
    steps = (torch.arange(made, device=start.device) + 0.5) / made
    inside = (steps * length[:, None] - 0.5).clamp_min(0).minimum(length[:, None] - 1)
    return (2 * (start[:, None] + inside) + 1) / pixels - 1


class Flip:
    """Mirror left and right, with probability ``p``."""

    @validate_call
    def __init__(self, *, p: Probability = 0.5) -> None:
        self.p = p

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images (b, c, h, w), some mirrored."""
        return torch.where(happens(images, self.p), images.flip(-1), images)


class AlternatingFlip:
    """Mirror left and right every row in every second round, half of the rows in each.

    So an image is seen as often one way as the other (Jordan 2024, section 3.6). Which half begins
    is a function of the rows' numbers, the same for all seeds; all views of a row in a round are
    alike.
    """

    of_rows: ClassVar[bool] = True

    def __init__(self) -> None:
        self.round = 0

    def begin(self, number: int) -> None:
        """Go on to the round with this number."""
        self.round = number

    def __call__(self, images: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the images (b, c, h, w) of the rows with these numbers (b,), half mirrored.

        Without numbers, they count from 0.
        """
        numbers = torch.arange(len(images), device=images.device) if rows is None else rows
        mirrored = (first_half(numbers) + self.round) % 2 == 1
        return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


def first_half(numbers: Tensor) -> Tensor:
    """Return 1 for one half of all numbers and 0 for the other, scattered: a bit of a hash."""
    mixed = (numbers.long() + 1) * 0x9E3779B1 % 2**32
    return ((mixed ^ (mixed >> 15)) * 0x85EBCA6B % 2**32) >> 31


class Cutout:
    """Make a square of ``size`` pixels grey, centred at any pixel (DeVries and Taylor 2017).

    What of it lies outside of the image is lost.
    """

    @validate_call
    def __init__(self, *, size: PositiveInt = 8) -> None:
        self.size = size

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images (b, c, h, w), each with a grey square."""
        down, right = (self._covered(images, side) for side in images.shape[2:])
        return images.masked_fill((down[:, :, None] & right[:, None, :])[:, None], 0.5)

    def _covered(self, images: Tensor, side: int) -> Tensor:
        """Return which pixels of a side the squares cover, bool (b, side)."""
        centre = torch.randint(side, (len(images), 1), device=images.device)
        from_start = torch.arange(side, device=images.device) - (centre - self.size // 2)
        return (from_start >= 0) & (from_start < self.size)


class Rotation:
    """Turn about the centre by up to ``degrees`` either way (bilinear); black comes in."""

    @validate_call
    def __init__(self, *, degrees: Annotated[float, Field(ge=0, le=180)] = 15.0) -> None:
        self.degrees = degrees

    def __call__(self, images: Tensor) -> Tensor:
        """Return turned images (b, c, h, w); positive angles turn counter-clockwise."""
        height, width = images.shape[2:]
        angle = torch.deg2rad(uniform(images, -self.degrees, self.degrees))[:, 0, 0]
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        rows = [cos, -sin * height / width, zero], [sin * width / height, cos, zero]
        turn = torch.stack([torch.cat(row, dim=1) for row in rows], dim=1)
        grid = functional.affine_grid(turn, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, align_corners=False)
