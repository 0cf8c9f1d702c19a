"""Heads that are trained by gradient, and the standardisation of features before them."""

from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

PREDICTS = frozenset({"regression", "classification", "multilabel"})


class Linear(nn.Module):
    """One affine map: features (n, d) → predictions (n, k)."""

    tasks: ClassVar[frozenset[str]] = PREDICTS

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (n, k) of features (n, d)."""
        result: Tensor = self.map(features)
        return result


class MLP(nn.Module):
    """Affine maps with ReLU between them: features (n, d) → predictions (n, k)."""

    tasks: ClassVar[frozenset[str]] = PREDICTS

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        hidden: tuple[PositiveInt, ...] = (128,),
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.map = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Return predictions (n, k) of features (n, d)."""
        result: Tensor = self.map(features)
        return result


class Standardise(nn.Module):
    """Shift and scale every feature to mean 0 and deviation 1 over the rows given to ``fit``.

    Until then, and for features that do not vary, it changes nothing but the mean.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from features (n, d)."""
        mean = features.double().mean(0)
        deviation = features.double().std(0, correction=0)
        varies = deviation > 1e-6 * (1 + mean.abs())
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(varies, deviation, torch.ones_like(deviation)))

    def forward(self, features: Tensor) -> Tensor:
        """Return the standardised features (n, d)."""
        return (features - self.mean) / self.scale
