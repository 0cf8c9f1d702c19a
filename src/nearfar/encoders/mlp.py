"""Multi-layer perceptron for vectors."""

from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder


class MLP(Encoder):
    """Columns → batch norm → (linear, ReLU, dropout) × layers.

    The batch norm without weights puts columns on one footing, with the statistics of the training
    rows; those of deviations below a hundredth, which its epsilon would shrink, are read from a
    table at deviation 1.

    Args:
        inputs: the vectors to be encoded; their number of columns is read.
        layers: hidden layers, at least 1.
        hidden: width of every layer, and number of features.
        dropout: probability of dropping a unit in training.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"vector"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        layers: PositiveInt = 2,
        hidden: PositiveInt = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        columns = inputs.select(torch.zeros(1, dtype=torch.int64)).shape[1]
        self.in_shape, self.out_features = (columns,), hidden
        self.norm = nn.BatchNorm1d(columns, affine=False)
        widths = [columns] + [hidden] * layers
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout))
            for a, b in pairwise(widths)
        )

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of a batch of vectors (b, columns): float32 (b, ``hidden``)."""
        x: Tensor = self.norm(batch)
        for layer in self.layers:
            x = layer(x)
        return x

    def layer_groups(self) -> list[nn.Module]:
        """Return each linear layer with what follows it."""
        return list(self.layers)
