"""SimSiam: siamese views without negatives or momentum (Chen and He, CVPR 2021)."""

from typing import ClassVar

from pydantic import PositiveInt
from torch import Tensor, nn

from nearfar.losses import negative_cosine_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.normed_projection import normed_projection
from nearfar.objectives.views_apart import ViewsApart
from nearfar.ranks.share import by_rows


class SimSiam(ViewsApart):
    """encoder → projection → predictor; each view's prediction is compared with the other's
    projection, through which no gradient flows (equation 4), and the mean is taken.

    The projection is an MLP of the ``hidden`` widths with ``out`` outputs, with batch norm after
    every layer, the last one without weights; the predictor one of the ``predictor`` widths, a
    bottleneck, with batch norm in its hidden layers. The paper's, for ResNet-50, are 2,048 wide,
    with a predictor of 512. Both are thrown away after training.
    """

    sees_ranks: ClassVar[bool] = True

    def __init__(
        self,
        encoder: nn.Module,
        *,
        hidden: tuple[PositiveInt, ...] = (512, 512),
        out: PositiveInt = 512,
        predictor: tuple[PositiveInt, ...] = (128,),
    ) -> None:
        super().__init__(encoder, hidden, out, normed_out=True)
        self.predictor = normed_projection(out, predictor, out)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar in [-1, 1]."""
        one, other = self.projected(batch)
        there = negative_cosine_loss(self.predictor(one), other.detach())
        back = negative_cosine_loss(self.predictor(other), one.detach())
        return by_rows((there + back) / 2)
