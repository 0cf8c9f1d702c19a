"""Supervised contrast: rows of a class near, others far (Khosla et al., NeurIPS 2020)."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.losses import sup_con_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.projected import ProjectedViews
from nearfar.ranks.exchange import gathered
from nearfar.ranks.share import as_mean, part


class SupervisedContrast(ProjectedViews):
    """encoder → projection → ``sup_con_loss`` of two views and the class numbers.

    The projection is an MLP of the ``hidden`` widths (none: one affine map) with ``out`` outputs,
    thrown away after training.
    """

    reads_labels: ClassVar[bool] = True
    sees_ranks: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        hidden: tuple[PositiveInt, ...] = (512,),
        out: PositiveInt = 128,
    ) -> None:
        super().__init__(encoder, hidden, out)
        self.temperature = temperature

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar."""
        views = gathered(torch.stack(self.projected(batch), dim=1))
        return as_mean(sup_con_loss(views, gathered(batch.classes), self.temperature, part()))
