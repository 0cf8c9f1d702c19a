"""What the training loop is given: a module, its rows, and how it is judged on validation rows."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nearfar.heads.classifiers import neighbour_votes
from nearfar.metrics import METRICS
from nearfar.objectives import Batch, Predictor, Rows, in_chunks
from nearfar.study.outputs import Classes, Outputs


@dataclass
class FitTask:
    """Training of a predictor; ``metric`` on the validation rows chooses the epoch."""

    module: Predictor
    data: Rows
    rows: Tensor
    validation: Tensor
    outputs: Outputs
    metric: str

    def batch(self, rows: Tensor) -> Batch:
        """Gather rows."""
        return self.data.batch(rows)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their learning-rate factors."""
        return self.module.groups()

    def validate(self, epoch: int) -> tuple[float | None, dict[str, float]]:
        """Return the value to minimise and the curve point."""
        prediction = in_chunks(self.module, self.data.inputs, self.validation)
        if not torch.isfinite(prediction).all():
            return None, {}
        scores = self.outputs.scores(prediction)
        value = self.outputs.value(self.metric, self.validation.cpu().numpy(), scores)
        return (value if METRICS[self.metric].better == "lower" else -value), {self.metric: value}


@dataclass
class PretrainTask:
    """Training of an encoder under an objective.

    Some twenty times along the way the encoder is probed: a ridge head solved on the training rows'
    features, or for classes their nearest neighbours, is scored on the validation rows: a curve
    that can stand beside those of the fits. It selects nothing.
    """

    module: Any
    data: Rows
    rows: Tensor
    validation: Tensor
    outputs: Outputs
    epochs: int

    def batch(self, rows: Tensor) -> Batch:
        """Gather rows."""
        return self.data.batch(rows)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their learning-rate factors."""
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    def validate(self, epoch: int) -> tuple[float | None, dict[str, float]]:
        """Return no value to minimise, what the objective tells, and a probe now and then."""
        told = self.module.monitor() if hasattr(self.module, "monitor") else {}
        every = max(1, self.epochs // 20)
        if epoch % every and epoch != self.epochs:
            return None, told
        encoder = self.module.encoder
        train = in_chunks(encoder, self.data.inputs, self.rows)
        held_out = in_chunks(encoder, self.data.inputs, self.validation)
        targets = self.data.targets[self.rows]
        if isinstance(self.outputs, Classes):
            numbers = self.data.targets[:, 0].long()
            indicators = torch.eye(self.outputs.count, device=train.device)[numbers[self.rows]]
            votes = neighbour_votes(train, indicators, held_out)
            right = votes.argmax(1) == numbers[self.validation]
            return None, {**told, "knn_accuracy": float(right.double().mean())}
        guess = _ridge(train.double(), targets, held_out.double())
        if not torch.isfinite(guess).all():
            return None, told
        rows = self.validation.cpu().numpy()
        return None, {**told, "mae": self.outputs.value("mae", rows, guess.cpu().numpy())}


def _ridge(train: Tensor, targets: Tensor, held_out: Tensor, penalty: float = 1e-2) -> Tensor:
    """Return ridge predictions for ``held_out`` (m, d); penalty relative to the number of rows."""
    mean, scale = train.mean(0), train.std(0).clamp_min(1e-6)
    x, z = (train - mean) / scale, (held_out - mean) / scale
    gram = x.T @ x + penalty * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    offset = targets.mean(0)
    weight: Tensor = torch.linalg.solve(gram, x.T @ (targets - offset))
    return z @ weight + offset
