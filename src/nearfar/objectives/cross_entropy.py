"""Supervised pre-training on classes: an encoder learns them, and other fits start from it."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from nearfar.heads.networks import Linear
from nearfar.losses import CLASSIFICATION_LOSSES
from nearfar.objectives.rows import Batch


class CrossEntropy(nn.Module):
    """encoder → one affine map → cross-entropy of the classes.

    The affine map is thrown away after training, as projections are: a fit on the frozen encoder
    gets a new output layer, for the same classes or for others.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = True
    predicts: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})

    def __init__(self, encoder: nn.Module, outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = Linear(int(encoder.out_features), outputs)  # type: ignore[arg-type]
        self._right: Tensor | float = 0.0
        self._rows = 0

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar, in nats."""
        logits = self.head(self.encoder(batch.inputs))
        self._right = self._right + (logits.argmax(1) == batch.classes).sum()
        self._rows += len(logits)
        return CLASSIFICATION_LOSSES["cross_entropy"](logits, batch.targets)

    def monitor(self) -> dict[str, float]:
        """Return the accuracy of the rows seen since the last call, and begin anew."""
        if not self._rows:
            return {}
        accuracy = float(torch.as_tensor(self._right)) / self._rows
        self._right, self._rows = 0.0, 0
        return {"accuracy": accuracy}
