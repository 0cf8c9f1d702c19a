"""Supervised contrast where rows have several labels (Zhang and Wu, AAAI 2024)."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.losses import mul_sup_con_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.projected import ProjectedViews


class MultiLabelContrast(ProjectedViews):
    """encoder → projection → ``mul_sup_con_loss`` of a batch's labels, in one view or two.

    The projection is an MLP of the ``hidden`` widths (none: one affine map) with ``out`` outputs,
    thrown away after training. Labels that are not known make no positives. The paper compares with
    a queue of keys as MoCo does; here it is the rest of the batch, as in SupCon.
    """

    reads_labels: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"multilabel"})
    views: int = 1  # type: ignore[misc]

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        hidden: tuple[PositiveInt, ...] = (512,),
        out: PositiveInt = 128,
        views: Annotated[int, Field(ge=1, le=2)] = 1,
    ) -> None:
        super().__init__(encoder, hidden, out)
        self.temperature, self.views = temperature, views

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        if self.views == 1:
            features = self.projection(self.encoder(batch.inputs))
        else:
            features = torch.stack(self.projected(batch), dim=1)
        return mul_sup_con_loss(features, batch.targets, self.temperature)
