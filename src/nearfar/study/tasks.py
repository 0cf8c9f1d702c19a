"""What the training loop is given: a module, its rows, and how it is judged on validation rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nearfar.metrics import METRICS
from nearfar.objectives import Batch, Predictor, Rows, in_chunks


@dataclass
class FitTask:
    """Training of a predictor; ``metric`` on the validation rows (z units) chooses the epoch."""

    module: Predictor
    data: Rows
    rows: Tensor
    validation: Tensor
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
        truth = self.data.targets[self.validation].cpu().numpy()
        guess = prediction.double().cpu().numpy()
        if not np.isfinite(guess).all():
            return None, {}
        metric = METRICS[self.metric]
        value = float(np.mean([metric.value(t, g) for t, g in zip(truth.T, guess.T, strict=True)]))
        return (value if metric.better == "lower" else -value), {self.metric: value}


@dataclass
class PretrainTask:
    """Training of an encoder under an objective.

    Some twenty times along the way a ridge head, solved on the training rows' features, is scored
    on the validation rows: a curve that can stand beside those of the fits. It selects nothing.
    """

    module: Any
    data: Rows
    rows: Tensor
    validation: Tensor
    metric: str
    epochs: int

    def batch(self, rows: Tensor) -> Batch:
        """Gather rows."""
        return self.data.batch(rows)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their learning-rate factors."""
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    def validate(self, epoch: int) -> tuple[float | None, dict[str, float]]:
        """Return no value to minimise, and a curve point now and then."""
        every = max(1, self.epochs // 20)
        if epoch % every and epoch != self.epochs:
            return None, {}
        encoder = self.module.encoder
        train = in_chunks(encoder, self.data.inputs, self.rows).double()
        held_out = in_chunks(encoder, self.data.inputs, self.validation).double()
        guess = _ridge(train, self.data.targets[self.rows], held_out)
        if not torch.isfinite(guess).all():
            return None, {}
        truth = self.data.targets[self.validation]
        metric = METRICS[self.metric]
        pairs = zip(truth.T.cpu().numpy(), guess.T.cpu().numpy(), strict=True)
        return None, {self.metric: float(np.mean([metric.value(t, g) for t, g in pairs]))}


def _ridge(train: Tensor, targets: Tensor, held_out: Tensor, penalty: float = 1e-2) -> Tensor:
    """Return ridge predictions for ``held_out`` (m, d); penalty relative to the number of rows."""
    mean, scale = train.mean(0), train.std(0).clamp_min(1e-6)
    x, z = (train - mean) / scale, (held_out - mean) / scale
    gram = x.T @ x + penalty * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    offset = targets.mean(0)
    weight: Tensor = torch.linalg.solve(gram, x.T @ (targets - offset))
    return z @ weight + offset
