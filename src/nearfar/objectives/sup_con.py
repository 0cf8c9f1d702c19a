"""Supervised contrast: rows of a class near, others far (Khosla et al., NeurIPS 2020)."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.heads.networks import MLP
from nearfar.losses import sup_con_loss
from nearfar.objectives.batches import Batch


class SupervisedContrast(nn.Module):
    """encoder → projection → ``sup_con_loss`` of two views and the class numbers.

    The projection is an MLP of the ``hidden`` widths (none: one affine map) with ``out`` outputs,
    thrown away after training.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 2
    reads_labels: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        hidden: tuple[PositiveInt, ...] = (512,),
        out: PositiveInt = 128,
    ) -> None:
        super().__init__()
        self.encoder, self.temperature = encoder, temperature
        self.projection = MLP(int(encoder.out_features), out, hidden=hidden)  # type: ignore[arg-type]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar."""
        views = self.projection(self.encoder(torch.cat(batch.views))).chunk(len(batch.views))
        return sup_con_loss(torch.stack(views, dim=1), batch.classes, self.temperature)
