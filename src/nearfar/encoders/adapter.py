"""Any module as an encoder, from Python."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from nearfar.encoders.base import Encoder


class Adapter(Encoder):
    """A module of somebody's own in the place of an encoder.

    Objectives and heads take it as they take those of ``ENCODERS``::

        encoder = Adapter(my_network, out_features=256)
        objective = AutoEncoder(Adapter(my_network, 256, in_shape=(3, 32, 32)))

    To name an encoder in study files, write a subclass of ``Encoder``, see docs/extending.md.

    Args:
        module: batch → features (b, ``out_features``).
        out_features: number of features.
        in_shape: shape of one row of the batch, for objectives that give the input back.
        layers: its parts, first to last, for ``last:k``; without them its children.
    """

    def __init__(
        self,
        module: nn.Module,
        out_features: int,
        *,
        in_shape: tuple[int, ...] | None = None,
        layers: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.module, self.out_features, self.in_shape = module, out_features, in_shape
        self._layers = tuple(layers) or tuple(module.children()) or (module,)

    def forward(self, batch: Any) -> Tensor:
        """Return the module's features (b, ``out_features``).

        Raises:
            ValueError: the module gives another shape.
        """
        features: Tensor = self.module(batch)
        if features.ndim != 2 or features.shape[1] != self.out_features:
            raise ValueError(
                f"the module gives {tuple(features.shape)}, not (b, {self.out_features})"
            )
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return the given parts, or the module's children."""
        return list(self._layers)
