"""Parts of a loss: the terms of some of its anchors, for who computes the others elsewhere."""

import torch
from torch import Tensor

WHOLE = (0, 1)
"""(k, m): the k-th of m parts; the one that has all terms."""


def places(rows: int, part: tuple[int, int], device: torch.device) -> Tensor:
    """Return the numbers, int64, of those of ``rows`` anchors that a part has: k, k + m, …"""
    number, of = part
    return torch.arange(number, rows, of, device=device)
