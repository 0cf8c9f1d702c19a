"""VICReg: variance, invariance and covariance (Bardes et al., ICLR 2022)."""

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.losses import vicreg_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.views_apart import ViewsApart

Weight = Annotated[float, Field(ge=0)]


class VICReg(ViewsApart):
    """encoder → projection ("expander") → ``vicreg_loss`` of two views.

    The projection is an MLP of the ``hidden`` widths with ``out`` outputs, with batch norm in its
    hidden layers; the paper's, for ResNet-50, is 8,192 wide throughout.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        invariance: Weight = 25.0,
        variance: Weight = 25.0,
        covariance: Weight = 1.0,
        hidden: tuple[PositiveInt, ...] = (512, 512),
        out: PositiveInt = 512,
    ) -> None:
        super().__init__(encoder, hidden, out)
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar."""
        return vicreg_loss(
            *self.projected(batch),
            invariance=self.invariance,
            variance=self.variance,
            covariance=self.covariance,
        )
