"""BYOL: an online network predicts a slowly moving copy of itself (Grill et al., NeurIPS 2020)."""

from copy import deepcopy
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.losses import negative_cosine_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.normed_projection import normed_projection
from nearfar.objectives.views_apart import ViewsApart
from nearfar.ranks.share import by_rows


class BYOL(ViewsApart):
    """encoder → projection → predictor of one view predicts what the target makes of the other.

    The target is a copy of encoder and projection that takes no gradient: in training, ``loss``
    first moves its parameters to ``momentum`` · themselves + (1 - ``momentum``) · the originals
    (equation 1), which is the step that follows an optimiser's. The loss is the squared distance of
    prediction and target at length 1 (equation 2), both ways, summed as in the paper. There the
    momentum rises to 1 along a cosine; here it stays.

    Projection and predictor are MLPs of the ``hidden`` and ``predictor`` widths with ``out``
    outputs, with batch norm in their hidden layers, thrown away after training; the paper's, for
    ResNet-50, are 4,096 wide with 256 outputs.

    In evaluation mode nothing moves.
    """

    sees_ranks: ClassVar[bool] = True
    chunked: ClassVar[tuple[str, ...]] = ("encoder", "target_encoder")

    def __init__(
        self,
        encoder: nn.Module,
        *,
        momentum: Annotated[float, Field(ge=0, le=1)] = 0.99,
        hidden: tuple[PositiveInt, ...] = (512,),
        out: PositiveInt = 128,
        predictor: tuple[PositiveInt, ...] = (512,),
    ) -> None:
        super().__init__(encoder, hidden, out)
        self.predictor = normed_projection(out, predictor, out)
        self.target_encoder, self.target_projection = deepcopy(encoder), deepcopy(self.projection)
        self.target_encoder.requires_grad_(False)
        self.target_projection.requires_grad_(False)
        self.momentum = momentum

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, in [0, 8]; in training, move the target."""
        if self.training:
            self._follow()
        one, other = batch.views
        there = negative_cosine_loss(self._predicted(one), self._target(other))
        back = negative_cosine_loss(self._predicted(other), self._target(one))
        return by_rows(4 + 2 * (there + back))

    def _predicted(self, view: Any) -> Tensor:
        found: Tensor = self.predictor(self._projected(view))
        return found

    @torch.no_grad()
    def _target(self, view: Any) -> Tensor:
        found: Tensor = self.target_projection(self.target_encoder(view))
        return found

    @torch.no_grad()
    def _follow(self) -> None:
        pairs = ((self.target_encoder, self.encoder), (self.target_projection, self.projection))
        for target, online in pairs:
            for mine, leading in zip(target.parameters(), online.parameters(), strict=True):
                mine.lerp_(leading, 1 - self.momentum)
