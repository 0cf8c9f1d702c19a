"""Barlow Twins: redundancy reduction (Zbontar et al., ICML 2021)."""

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.losses import barlow_twins_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.views_apart import ViewsApart


class BarlowTwins(ViewsApart):
    """encoder → projection → ``barlow_twins_loss`` of two views.

    The projection is an MLP of the ``hidden`` widths with ``out`` outputs, with batch norm in its
    hidden layers; the paper's, for ResNet-50, is 8,192 wide throughout.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        redundancy: Annotated[float, Field(ge=0)] = 5e-3,
        hidden: tuple[PositiveInt, ...] = (512, 512),
        out: PositiveInt = 512,
    ) -> None:
        super().__init__(encoder, hidden, out)
        self.redundancy = redundancy

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar."""
        return barlow_twins_loss(*self.projected(batch), redundancy=self.redundancy)
