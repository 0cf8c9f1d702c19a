"""Message passing over embedded atoms and bonds, with residual layers and global descriptors.

The message is that of GINE (Hu et al., "Strategies for Pre-training Graph Neural Networks", ICLR
2020): bond and neighbour are added, then rectified. Layers are residual with batch norm first, and
descriptors of the whole molecule join the pooled atoms as in chemprop (Yang et al., "Analyzing
Learned Molecular Representations for Property Prediction", 2019).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.data import Inputs, MoleculeBatch
from nearfar.data.inputs.molecules import ATOM_SIZES, BOND_SIZES
from nearfar.encoders.base import Encoder
from nearfar.encoders.graph import one_hot, pool


class ResidualLayer(nn.Module):
    """``x_v + mlp(h_v + sum over neighbours u of relu(h_u + W e_uv))`` with ``h = norm(x)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.bond = nn.Linear(sum(BOND_SIZES), width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(inplace=True), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, bonds: Tensor, bond_indicators: Tensor) -> Tensor:
        h = self.norm(x)
        messages = torch.relu(h.index_select(0, bonds[0]) + self.bond(bond_indicators))
        updated: Tensor = self.mlp(h.index_add(0, bonds[1], messages))
        return x + updated


class DescriptorScaling(nn.Module):
    """Descriptors of any scale → about standard normal, cut at ±``CUT``.

    asinh keeps small values and takes the logarithm of large ones; the statistics are those of
    batch norm, so they come from training rows alone. Descriptors that hardly vary stay near 0.
    """

    CUT: ClassVar[float] = 5.0

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(columns, affine=False, eps=1e-2)

    def forward(self, descriptors: Tensor) -> Tensor:
        scaled: Tensor = self.norm(torch.asinh(descriptors))
        return scaled.clamp(-self.CUT, self.CUT)


class MPNN(Encoder):
    """Atoms and bonds embedded → residual layers → sum and mean over atoms → one wide layer.

    Where the inputs have descriptors of whole molecules, these stand beside the sum and the mean.

    Args:
        inputs: the molecules to be encoded; the number of their descriptors is read.
        layers: message-passing layers, at least 1.
        hidden: features of an atom.
        out: features of the molecule.
        dropout: probability of dropping a feature of an atom or of the molecule in training.
        descriptors: use descriptors of the whole molecule, the inputs' own or RDKit's.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        layers: PositiveInt = 3,
        hidden: PositiveInt = 64,
        out: PositiveInt = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        descriptors: bool = True,
    ) -> None:
        super().__init__()
        self.out_features = out
        self.atom = nn.Linear(sum(ATOM_SIZES), hidden, bias=False)
        self.layers = nn.ModuleList(ResidualLayer(hidden) for _ in range(layers))
        self.norm = nn.BatchNorm1d(hidden)
        self.pooled = nn.BatchNorm1d(2 * hidden, affine=False)
        columns = descriptor_columns(inputs) if descriptors else 0
        self.scaling = DescriptorScaling(columns) if columns else None
        self.out = nn.Sequential(
            nn.Linear(2 * hidden + columns, out), nn.ReLU(), nn.Dropout(dropout)
        )

    @classmethod
    def wants(cls, inputs: Any, options: Mapping[str, Any]) -> str:
        """Ask for RDKit's descriptors, unless the molecules bring their own."""
        return "descriptors" if options["descriptors"] and inputs.descriptors is None else ""

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """Return the features of a batch of molecules, float32 (b, ``out``)."""
        like = self.atom.weight
        x = self.atom(one_hot(batch.atoms, ATOM_SIZES, like))
        bond_indicators = one_hot(batch.bond_features, BOND_SIZES, like)
        for layer in self.layers:
            x = layer(x, batch.bonds, bond_indicators)
        parts = [self.pooled(torch.cat(pool(torch.relu(self.norm(x)), batch), dim=1))]
        if self.scaling is not None and batch.descriptors is not None:
            parts.append(self.scaling(batch.descriptors.to(like.dtype)))
        features: Tensor = self.out(torch.cat(parts, dim=1))
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return the embedding of atoms, the message-passing layers, the readout."""
        return [self.atom, *self.layers, nn.ModuleList([self.norm, self.out])]


def descriptor_columns(inputs: Inputs) -> int:
    """Return how many descriptors the molecules of ``inputs`` have."""
    descriptors = inputs.select(torch.zeros(1, dtype=torch.int64)).descriptors
    return 0 if descriptors is None else int(descriptors.shape[1])
