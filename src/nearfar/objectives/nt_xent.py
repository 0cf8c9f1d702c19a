"""SimCLR: two views of a row near, other rows far (Chen et al., ICML 2020)."""

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.losses import nt_xent_loss
from nearfar.objectives.batches import Batch
from nearfar.objectives.projected import ProjectedViews
from nearfar.ranks.exchange import gathered
from nearfar.ranks.share import as_mean, part


class NTXent(ProjectedViews):
    """encoder → projection → ``nt_xent_loss``; both views pass through in one batch.

    The projection is an MLP of the ``hidden`` widths (none: one affine map) with ``out`` outputs,
    thrown away after training.
    """

    reads_labels: ClassVar[bool] = False
    sees_ranks: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification", "multilabel"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.5,
        hidden: tuple[PositiveInt, ...] = (512,),
        out: PositiveInt = 128,
    ) -> None:
        super().__init__(encoder, hidden, out)
        self.temperature = temperature

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar."""
        one, other = map(gathered, self.projected(batch))
        return as_mean(nt_xent_loss(one, other, self.temperature, part()))
