"""What NT-Xent and supervised contrast share: two views, compared behind a projection."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from nearfar.heads.networks import MLP
from nearfar.objectives.batches import Batch


class ProjectedViews(nn.Module):
    """encoder → MLP with ``hidden`` widths and ``out`` outputs, thrown away after training.

    Who inherits from it says ``reads_labels``, ``tasks`` and the loss.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 2

    def __init__(self, encoder: nn.Module, hidden: tuple[int, ...], out: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = MLP(int(encoder.out_features), out, hidden=hidden)  # type: ignore[arg-type]

    def projected(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the projections of both views, (b, ``out``) each, made in one batch."""
        one, other = self.projection(self.encoder(torch.cat(batch.views))).chunk(2)
        return one, other
