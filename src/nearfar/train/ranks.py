"""One rank among several in the training loop: its rows, its random numbers, what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nearfar.ranks.exchange import average_gradients, said_by_first
from nearfar.ranks.share import Rank, Share, sharing
from nearfar.train.rounds import Round
from nearfar.train.state import Points, Task


class RankedTask:
    """A task as one of several ranks has it: rank 0 alone judges, and the others are told.

    All have ``rows`` in the same order; a batch's rows are shared out. Every round and rank draws
    from a random state of its own, so that nothing but the round decides what is drawn.
    """

    def __init__(self, task: Task, rank: Rank, seed: int) -> None:
        """``task``: with a ``loss(batch)`` of its own."""
        self.task, self.rank, self.seed = task, rank, seed
        self.rows, self.round = task.rows, 0

    @property
    def module(self) -> nn.Module:
        """What is trained."""
        return self.task.module

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return what the task returns."""
        return self.task.groups()

    def begin(self, number: int) -> None:
        """Begin a round."""
        begin: Any = getattr(self.task, "begin", None)
        if begin is not None:
            begin(number)
        self.round = number
        self._draw_from(self.rank.number)

    def _draw_from(self, stream: int) -> None:
        numbers = np.random.SeedSequence([self.seed, self.round, stream])
        torch.manual_seed(int(numbers.generate_state(1)[0]))

    def batches(self, rows: Tensor, size: int) -> Iterator[tuple[Share, Any]]:
        """Gather this rank's share of every ``size`` rows.

        What is too small to be split all ranks have, and draw the same for.
        """
        for part in torch.split(rows, size):
            share = Share(self.rank, len(part))
            if not share.is_split:
                self._draw_from(self.rank.count)
            own = share.of(part)
            yield from ((share, batch) for batch in self.task.batches(own, len(own)))

    def loss(self, given: tuple[Share, Any]) -> Tensor:
        """Return what this rank makes of a batch's loss, of its share."""
        share, batch = given
        of: Any = self.task
        with sharing(share):
            loss: Tensor = of.loss(batch)
        return loss

    def average(self, loss: Tensor) -> Tensor:
        """Leave the batch's gradients in the parameters of every rank; return the batch's loss."""
        trained = (p for members, _ in self.groups() for p in members)
        return average_gradients(trained, loss.detach(), self.rank)

    def validate(self, at: Round) -> tuple[float | None, Points]:
        """Return on rank 0 what the task returns; the others are told the value that selects."""
        if self.rank.leads:
            value, points = self.task.validate(at)
            said_by_first(value)
            return value, points
        monitor: Any = getattr(self.module, "monitor", None)
        if monitor is not None:
            monitor()
        return said_by_first(None), {}
