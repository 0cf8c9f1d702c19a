"""Sums and means over the atoms of each molecule."""

import torch
from torch import Tensor

from nearfar.encoders.base import MoleculeBatch


def pool(x: Tensor, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
    """Return sum and mean of atom features x (N, d) over each molecule, both (b, d).

    A molecule without atoms has zeros.
    """
    total = x.new_zeros(batch.size, x.shape[1]).index_add(0, batch.molecule, x)
    atoms = torch.bincount(batch.molecule, minlength=batch.size).clamp(min=1)
    return total, total / atoms.to(x.dtype).unsqueeze(1)
