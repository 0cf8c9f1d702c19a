"""The state of a training run: the order of rows, the curves, the chosen round, the end.

The steps of a round are taken elsewhere: by ``loop.py`` for one run, by ``stacking/trainer.py`` for
several at once.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nearfar.train.recipe import Recipe
from nearfar.train.rounds import Round, Rounds

LEARNING_EPOCHS = 20
"""From this many epochs on, a loss that ends where it should not has diverged, not just begun."""
RISE = 2.0
"""A loss has risen where it ends above this many times what it was at the untrained weights."""

Points = dict[tuple[str, str], float]
"""(split, metric) → value: what is known of a training run after a round."""


class Task(Protocol):
    """What training needs of a thing to train.

    ``module`` has a method ``loss(batch)`` that returns a scalar; it may have ``step_of()``, which
    returns a function of a batch that leaves the gradients in the parameters itself and returns the
    loss, or None where autograd is needed. ``rows`` are the training rows; ``batches(rows, size)``
    gathers them; ``groups()`` gives (parameters, learning-rate factor) pairs; ``validate(at)``
    returns the value to minimise, or None where nothing is to be selected, and points of the curves
    beside the training loss. It may leave the module in evaluation mode, but torch's generators as
    they were. ``begin(number)``, where present, is called before each round, from 1 on.
    ``loss(batch)`` is asked in the place of the module's where several ranks train it: the mean of
    what they return, of their shares, is the loss of the batch.
    """

    rows: Tensor

    @property
    def module(self) -> nn.Module: ...
    def batches(self, rows: Tensor, size: int) -> Iterable[Any]: ...
    def groups(self) -> list[tuple[list[nn.Parameter], float]]: ...
    def validate(self, at: Round) -> tuple[float | None, Points]: ...


@dataclass
class RunCurve:
    """One point of a learning curve; ``epoch`` is a fraction where a round ends within one."""

    epoch: float
    split: str
    metric: str
    value: float


@dataclass
class Outcome:
    """How a training run ended; ``epochs`` counts one that was begun, ``steps`` is exact.

    ``judging`` are those of its ``seconds`` in which it was validated along the way.
    """

    status: str
    reason: str
    epochs: int
    steps: int
    seconds: float
    selected_epoch: float
    judging: float = 0.0
    curves: list[RunCurve] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)


@dataclass
class State:
    """The results of a run so far.

    ``round`` is the number of the last round that was begun, ``began`` the loss of the first batch,
    before any step.
    """

    round: int = 0
    seconds: float = 0.0
    judging: float = 0.0
    best: float = math.inf
    best_round: int = 0
    best_weights: dict[str, Tensor] | None = None
    began: float = -math.inf
    curves: list[RunCurve] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    reason: str = ""


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


@torch.no_grad()
def _finite(module: nn.Module) -> bool:
    """Whether all weights are finite numbers: a loss may leave out the terms that are not."""
    sums = [weight.double().sum() for weight in module.parameters()]
    return not sums or bool(torch.stack([s.to(sums[0].device) for s in sums]).isfinite().all())


class RunState:
    """The rounds of training ``task`` by ``recipe``; ``keep`` and ``limit`` as of ``Trainer``.

    A round begins where ``state.round`` is raised; ``draw`` returns its rows, and ``after_round``
    takes its loss.
    """

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        seed: int,
        *,
        keep: tuple[int, ...] = (),
        limit: float = math.inf,
    ) -> None:
        self.task, self.recipe, self.limit = task, recipe, limit
        self.rounds = Rounds.of(recipe, len(task.rows), keep)
        self.order = torch.Generator().manual_seed(seed)
        self.state = State()

    @property
    def goes_on(self) -> bool:
        """Whether there are more rounds to come."""
        return self.state.round < len(self.rounds.ends) and not self.state.reason

    @property
    def batch(self) -> int:
        """The rows of a batch, all but the last of an epoch."""
        return min(self.recipe.batch, len(self.task.rows))

    def draw(self) -> Tensor:
        """Return the rows of the round that has begun, in the order of training."""
        number, rows = self.state.round, self.task.rows
        steps = self.rounds.end(number) - self.rounds.begin(number)
        order = rows[torch.randperm(len(rows), generator=self.order).to(rows.device)]
        return order[: steps * self.batch]

    def mean_loss(self, losses: Sequence[Tensor], rows: int) -> float:
        """Return the mean loss of the ``rows`` of a round, of those of its batches."""
        if self.state.round == 1:
            self.state.began = float(losses[0])
        steps, batch = len(losses), self.batch
        sizes = torch.full((steps,), batch, dtype=torch.float64, device=losses[0].device)
        sizes[-1] = rows - (steps - 1) * batch
        return float(torch.stack(list(losses)).double() @ sizes) / rows

    def after_round(self, loss: float) -> float | None:
        """Judge the round that ended with the mean ``loss``.

        Returns:
            What a schedule that follows validation goes by: the value to minimise, infinity where
            there was none; None where the run has ended, diverged.
        """
        state, number = self.state, self.state.round
        epoch, last = self.rounds.epoch(number), len(self.rounds.ends)
        state.curves.append(RunCurve(epoch, "train", "loss", loss))
        if not math.isfinite(loss):
            place = f"{self.rounds.unit} {self.rounds.count(number)}"
            state.reason = f"the training loss became {loss} by {place}"
            return None
        if not _finite(self.task.module):
            place = f"{self.rounds.unit} {self.rounds.count(number)}"
            state.reason = f"the weights became infinite or nan by {place}"
            return None
        if number == last and epoch >= LEARNING_EPOCHS and self._rose(loss):
            state.reason = (
                f"the training loss rose: it began at {state.began:.3g} and ended at {loss:.3g}"
            )
            return None
        begin = time.monotonic()
        value, points = self.task.validate(Round(number, last))
        state.judging += time.monotonic() - begin
        state.curves += [RunCurve(epoch, *place, value) for place, value in points.items()]
        if value is not None and self.recipe.select == "best" and value < state.best:
            state.best, state.best_round = value, number
            state.best_weights = _weights(self.task.module)
        name = self.rounds.kept.get(self.rounds.end(number))
        if name is not None:
            state.kept[name] = _weights(self.task.module)
        return math.inf if value is None else value

    def _rose(self, loss: float) -> bool:
        """Whether a loss is above where it began, and above what the task allows in any case.

        Where a run begins is known from one batch alone, so a little more is no rise.
        """
        began = self.state.began
        return loss > max(self.limit, began + (RISE - 1) * abs(began))

    def finish(self) -> Outcome:
        """Leave the selected weights in the task's module; return how the run ended."""
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
            judging=state.judging,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold of this, for ``resume``."""
        state = self.state
        return {
            "order": self.order.get_state(),
            "round": state.round,
            "seconds": state.seconds,
            "judging": state.judging,
            "best": state.best,
            "best_round": state.best_round,
            "best_weights": state.best_weights,
            "began": state.began,
            "kept": state.kept,
            "curves": [(c.epoch, c.split, c.metric, c.value) for c in state.curves],
        }

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from what ``to_plain`` returned."""
        self.order.set_state(saved["order"].cpu())
        for name in ("round", "seconds", "best", "best_round", "best_weights", "began", "kept"):
            setattr(self.state, name, saved[name])
        self.state.judging = saved.get("judging", 0.0)
        self.state.curves = [RunCurve(*point) for point in saved["curves"]]
