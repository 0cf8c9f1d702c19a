"""What the training loop is given: a module, its rows, and how it is judged on validation rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from nearfar.encoders.base import unfinished
from nearfar.heads.solved.knn import neighbour_votes
from nearfar.metrics import METRICS
from nearfar.objectives import Batch, Predictor, Rows, in_chunks, loss_on_ranks
from nearfar.stages.models import spread
from nearfar.stages.targets import Classes, Labels, Outputs
from nearfar.stages.undefined import is_undefined
from nearfar.train.loop import Points
from nearfar.train.randomness import drawn_apart
from nearfar.train.rounds import Round

PROBES, PROBED = 10, 1000
"""How often, and by how many validation rows, pre-training is probed at most: it costs passes."""


@dataclass
class FitTask:
    """Training of a predictor; ``metric`` on the validation rows chooses the round.

    Where it has no value for them, such as the AUROC of rows of one class, the loss does.

    Where it does not (``chooses``), neither the round nor the rate, they are asked up to twenty
    times along the way: of few labels an epoch has fewer rows than they.
    """

    module: Predictor
    data: Rows
    rows: Tensor
    validation: Tensor
    outputs: Outputs
    metric: str
    chooses: bool = True

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Gather rows, ``size`` at a time."""
        return self.data.batches(rows, size)

    def loss(self, batch: Batch) -> Tensor:
        """Return what this rank makes of a batch's loss, where several train."""
        return loss_on_ranks(self.module, batch)

    def begin(self, number: int) -> None:
        """Tell views that change from round to round that one begins."""
        self.data.begin(number)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their learning-rate factors."""
        return self.module.groups()

    @torch.no_grad()
    def validate(self, at: Round) -> tuple[float | None, Points]:
        """Return the value to minimise, and loss, metric and (of classes) accuracy."""
        points = _points("train", self.module.monitor())
        if not (self.chooses or at.is_due()):
            return None, points
        inputs, module = self.data.inputs, self.module
        with unfinished(module):
            outputs = in_chunks(module, inputs, self.validation, call=module.outputs)
        if not torch.isfinite(outputs).all():
            return None, points
        loss = float(module.compare(outputs, self.data.targets[self.validation]))
        prediction = module.readout.read(outputs)
        rows, scores = self.validation.cpu().numpy(), self.outputs.scores(prediction)
        metrics = {self.metric, "accuracy"} if isinstance(self.outputs, Classes) else {self.metric}
        found = {name: self.outputs.value(name, rows, scores) for name in sorted(metrics)}
        points |= _points("validation", {"loss": loss, **found})
        if self._chosen_by_loss:
            return loss, points
        value = found[self.metric]
        return (value if METRICS[self.metric].better == "lower" else -value), points

    @cached_property
    def _chosen_by_loss(self) -> bool:
        """Whether the loss chooses the round, for want of a metric of these validation rows."""
        return is_undefined(self.outputs, self.metric, self.validation.cpu().numpy())


@dataclass
class PretrainTask:
    """Training of an encoder under an objective.

    Up to twenty times along the way it is judged on the validation rows. The objective's own loss
    is taken in batches of ``size`` rows as they are shown in training, with views that ``seed``
    draws apart; what is left of the rows counts where the objective can do with so few. And a ridge
    head solved on the training rows' features (of labels, their average precision under one), or
    for classes their nearest neighbours, gives a
    curve that can stand beside those of the fits: up to ``PROBES`` times ``PROBED`` rows are asked,
    of four times as many. All this selects nothing, and changes nothing that training uses. An
    objective that predicts is judged every time, so that its schedule can go by its validation
    loss.
    """

    module: Any
    data: Rows
    rows: Tensor
    validation: Tensor
    outputs: Outputs
    size: int
    seed: int

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Gather rows, ``size`` at a time."""
        return self.data.batches(rows, size)

    def loss(self, batch: Batch) -> Tensor:
        """Return what this rank makes of a batch's loss, where several train."""
        return loss_on_ranks(self.module, batch)

    def begin(self, number: int) -> None:
        """Tell views that change from round to round that one begins."""
        self.data.begin(number)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their learning-rate factors."""
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    def validate(self, at: Round) -> tuple[float | None, Points]:
        """Return the loss of who predicts, what the objective tells, and now and then the rest."""
        points, predicts = (
            _points("train", self._monitored()),
            getattr(self.module, "predicts", False),
        )
        held_out: dict[str, float] = {}
        with unfinished(self.module):
            if at.is_due() or predicts:
                held_out = self._loss(at.number) | self._monitored()
            if at.is_due(PROBES):
                held_out |= self._probe()
        return held_out.get("loss") if predicts else None, points | _points("validation", held_out)

    def _monitored(self) -> dict[str, float]:
        monitored: dict[str, float] = (
            self.module.monitor() if hasattr(self.module, "monitor") else {}
        )
        return monitored

    @torch.no_grad()
    def _loss(self, number: int) -> dict[str, float]:
        """Return the mean loss of the validation rows; empty where there is none."""
        parts = [
            part
            for part in torch.split(self.validation, min(self.size, len(self.rows)))
            if len(part) >= self.module.least_rows
        ]
        total = torch.zeros((), device=self.validation.device)
        self.module.eval()
        loss = getattr(self.module, "validation_loss", self.module.loss)
        with drawn_apart(self.seed, number, self.validation.device):
            for part in parts:
                total += loss(self.data.batch(part)) * len(part)
        value = float(total) / max(1, sum(map(len, parts)))
        return {"loss": value} if parts and math.isfinite(value) else {}

    def _probe(self) -> dict[str, float]:
        """Return how well the features of the validation rows tell their targets."""
        encoder = self.module.encoder
        known, asked = spread(self.rows, 4 * PROBED), spread(self.validation, PROBED)
        train = in_chunks(encoder, self.data.inputs, known)
        held_out = in_chunks(encoder, self.data.inputs, asked)
        targets = self.data.targets[known]
        if isinstance(self.outputs, Classes):
            numbers = self.data.targets[:, 0].long()
            indicators = torch.eye(self.outputs.count, device=train.device)[numbers[known]]
            votes = neighbour_votes(train, indicators, held_out)
            right = votes.argmax(1) == numbers[asked]
            return {"knn_accuracy": float(right.double().mean())}
        columns = []
        for column in targets.T:
            has = ~column.isnan()
            if has.sum() < 2:
                return {}
            columns.append(_ridge(train[has].double(), column[has][:, None], held_out.double()))
        guess = torch.cat(columns, dim=1)
        if not torch.isfinite(guess).all():
            return {}
        rows, found = asked.cpu().numpy(), guess.cpu().numpy()
        if isinstance(self.outputs, Labels):
            value = self.outputs.value("average_precision", rows, found - 0.5)
            return {"average_precision": value} if math.isfinite(value) else {}
        return {"mae": self.outputs.value("mae", rows, found)}


def _points(split: str, values: dict[str, float]) -> Points:
    return {(split, metric): value for metric, value in values.items()}


def _ridge(train: Tensor, targets: Tensor, held_out: Tensor, penalty: float = 1e-2) -> Tensor:
    """Return ridge predictions for ``held_out`` (m, d); penalty relative to the number of rows."""
    mean, scale = train.mean(0), train.std(0).clamp_min(1e-6)
    x, z = (train - mean) / scale, (held_out - mean) / scale
    gram = x.T @ x + penalty * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    offset = targets.mean(0)
    weight: Tensor = torch.linalg.solve(gram, x.T @ (targets - offset))
    return z @ weight + offset
