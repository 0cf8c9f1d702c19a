"""Options that views share, and what they draw for every image."""

from typing import Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("a range goes from low to high")
    return ends


Probability = Annotated[float, Field(ge=0, le=1)]
Ascending = AfterValidator(_ascending)
"""Of an option that is a range: the lower end comes first."""


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Return a number from [low, high) for every image, (b, 1, 1, 1), on the images' device."""
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, device=images.device)


def happens(images: Tensor, probability: float) -> Tensor:
    """Return for every image whether it is changed, bool (b, 1, 1, 1)."""
    return torch.rand(len(images), 1, 1, 1, device=images.device) < probability
