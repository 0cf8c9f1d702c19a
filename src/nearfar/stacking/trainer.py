"""Several training runs of one shape in lockstep, each the run that it would be alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from nearfar.stacking.optimizer import StackedOptimizer
from nearfar.train import recipe as r
from nearfar.train.checkpoint import CHECKPOINT_SECONDS, load_checkpoint, save_checkpoint
from nearfar.train.optim import build_schedule, learning_rate_factor
from nearfar.train.randomness import random_state, set_random_state
from nearfar.train.state import Outcome, RunState, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Stack(Protocol):
    """What computes the losses and gradients of K tasks at once.

    ``values`` (K, p) are the parameters that are trained, of which the modules' are views, and
    ``gradients`` theirs; ``factors`` (p,) multiply learning rates. ``step`` takes a batch of each
    task and returns their losses (K,), and for each what its module is to ``note``, or None.
    ``draws`` says whether making a batch draws random numbers, ``same_data`` whether two tasks make
    the same batches of the same rows. ``release`` gives the modules parameters of their own again.
    """

    values: Tensor
    gradients: Tensor
    factors: Tensor
    draws: bool

    def step(self, batches: Sequence[Any]) -> tuple[Tensor, list[Tensor] | None]: ...
    def same_data(self, one: int, other: int) -> bool: ...
    def release(self) -> None: ...


class _Run:
    """One of the runs: its state, its learning rate, and where it is in its round."""

    def __init__(self, run_state: RunState, seed: int, device: torch.device) -> None:
        self.run_state, self.module = run_state, run_state.task.module
        self.losses: list[Tensor] = []
        self.notes: list[Tensor] = []
        self.batches: Iterator[Any] = iter(())
        self.rows = self.left = 0
        torch.manual_seed(seed)
        self.random = random_state(device)
        self._order = run_state.order.get_state()
        options = run_state.recipe.schedule
        self._lr = run_state.recipe.optimizer.lr
        self._plateau: ReduceLROnPlateau | None = None
        self._factor: Callable[[int], float] = lambda step: 1.0
        steps = run_state.recipe.steps(len(run_state.task.rows))
        if isinstance(options, r.Plateau):
            stand_in = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=self._lr)
            plateau = build_schedule(stand_in, options, steps)
            assert isinstance(plateau, ReduceLROnPlateau)
            self._plateau = plateau
        else:
            self._factor = learning_rate_factor(options, steps)

    @property
    def goes_on(self) -> bool:
        """Whether there are more steps to take."""
        return self.left > 0 or self.run_state.goes_on

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        if self._plateau is not None:
            return float(self._plateau.optimizer.param_groups[0]["lr"])
        run_state = self.run_state
        return self._lr * self._factor(
            run_state.rounds.begin(run_state.state.round) + len(self.losses)
        )

    def begin_round(self) -> None:
        """Draw the rows of the next round."""
        self._order = self.run_state.order.get_state()
        self.run_state.state.round += 1
        self._show(done=0)

    def _show(self, done: int) -> None:
        """Draw the round's rows, of whose batches ``done`` have been trained on."""
        run_state, number = self.run_state, self.run_state.state.round
        chosen = run_state.draw()
        self.rows = len(chosen)
        self.left = run_state.rounds.end(number) - run_state.rounds.begin(number) - done
        self.batches = iter(
            run_state.task.batches(chosen[done * run_state.batch :], run_state.batch)
        )

    def end_round(self) -> float:
        """Judge the round; return its loss."""
        loss = self.run_state.mean_loss(self.losses, self.rows)
        for note in self.notes:
            self.module.note(note)  # type: ignore[operator]
        self.losses, self.notes = [], []
        value = self.run_state.after_round(loss)
        if value is not None and self._plateau is not None:
            self._plateau.step(value)
        return loss

    def to_plain(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold of the run, for ``resume``."""
        plain = {
            "model": self.module.state_dict(),
            "reason": self.run_state.state.reason,
            "random": self.random,
            "plateau": None if self._plateau is None else self._plateau.state_dict(),
            "rate": self.rate(),
            "losses": torch.stack(self.losses) if self.losses else None,
            "notes": torch.cat(self.notes) if self.notes else None,
            **self.run_state.to_plain(),
        }
        return {**plain, "order": self._order} if self.losses else plain

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from what ``to_plain`` returned."""
        self.module.load_state_dict(saved["model"])
        self.run_state.resume(saved)
        self.run_state.state.reason = saved["reason"]
        self.random = saved["random"]
        if self._plateau is not None:
            self._plateau.load_state_dict(saved["plateau"])
            self._plateau.optimizer.param_groups[0]["lr"] = saved["rate"]
        self.notes = [] if saved["notes"] is None else [saved["notes"]]
        if saved["losses"] is not None:
            self.losses = list(saved["losses"].unbind())
            self._order = self.run_state.order.get_state()
            self._show(done=len(self.losses))


class StackedTrainer:
    """Train K ``tasks`` at once; every one ends as ``Trainer`` alone would leave it.

    Each has its own recipe, seed, rows, learning rate, best round and end; one that diverges leaves
    the others as they are. Numbers differ from those of single runs by rounding alone. Runs of one
    seed on the same rows share their batches.

    Args:
        tasks: of one shape; ``stack_of`` says what that is.
        recipes: one for each; their optimisers are of one kind.
        seeds: one for each.
        fabric: says the device.
        stack_of: makes what computes them at once; called anew when some of them have ended.
        checkpoint: file to resume from where it exists, for all of them.
        keep: as of ``Trainer``, the same for all.
        limits: one for each, as of ``Trainer``.
        report: called after every round with the task's number, the epochs or iterations that it
            has done, and the loss.

    Raises:
        ValueError: if ``stack_of`` has nothing for the tasks, or optimisers differ in kind.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        recipes: Sequence[r.Recipe],
        seeds: Sequence[int],
        fabric: Fabric,
        *,
        stack_of: Callable[[Sequence[Any]], Stack | None],
        checkpoint: Path,
        keep: tuple[int, ...] = (),
        limits: Sequence[float] | None = None,
        report: Callable[[int, int, float], None] = lambda task, done, loss: None,
    ) -> None:
        self.checkpoint, self.report, self.device = checkpoint, report, fabric.device
        self._stack_of = stack_of
        self.runs = [
            _Run(RunState(task, recipe, seed, keep=keep, limit=limit), seed, self.device)
            for task, recipe, seed, limit in zip(
                tasks, recipes, seeds, limits or [math.inf] * len(tasks), strict=True
            )
        ]
        self._seeds = list(seeds)
        for task in tasks:
            task.module.to(self.device)
        self._line_up(list(range(len(tasks))))
        options = [recipe.optimizer for recipe in recipes]
        self.optimizer = StackedOptimizer(options, self.stack.values, self.stack.factors)

    def _line_up(self, numbers: list[int]) -> None:
        """Stack the runs with these numbers, and find out which of them share batches."""
        self.alive = numbers
        stack = self._stack_of([self.runs[k].run_state.task for k in numbers])
        if stack is None:
            raise ValueError("these tasks cannot be trained together")
        self.stack = stack
        clips = [self.runs[k].run_state.recipe.clip for k in numbers]
        self._clips = None
        if any(clip is not None for clip in clips):
            bounds = [math.inf if clip is None else clip for clip in clips]
            self._clips = stack.values.new_tensor(bounds)
        self._leaders = [
            next(j for j in range(k + 1) if j == k or self._share_batches(j, k))
            for k in range(len(numbers))
        ]

    def _share_batches(self, one: int, other: int) -> bool:
        """Whether two of the runs that go on see the same batches at the same steps."""
        first, second = self.alive[one], self.alive[other]
        a, b = self.runs[first].run_state, self.runs[second].run_state
        return (
            self._seeds[first] == self._seeds[second]
            and a.batch == b.batch
            and a.rounds.ends == b.rounds.ends
            and torch.equal(a.task.rows, b.task.rows)
            and self.stack.same_data(one, other)
        )

    def run(self) -> list[Outcome]:
        """Train all to their ends; leave the selected weights in their modules."""
        self._resume()
        saved = mark = time.monotonic()
        while self.alive:
            living = [self.runs[k] for k in self.alive]
            for run in living:
                if not run.left:
                    run.begin_round()
            self._step(living)
            if all(run.left for run in living):
                continue
            now = time.monotonic()
            for run in living:
                run.run_state.state.seconds += (now - mark) / len(living)
            for number, run in zip(self.alive, living, strict=True):
                if not run.left:
                    self._end_round(number, run)
            self._drop_ended()
            mark = time.monotonic()
            if self.alive and mark - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = mark
        return [run.run_state.finish() for run in self.runs]

    def _step(self, living: Sequence[_Run]) -> None:
        """Take one optimiser step of every run that goes on."""
        batches = self._batches(living)
        losses, notes = self.stack.step(batches)
        gradients = self.stack.gradients
        if self._clips is not None:
            norm = torch.linalg.vector_norm(gradients, dim=1)
            gradients.mul_((self._clips / (norm + 1e-6)).clamp_max(1)[:, None])
        self.optimizer.step(gradients, [run.rate() for run in living])
        for k, (run, loss) in enumerate(zip(living, losses.unbind(), strict=True)):
            run.left -= 1
            run.losses.append(loss)
            if notes is not None:
                run.notes.append(notes[k])

    def _batches(self, living: Sequence[_Run]) -> list[Any]:
        """Return the next batch of every run that goes on; runs that share batches get the same."""
        batches: list[Any] = []
        for k, (leader, run) in enumerate(zip(self._leaders, living, strict=True)):
            if leader != k:
                batches.append(batches[leader])
                run.random = living[leader].random
            elif self.stack.draws:
                set_random_state(run.random)
                batches.append(next(run.batches))
                run.random = random_state(self.device)
            else:
                batches.append(next(run.batches))
        return batches

    def _end_round(self, number: int, run: _Run) -> None:
        begin = time.monotonic()
        loss, run_state = run.end_round(), run.run_state
        run_state.state.seconds += time.monotonic() - begin
        self.report(number, run_state.rounds.count(run_state.state.round), loss)

    def _drop_ended(self) -> None:
        """Go on without the runs that have ended."""
        stay = [k for k, number in enumerate(self.alive) if self.runs[number].goes_on]
        if len(stay) == len(self.alive):
            return
        self.stack.release()
        self.alive = [self.alive[k] for k in stay]
        if self.alive:
            self._line_up(self.alive)
            self.optimizer = self.optimizer.taking(stay, self.stack.values)

    def _save(self) -> None:
        save_checkpoint(
            self.checkpoint,
            {
                "alive": self.alive,
                "optimizer": self.optimizer.state_dict(),
                "runs": [run.to_plain() for run in self.runs],
            },
        )

    def _resume(self) -> None:
        saved = load_checkpoint(self.checkpoint, self.device)
        if saved is None:
            return
        self.stack.release()
        for run, plain in zip(self.runs, saved["runs"], strict=True):
            run.resume(plain)
        self._line_up(saved["alive"])
        self.optimizer = self.optimizer.taking(saved["alive"], self.stack.values)
        self.optimizer.load_state_dict(saved["optimizer"])
