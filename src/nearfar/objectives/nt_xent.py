"""SimCLR: two views of a row near, other rows far (Chen et al., ICML 2020)."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.heads.networks import MLP
from nearfar.losses import nt_xent_loss
from nearfar.objectives.batches import Batch


class NTXent(nn.Module):
    """encoder → projection → ``nt_xent_loss``; both views pass through in one batch.

    The projection is an MLP of the ``hidden`` widths (none: one affine map) with ``out`` outputs,
    thrown away after training.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 2
    reads_labels: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.5,
        hidden: tuple[PositiveInt, ...] = (512,),
        out: PositiveInt = 128,
    ) -> None:
        super().__init__()
        self.encoder, self.temperature = encoder, temperature
        self.projection = MLP(int(encoder.out_features), out, hidden=hidden)  # type: ignore[arg-type]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar."""
        one, other = self.projection(self.encoder(torch.cat(batch.views))).chunk(2)
        return nt_xent_loss(one, other, self.temperature)
