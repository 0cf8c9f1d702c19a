"""What VICReg, Barlow Twins, BYOL and SimSiam share: two views, each a batch of its own."""

from typing import Any, ClassVar

from torch import Tensor, nn

from nearfar.objectives.base import TASKS
from nearfar.objectives.batches import Batch
from nearfar.objectives.normed_projection import normed_projection


class ViewsApart(nn.Module):
    """encoder → projection with batch norm, of one view after the other.

    Batch norm takes its statistics from one view at a time, as in the authors' codes. The
    projection has ``hidden`` widths and ``out`` outputs and is thrown away after training. Who
    inherits from it says the loss.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 2
    reads_labels: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = TASKS

    def __init__(
        self,
        encoder: nn.Module,
        hidden: tuple[int, ...],
        out: int,
        *,
        normed_out: bool = False,
    ) -> None:
        super().__init__()
        width = int(encoder.out_features)  # type: ignore[arg-type]
        self.encoder = encoder
        self.projection = normed_projection(width, hidden, out, normed_out=normed_out)

    def projected(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the projections of both views, (b, ``out``) each."""
        one, other = (self._projected(view) for view in batch.views)
        return one, other

    def _projected(self, view: Any) -> Tensor:
        found: Tensor = self.projection(self.encoder(view))
        return found
