"""Views of rows of numbers: what two views of one row are, where the columns have no geometry."""

from __future__ import annotations

import torch
from torch import Tensor


class Corruption:
    """Replace some cells of every row by those of other rows, drawn from the same column.

    Bahri et al., "SCARF: self-supervised contrastive learning using random feature corruption",
    ICLR 2022, section 3: a cell is replaced with probability ``share`` by a draw from its column's
    values in the training rows.

    Args:
        bank: the training rows, float32 (n, columns).
        share: the probability of a cell to be replaced, in [0, 1].
    """

    def __init__(self, bank: Tensor, share: float) -> None:
        self.bank, self.share = bank, share

    def __call__(self, rows: Tensor) -> Tensor:
        """Return a view of rows (b, columns), drawn from torch's generator of their device."""
        where = torch.rand(rows.shape, device=rows.device) < self.share
        drawn = torch.randint(len(self.bank), rows.shape, device=rows.device)
        return torch.where(where, self.bank.gather(0, drawn), rows)

    def to(self, device: torch.device) -> Corruption:
        """Return the same on a device."""
        return Corruption(self.bank.to(device), self.share)
