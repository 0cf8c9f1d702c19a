"""The one training loop, on Lightning Fabric.

It trains anything with ``loss(batch)``. It owns rounds, batches, schedules, clipping, the choice of
the epoch, checkpoints and divergence; what is trained, and on which rows, is the task's business.
A round is an epoch, or less of one where a recipe counts iterations.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from nearfar.train.checkpoint import load_checkpoint, save_checkpoint
from nearfar.train.optim import build_optimizer, build_schedule
from nearfar.train.randomness import random_state, set_random_state
from nearfar.train.recipe import Recipe
from nearfar.train.rounds import Round, Rounds

CHECKPOINT_SECONDS = 20.0
LEARNING_EPOCHS = 20
"""From this many epochs on, a run that ends above its limit has diverged, not just begun."""

Points = dict[tuple[str, str], float]
"""(split, metric) → value: what is known of a training run after a round."""


class Task(Protocol):
    """What the loop needs of a thing to train.

    ``module`` has a method ``loss(batch)`` that returns a scalar; it may have ``step_of()``, which
    returns a function of a batch that leaves the gradients in the parameters itself and returns the
    loss, or None where autograd is needed. ``rows`` are the training rows; ``batches(rows, size)``
    gathers them; ``groups()`` gives (parameters, learning-rate factor) pairs; ``validate(at)``
    returns the value to minimise, or None where nothing is to be selected, and points of the curves
    beside the training loss. It may leave the module in evaluation mode, but torch's generators as
    they were.
    """

    rows: Tensor

    @property
    def module(self) -> nn.Module: ...
    def batches(self, rows: Tensor, size: int) -> Iterable[Any]: ...
    def groups(self) -> list[tuple[list[nn.Parameter], float]]: ...
    def validate(self, at: Round) -> tuple[float | None, Points]: ...


@dataclass
class Curve:
    """One point of a learning curve; ``epoch`` is a fraction where a round ends within one."""

    epoch: float
    split: str
    metric: str
    value: float


@dataclass
class Outcome:
    """How a training run ended; ``epochs`` counts one that was begun, ``steps`` is exact."""

    status: str
    reason: str
    epochs: int
    steps: int
    seconds: float
    selected_epoch: float
    curves: list[Curve] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)


@dataclass
class _State:
    round: int = 0
    seconds: float = 0.0
    best: float = math.inf
    best_round: int = 0
    best_weights: dict[str, Tensor] | None = None
    curves: list[Curve] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    reason: str = ""


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


class Trainer:
    """Train ``task`` by ``recipe``; resume from ``checkpoint`` where it exists.

    ``keep`` lists the epochs, or iterations where the recipe counts these, whose weights are kept
    beside the selected ones; ``limit`` is the training loss above which the end counts as
    divergence; ``report(done, loss)`` is called after every round with the epochs or iterations
    done. The numbers depend on ``seed`` and the task alone, not on interruptions.
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
    ) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.checkpoint, self.limit, self.report = checkpoint, limit, report
        self.state = _State()
        self.rounds = Rounds.of(recipe, len(task.rows), keep)
        find: Any = getattr(task.module, "step_of", lambda: None)
        optimizer = build_optimizer(recipe.optimizer, task.groups(), fused=find() is not None)
        self.model, self.optimizer = fabric.setup(task.module, optimizer)
        self.model.mark_forward_method("loss")
        # Asked again: the set-up may have moved the module to another device.
        self.step_of: Callable[[Any], Tensor] | None = find()
        self.schedule = build_schedule(
            self.optimizer, recipe.schedule, recipe.steps(len(task.rows))
        )
        self.order = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)

    def run(self) -> Outcome:
        """Train to the end, or to divergence; leave the selected weights in the task's module."""
        self._resume()
        saved = time.monotonic()
        state, last = self.state, len(self.rounds.ends)
        while state.round < last and not state.reason:
            begin = time.monotonic()
            state.round += 1
            loss = self._round()
            self._after_round(loss)
            state.seconds += time.monotonic() - begin
            self.report(self.rounds.count(state.round), loss)
            goes_on = state.round < last and not state.reason
            if goes_on and time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        return self._finish()

    def _round(self) -> float:
        """Train to the end of the round; return the mean loss of its rows."""
        self.model.train()
        number = self.state.round
        steps = self.rounds.end(number) - self.rounds.begin(number)
        rows, batch = self.task.rows, min(self.recipe.batch, len(self.task.rows))
        order = rows[torch.randperm(len(rows), generator=self.order).to(rows.device)]
        chosen, losses = order[: steps * batch], []
        for some in self.task.batches(chosen, batch):
            losses.append(self._gradients(some))
            if self.recipe.clip is not None:
                self.fabric.clip_gradients(
                    self.model, self.optimizer, max_norm=self.recipe.clip, error_if_nonfinite=False
                )
            self.optimizer.step()
            if not isinstance(self.schedule, ReduceLROnPlateau):
                self.schedule.step()
        sizes = torch.full((steps,), batch, dtype=torch.float64, device=rows.device)
        sizes[-1] = len(chosen) - (steps - 1) * batch
        return float(torch.stack(losses).double() @ sizes) / len(chosen)

    def _gradients(self, batch: Any) -> Tensor:
        """Return the loss of a batch; leave its gradients in the parameters."""
        if self.step_of is not None:
            return self.step_of(batch)
        loss: Tensor = self.model.loss(batch)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        return loss.detach()

    def _after_round(self, loss: float) -> None:
        state, number = self.state, self.state.round
        epoch, last = self.rounds.epoch(number), len(self.rounds.ends)
        state.curves.append(Curve(epoch, "train", "loss", loss))
        if not math.isfinite(loss):
            place = f"{self.rounds.unit} {self.rounds.count(number)}"
            state.reason = f"the training loss became {loss} by {place}"
            return
        if number == last and epoch >= LEARNING_EPOCHS and loss > self.limit:
            state.reason = (
                f"the training loss ended at {loss:.3g}, "
                f"above {self.limit:.3g}, twice that of a constant prediction"
            )
            return
        value, points = self.task.validate(Round(number, last))
        state.curves += [Curve(epoch, *place, value) for place, value in points.items()]
        if value is not None and self.recipe.select == "best" and value < state.best:
            state.best, state.best_round = value, number
            state.best_weights = _weights(self.task.module)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(math.inf if value is None else value)
        name = self.rounds.kept.get(self.rounds.end(number))
        if name is not None:
            state.kept[name] = _weights(self.task.module)

    def _finish(self) -> Outcome:
        state = self.state
        selected = state.round
        if state.best_weights is not None and not state.reason:
            self.task.module.load_state_dict(state.best_weights)
            selected = state.best_round
        return Outcome(
            status="diverged" if state.reason else "done",
            reason=state.reason,
            epochs=math.ceil(self.rounds.epoch(state.round)),
            steps=self.rounds.end(state.round),
            seconds=state.seconds,
            selected_epoch=self.rounds.epoch(selected),
            curves=state.curves,
            kept=state.kept,
        )

    def _save(self) -> None:
        s = self.state
        save_checkpoint(
            self.checkpoint,
            {
                "model": self.task.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "order": self.order.get_state(),
                "random": random_state(self.fabric.device),
                "round": s.round,
                "seconds": s.seconds,
                "best": s.best,
                "best_round": s.best_round,
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
        self.order.set_state(saved["order"].cpu())
        set_random_state(saved["random"])
        for name in ("round", "seconds", "best", "best_round", "best_weights", "kept"):
            setattr(self.state, name, saved[name])
        self.state.curves = [Curve(*point) for point in saved["curves"]]
