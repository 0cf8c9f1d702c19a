"""The one training loop, on Lightning Fabric.

It trains anything with ``loss(batch)``. It owns batches, schedules, clipping and checkpoints; the
rounds, the choice among them and divergence are in ``state.py``; the task says what is trained, and
on which rows. A round is an epoch, or less of one where a recipe counts
iterations.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from nearfar.ranks.share import ALONE, Rank
from nearfar.train.average import Lookahead
from nearfar.train.checkpoint import CHECKPOINT_SECONDS, load_checkpoint, save_checkpoint
from nearfar.train.chunks import chunked
from nearfar.train.optim import build_optimizer, build_schedule
from nearfar.train.randomness import random_state, set_random_state
from nearfar.train.ranks import RankedTask
from nearfar.train.recipe import Recipe
from nearfar.train.state import LEARNING_EPOCHS, Outcome, Points, RunState, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["LEARNING_EPOCHS", "Outcome", "Points", "Task", "Trainer"]


class Trainer:
    """Train ``task`` by ``recipe``; resume from ``checkpoint`` where it exists.

    ``keep`` lists the epochs, or iterations where the recipe counts these, whose weights are kept
    beside the selected ones; ``limit`` is the training loss up to which the end is no
    divergence, though it rose; ``report(done, loss)`` is called after every round with the epochs
    or iterations done. The numbers depend on ``seed`` and the task alone, not on interruptions.
    Where several ``rank``s train, each has a trainer; the first alone judges, reports and keeps
    checkpoints, which all read.
    """

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        seed: int,
        fabric: Fabric,
        *,
        checkpoint: Path,
        keep: tuple[int, ...] = (),
        limit: float = math.inf,
        report: Callable[[int, float], None] = lambda done, loss: None,
        rank: Rank = ALONE,
    ) -> None:
        self.ranked = RankedTask(task, rank, seed) if rank.count > 1 else None
        if self.ranked is not None:
            task = self.ranked
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.checkpoint, self.report = checkpoint, report
        self.run_state = RunState(task, recipe, seed, keep=keep, limit=limit)
        self.state = self.run_state.state
        optimizer = build_optimizer(recipe.optimizer, task.groups())
        self.model, self.optimizer = fabric.setup(task.module, optimizer)
        self.model.mark_forward_method("loss")
        # Asked after the set-up, which may have moved the module to another device.
        find: Any = getattr(task.module, "step_of", lambda: None)
        self.step_of: Callable[[Any], Tensor] | None = find()
        self.schedule = build_schedule(
            self.optimizer, recipe.schedule, recipe.steps(len(task.rows))
        )
        self.average = self._average()
        begin: Any = getattr(task, "begin", lambda number: None)
        self.begin: Callable[[int], None] = begin
        torch.manual_seed(seed)

    def _average(self) -> Lookahead | None:
        options, task = self.recipe.average, self.task
        if options is None:
            return None
        trained: list[Tensor] = [p for members, _ in task.groups() for p in members]
        return Lookahead(options, task.module, trained, self.recipe.steps(len(task.rows)))

    def run(self) -> Outcome:
        """Train to the end, or to divergence; leave the selected weights in the task's module."""
        self._resume()
        saved = time.monotonic()
        run_state, state = self.run_state, self.state
        while run_state.goes_on:
            begin = time.monotonic()
            state.round += 1
            with chunked(self.task.module, self.recipe.chunk):
                loss = self._round()
            value = run_state.after_round(loss)
            if value is not None and isinstance(self.schedule, ReduceLROnPlateau):
                self.schedule.step(value)
            state.seconds += time.monotonic() - begin
            self.report(run_state.rounds.count(state.round), loss)
            if self._keeps and run_state.goes_on and time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        return run_state.finish()

    @property
    def _keeps(self) -> bool:
        """Whether this process writes checkpoints."""
        return self.ranked is None or self.ranked.rank.leads

    def _round(self) -> float:
        """Train to the end of the round; return the mean loss of its rows."""
        self.model.train()
        self.begin(self.state.round)
        chosen, losses = self.run_state.draw(), []
        before = self.run_state.rounds.begin(self.state.round)
        for some in self.task.batches(chosen, self.run_state.batch):
            losses.append(self._gradients(some))
            if self.recipe.clip is not None:
                self.fabric.clip_gradients(
                    self.model, self.optimizer, max_norm=self.recipe.clip, error_if_nonfinite=False
                )
            self.optimizer.step()
            if not isinstance(self.schedule, ReduceLROnPlateau):
                self.schedule.step()
            if self.average is not None:
                self.average.after(before + len(losses))
        return self.run_state.mean_loss(losses, len(chosen))

    def _gradients(self, batch: Any) -> Tensor:
        """Return the loss of a batch; leave its gradients in the parameters."""
        if self.step_of is not None and self.ranked is None:
            return self.step_of(batch)
        # Fabric sees to the precision of forward alone, and not of other methods.
        with self.fabric.autocast():
            loss: Tensor = (self.ranked or self.model).loss(batch)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        return loss.detach() if self.ranked is None else self.ranked.average(loss)

    def _save(self) -> None:
        save_checkpoint(
            self.checkpoint,
            {
                "model": self.task.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "random": random_state(self.fabric.device),
                **({} if self.average is None else {"average": self.average.state_dict()}),
                **self.run_state.to_plain(),
            },
        )

    def _resume(self) -> None:
        saved = load_checkpoint(self.checkpoint, self.fabric.device)
        if saved is None:
            return
        self.task.module.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        if self.average is not None:
            self.average.load_state_dict(saved["average"])
        set_random_state(saved["random"])
        self.run_state.resume(saved)
