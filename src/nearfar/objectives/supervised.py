"""Supervised pre-training: an encoder learns to predict, and other fits start from it.

The affine map that predicts is thrown away after training, as projections are: a fit on the frozen
encoder gets a new output layer, for the same targets or for others.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nearfar.heads.networks import Linear
from nearfar.losses import ELEMENTWISE_LOSSES, mean_of_known
from nearfar.losses.classification import cross_entropy
from nearfar.objectives.batches import Batch


class CrossEntropy(nn.Module):
    """encoder → one affine map → cross-entropy of the classes.

    Args:
        encoder: what is trained.
        outputs: how many classes there are.
        label_smoothing: share of a class's probability that is spread over all, null for none.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = True
    predicts: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})

    def __init__(
        self,
        encoder: nn.Module,
        outputs: int,
        *,
        label_smoothing: Annotated[float, Field(gt=0, lt=1)] | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.label_smoothing = encoder, label_smoothing or 0.0
        self.head = Linear(int(encoder.out_features), outputs)  # type: ignore[arg-type]
        self._right: Tensor | float = 0.0
        self._rows = 0

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar, in nats."""
        logits = self.head(self.encoder(batch.inputs)).float()
        self._right = self._right + (logits.argmax(1) == batch.classes).sum()
        self._rows += len(logits)
        return cross_entropy(logits, batch.targets, label_smoothing=self.label_smoothing)

    def monitor(self) -> dict[str, float]:
        """Return the accuracy of the rows seen since the last call, and begin anew."""
        if not self._rows:
            return {}
        accuracy = float(torch.as_tensor(self._right)) / self._rows
        self._right, self._rows = 0.0, 0
        return {"accuracy": accuracy}


class Regression(nn.Module):
    """encoder → one affine map → L1, squared or Huber error of the targets in z units.

    The counterpart of Rank-N-Contrast in a study of transfer: the same encoder, labels and budget
    under the loss that a fit would take.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = True
    predicts: ClassVar[bool] = True
    blends_features: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})

    def __init__(
        self, encoder: nn.Module, outputs: int, *, loss: Literal["l1", "mse", "huber"] = "l1"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = Linear(int(encoder.out_features), outputs)  # type: ignore[arg-type]
        self.criterion = ELEMENTWISE_LOSSES[loss]

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss over the targets that the rows of a batch have, a scalar.

        And what is added to it.
        """
        features = batch.blended(self.encoder(batch.inputs))
        prediction = self.head(features).float()
        loss = mean_of_known(self.criterion, prediction, batch.targets.to(prediction.dtype))
        return loss + self.added(features, batch.targets)

    def added(self, features: Tensor, targets: Tensor) -> Tensor | float:
        """Return what is minimised beside, of features (b, d) and targets (b, k); here nothing."""
        return 0.0


class BinaryCrossEntropy(nn.Module):
    """encoder → one affine map → binary cross-entropy of each of several labels a row."""

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = True
    predicts: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"multilabel"})

    def __init__(self, encoder: nn.Module, outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = Linear(int(encoder.out_features), outputs)  # type: ignore[arg-type]

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss over the labels of a batch that are known, a scalar, in nats."""
        logits = self.head(self.encoder(batch.inputs)).float()
        return mean_of_known(ELEMENTWISE_LOSSES["bce"], logits, batch.targets.to(logits.dtype))
