"""Rank-N-Contrast as a pre-training objective (Zha et al., NeurIPS 2023)."""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import RnCLoss
from nearfar.objectives.batches import Batch


class RankNContrast(nn.Module):
    """Order the encoder's features by distance between labels: ``loss(batch)`` is ``RnCLoss``.

    ``views`` of every row stand in a batch; the paper takes two of images. Labels of several
    dimensions are compared in z units, so that none outweighs the others.
    """

    least_rows: ClassVar[int] = 2
    views: int = 1
    reads_labels: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 2.0,
        label_diff: Literal["l1", "l2"] = "l1",
        feature_sim: Literal["l2", "l1", "cosine", "dot"] = "l2",
        views: Literal[1, 2] = 1,
    ) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views
        self.criterion = RnCLoss(
            temperature=temperature, label_diff=label_diff, feature_sim=feature_sim
        )

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        if self.views == 1:
            features = self.encoder(batch.inputs)
        else:
            stacked = self.encoder(torch.cat(batch.views))
            features = stacked.unflatten(0, (self.views, -1)).transpose(0, 1)
        value: Tensor = self.criterion(features, batch.targets)
        return value
