"""Graph isomorphism network (Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019)."""

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from nearfar.data import Inputs, MoleculeBatch
from nearfar.encoders.base import Encoder
from nearfar.encoders.graph import Bonds, Neighbourhoods, neighbourhood_sum, neighbourhoods, pool

ATOM_FEATURES = 9


class GINLayer(nn.Module):
    """One layer: ``mlp((1 + eps) x_v + sum of x_u over the neighbours u of v)`` (eq. 4.1)."""

    def __init__(self, columns: int, width: int, out: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.mlp = nn.Sequential(
            nn.Linear(columns, width), nn.ReLU(inplace=True), nn.Linear(width, out)
        )

    def forward(self, x: Tensor, around: Neighbourhoods | Bonds) -> Tensor:
        summed = neighbourhood_sum(x, around)
        updated: Tensor = self.mlp(summed if self.eps == 0 else summed + self.eps * x)
        return updated


class GIN(Encoder):
    """Atom numbers as they are → graph features: sum and mean over atoms, side by side.

    Between layers stand batch norm and tanh; after the last one neither. The last layer's MLP is
    as wide as its output.

    Args:
        inputs: the molecules to be encoded (only their kind matters).
        layers: message-passing layers, at least 1.
        hidden: features of an atom between layers.
        out: features of an atom after the last layer; the graph has twice as many.
        expansion: width of a layer's inner MLP, as a multiple of ``hidden``.
        eps: weight of the atom itself beside its neighbours, less one; not trained.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        layers: PositiveInt = 5,
        hidden: PositiveInt = 64,
        out: PositiveInt = 100,
        expansion: PositiveInt = 4,
        eps: float = 0.0,
    ) -> None:
        super().__init__()
        self.out_features = 2 * out
        widths = [ATOM_FEATURES] + [hidden] * (layers - 1)
        inner = [GINLayer(columns, expansion * hidden, hidden, eps) for columns in widths[:-1]]
        self.layers = nn.ModuleList([*inner, GINLayer(widths[-1], out, out, eps)])
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in inner)

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """Return the features of a batch of molecules, float32 (b, ``out_features``)."""
        x = batch.atoms.to(next(self.parameters()).dtype)
        around = neighbourhoods(batch.bonds, len(x))
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = torch.tanh(norm(layer(x, around)))
        x = self.layers[-1](x, around)
        total, mean = pool(x, batch)
        return torch.cat([total, mean], dim=1)

    def layer_groups(self) -> list[nn.Module]:
        """Return each layer with the batch norm that follows it."""
        inner = zip(self.layers, self.norms, strict=False)
        return [*(nn.ModuleList(pair) for pair in inner), self.layers[-1]]
