"""Parts of molecular encoders: indicators of atom and bond features, sums over a molecule."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nearfar.encoders.base import MoleculeBatch

ATOM_SIZES = (119, 9, 11, 12, 9, 5, 8, 2, 2)
"""How many values each of the nine atom features can take."""
BOND_SIZES = (22, 6, 2)
"""How many values each of the three bond features can take."""


def one_hot(features: Tensor, sizes: Sequence[int], like: Tensor) -> Tensor:
    """Return int64 features (n, k) as indicators (n, sum of ``sizes``) of the type of ``like``.

    A linear map of them is the sum of one learned vector per feature: an embedding.
    """
    starts = torch.tensor([0, *sizes[:-1]], device=features.device).cumsum(0)
    rows = like.new_zeros(len(features), sum(sizes))
    return rows.scatter_(1, features + starts, 1.0)


def pool(x: Tensor, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
    """Return sum and mean of atom features x (N, d) over each molecule, both (b, d).

    A molecule without atoms has zeros.
    """
    total = x.new_zeros(batch.size, x.shape[1]).index_add(0, batch.molecule, x)
    atoms = torch.bincount(batch.molecule, minlength=batch.size).clamp(min=1)
    return total, total / atoms.to(x.dtype).unsqueeze(1)
