"""Rank-N-Contrast as a pre-training objective (Zha et al., NeurIPS 2023)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import RnCLoss
from nearfar.objectives.rows import Batch


class RankNContrast(nn.Module):
    """Order the encoder's features by distance between labels: ``loss(batch)`` is ``RnCLoss``.

    Labels of several dimensions are compared in z units, so that none outweighs the others.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 2.0,
        label_diff: Literal["l1", "l2"] = "l1",
        feature_sim: Literal["l2", "l1", "cosine", "dot"] = "l2",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.criterion = RnCLoss(
            temperature=temperature, label_diff=label_diff, feature_sim=feature_sim
        )

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        value: Tensor = self.criterion(self.encoder(batch.inputs), batch.targets)
        return value
