"""The one training loop, on Lightning Fabric.

It trains anything with ``loss(batch)``. It owns epochs, batches, schedules, clipping, the choice of
the epoch, checkpoints and divergence; what is trained, and on which rows, is the task's business.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nearfar.train.checkpoint import load_checkpoint, save_checkpoint
from nearfar.train.optim import build_optimizer, build_schedule
from nearfar.train.recipe import Recipe

CHECKPOINT_SECONDS = 20.0
LEARNING_EPOCHS = 20
"""From this many epochs on, a run that ends above its limit has diverged, not just begun."""


class Task(Protocol):
    """What the loop needs of a thing to train.

    ``module`` has a method ``loss(batch)`` that returns a scalar; ``rows`` are the training rows;
    ``batch(rows)`` gathers them; ``groups()`` gives (parameters, learning-rate factor) pairs;
    ``validate(epoch)`` returns the value to minimise, or None where nothing is to be selected, and
    the points of the curves on validation rows.
    """

    module: nn.Module
    rows: Tensor

    def batch(self, rows: Tensor) -> Any: ...
    def groups(self) -> list[tuple[list[nn.Parameter], float]]: ...
    def validate(self, epoch: int) -> tuple[float | None, dict[str, float]]: ...


@dataclass
class Curve:
    """One point of a learning curve."""

    epoch: int
    split: str
    metric: str
    value: float


@dataclass
class Outcome:
    """How a training run ended."""

    status: str
    reason: str
    epochs: int
    steps: int
    seconds: float
    selected_epoch: int
    curves: list[Curve] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)


@dataclass
class _State:
    epoch: int = 0
    seconds: float = 0.0
    best: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] | None = None
    curves: list[Curve] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    reason: str = ""


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


class Trainer:
    """Train ``task`` by ``recipe``; resume from ``checkpoint`` where it exists.

    ``keep`` lists epochs whose weights are kept beside the selected ones; ``limit`` is the training
    loss above which the end counts as divergence; ``report(epoch, loss)`` is called after every
    epoch. The numbers depend on ``seed`` and the task alone, not on interruptions.
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
        report: Callable[[int, float], None] = lambda epoch, loss: None,
    ) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.checkpoint, self.keep, self.limit, self.report = checkpoint, keep, limit, report
        self.state = _State()
        self.steps_per_epoch = recipe.steps_per_epoch(len(task.rows))
        optimizer = build_optimizer(recipe.optimizer, task.groups())
        self.model, self.optimizer = fabric.setup(task.module, optimizer)
        self.model.mark_forward_method("loss")
        self.schedule = build_schedule(
            self.optimizer, recipe.schedule, recipe.epochs * self.steps_per_epoch
        )
        self.order = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)

    def run(self) -> Outcome:
        """Train to the end, or to divergence; leave the selected weights in the task's module."""
        self._resume()
        saved = time.monotonic()
        state, recipe = self.state, self.recipe
        while state.epoch < recipe.epochs and not state.reason:
            begin = time.monotonic()
            loss = self._epoch()
            self._after_epoch(loss)
            state.seconds += time.monotonic() - begin
            self.report(state.epoch, loss)
            goes_on = state.epoch < recipe.epochs and not state.reason
            if goes_on and time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        return self._finish()

    def _epoch(self) -> float:
        self.model.train()
        rows, batch = self.task.rows, min(self.recipe.batch, len(self.task.rows))
        order = torch.randperm(len(rows), generator=self.order).to(rows.device)
        total = torch.zeros((), device=rows.device)
        for step in range(self.steps_per_epoch):
            chosen = rows[order[step * batch : (step + 1) * batch]]
            loss = self.model.loss(self.task.batch(chosen))
            self.optimizer.zero_grad()
            self.fabric.backward(loss)
            if self.recipe.clip is not None:
                self.fabric.clip_gradients(
                    self.model, self.optimizer, max_norm=self.recipe.clip, error_if_nonfinite=False
                )
            self.optimizer.step()
            self.schedule.step()
            total += loss.detach() * len(chosen)
        count = min(self.steps_per_epoch * batch, len(rows))
        return float(total) / count

    def _after_epoch(self, loss: float) -> None:
        state = self.state
        state.epoch += 1
        state.curves.append(Curve(state.epoch, "train", "loss", loss))
        if not math.isfinite(loss):
            state.reason = f"the training loss became {loss} in epoch {state.epoch}"
            return
        at_end = state.epoch == self.recipe.epochs
        if at_end and state.epoch >= LEARNING_EPOCHS and loss > self.limit:
            state.reason = (
                f"the training loss ended at {loss:.3g}, "
                f"above {self.limit:.3g}, twice that of a constant prediction"
            )
            return
        value, curves = self.task.validate(state.epoch)
        state.curves += [Curve(state.epoch, "validation", name, v) for name, v in curves.items()]
        if value is not None and self.recipe.select == "best" and value < state.best:
            state.best, state.best_epoch = value, state.epoch
            state.best_weights = _weights(self.task.module)
        if state.epoch in self.keep:
            state.kept[state.epoch] = _weights(self.task.module)

    def _finish(self) -> Outcome:
        state = self.state
        selected = state.epoch
        if state.best_weights is not None and not state.reason:
            self.task.module.load_state_dict(state.best_weights)
            selected = state.best_epoch
        return Outcome(
            status="diverged" if state.reason else "done",
            reason=state.reason,
            epochs=state.epoch,
            steps=state.epoch * self.steps_per_epoch,
            seconds=state.seconds,
            selected_epoch=selected,
            curves=state.curves,
            kept=state.kept,
        )

    def _save(self) -> None:
        s = self.state
        random = {"order": self.order.get_state(), "torch": torch.get_rng_state()}
        if torch.cuda.is_available():
            random["cuda"] = torch.cuda.get_rng_state()
        save_checkpoint(
            self.checkpoint,
            {
                "model": self.task.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "random": random,
                "epoch": s.epoch,
                "seconds": s.seconds,
                "best": s.best,
                "best_epoch": s.best_epoch,
                "best_weights": s.best_weights,
                "kept": s.kept,
                "curves": [(c.epoch, c.split, c.metric, c.value) for c in s.curves],
            },
        )

    def _resume(self) -> None:
        saved = load_checkpoint(self.checkpoint, self.fabric.device)
        if saved is None:
            return
        self.task.module.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.order.set_state(saved["random"]["order"].cpu())
        torch.set_rng_state(saved["random"]["torch"].cpu())
        if "cuda" in saved["random"]:
            torch.cuda.set_rng_state(saved["random"]["cuda"].cpu())
        for name in ("epoch", "seconds", "best", "best_epoch", "best_weights", "kept"):
            setattr(self.state, name, saved[name])
        self.state.curves = [Curve(*point) for point in saved["curves"]]
