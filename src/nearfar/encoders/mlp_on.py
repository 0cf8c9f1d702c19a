"""Multi-layer perceptron on what a fixed encoder makes of molecules, trained by any objective."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.data import Inputs, MoleculeBatch
from nearfar.data.inputs.vectors import Vectors
from nearfar.encoders.base import Encoder
from nearfar.encoders.mlp import MLP
from nearfar.encoders.mpnn import descriptor_columns


class MLPOn(Encoder):
    """Features of a fixed encoder → batch norm → (linear, ReLU, dropout) × layers.

    The features are computed once for all rows, epochs and arms. So an objective can shape a
    representation further that was pre-trained elsewhere, and cannot be trained itself.

    Args:
        inputs: the molecules to be encoded; the number of their features is read. Without any
            beside them the layers can be counted, and nothing can be encoded.
        features: the fixed encoder whose features these are.
        layers: hidden layers, at least 1.
        hidden: width of every layer, and number of features.
        dropout: probability of dropping a unit in training.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})

    def __init__(
        self,
        inputs: Inputs,
        *,
        features: Literal["descriptors", "morgan", "minimol"] = "descriptors",
        layers: PositiveInt = 1,
        hidden: PositiveInt = 256,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        self.out_features = hidden
        columns = descriptor_columns(inputs) or 1
        row = Vectors(torch.zeros(1, columns), [""] * columns)
        self.mlp = MLP(row, layers=layers, hidden=hidden, dropout=dropout)

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Whether the features that it learns on are."""
        return bool(options.get("features") == "minimol")

    @classmethod
    def draws(cls, options: Mapping[str, Any]) -> bool:
        """Always: its own layers begin at random."""
        return True

    @classmethod
    def wants(cls, inputs: Any, options: Mapping[str, Any]) -> str:
        """Ask for the features, unless the molecules have some."""
        return str(options["features"]) if inputs.descriptors is None else ""

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """Return the features of a batch of molecules, float32 (b, ``hidden``)."""
        assert batch.descriptors is not None
        features: Tensor = self.mlp(batch.descriptors.to(torch.float32))
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return each linear layer with what follows it."""
        return self.mlp.layer_groups()
