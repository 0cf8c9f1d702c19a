"""Rows of unit length, as cosine similarities need them."""

import torch
from torch import Tensor

from nearfar.losses.precision import in_full_precision

SMALLEST = 1e-30


@in_full_precision
def unit(features: Tensor) -> Tensor:
    """Return the rows of ``features`` (..., d) at Euclidean length 1, of the same shape.

    Rows of any size come out right, also where their squares overflow or vanish. Rows of zeros
    stay zeros, as do those whose largest element is under 1e-30, almost; their gradient is that of
    the identity.
    """
    largest = features.detach().abs().amax(-1, keepdim=True)
    scaled = features / torch.where(largest > SMALLEST, largest, 1)
    length: Tensor = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / length.clamp_min(1)
