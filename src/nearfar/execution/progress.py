"""What a person sees while a study runs: a bar for the whole, a line for every stage at work.

Where there is no terminal, a line for every stage that ended, and in long ones one a minute.
"""

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from nearfar.execution import events
from nearfar.numbers import duration
from nearfar.plan.chain import Step
from nearfar.plan.specs import FitSpec

SILENCE = 60.0
"""Seconds between lines on stages at work, where there is no terminal."""


class _Detail(ProgressColumn):
    """Stages done for the whole; epoch or iteration, and loss, for a stage."""

    def render(self, task: Task) -> Text:
        """Return the detail of one bar."""
        return Text(str(task.fields.get("detail", "")), style="dim")


def work_units(step: Step, rows: int) -> float:
    """Return a rough measure of a stage's cost: epochs, less where the encoder is frozen."""
    frozen = isinstance(step.spec, FitSpec) and step.spec.train == "head"
    return step.epochs_over(rows) * (0.05 if frozen else 1.0) + 1.0


class Display:
    """Progress bars on a terminal, plain lines elsewhere. Call it with every event.

    ``rows`` is the size of the data set, to weigh epochs and iterations against each other;
    ``clock`` gives the seconds that have passed.
    """

    def __init__(
        self, console: Console, *, rows: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console, self.size, self.clock = console, rows, clock
        self.spoke = clock()
        self.begun: dict[str, tuple[float, int]] = {}
        self.steps: dict[str, Step] = {}
        self.users: dict[str, list[str]] = {}
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(compact=True),
            _Detail(),
            console=console,
            disable=not console.is_terminal,
        )
        self.whole = self.bars.add_task("stages", total=None)
        self.rows: dict[str, TaskID] = {}
        self.units: dict[str, float] = {}
        self.done = 0

    def _plan(self, planned: events.Planned) -> None:
        """Take in what is to be run; once more when choices were made."""
        self.steps |= planned.missing
        self.users = {}
        for cell in planned.plan.cells:
            point = f" · {cell.search}" if cell.search else ""
            for stage_hash in cell.chain:
                self.users.setdefault(stage_hash, []).append(
                    f"{cell.arm}{point} · seed {cell.seed}"
                )
        total = sum(work_units(step, self.size) for step in self.steps.values())
        detail = f"{self.done} of {len(self.steps)}"
        self.bars.update(self.whole, total=total, detail=detail)

    def __enter__(self) -> "Display":
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def label(self, stage_hash: str) -> str:
        """Return a stage's name and who uses it."""
        users = self.users[stage_hash]
        name = self.steps[stage_hash].name
        seeds = sorted({user.rsplit(" · ", 1)[1] for user in users})
        who = users[0] if len(users) == 1 else f"{len(users)} runs · {seeds[0]}"
        return who if name == "fit" else f"{name.removeprefix('pretrain:')} for {who}"

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        if isinstance(event, events.Planned):
            self._plan(event)
            return
        stage_hash = event.stage_hash
        step = self.steps[stage_hash]
        if isinstance(event, events.Started):
            if stage_hash in self.rows:  # it begins again: its worker was lost
                self.bars.remove_task(self.rows.pop(stage_hash))
            self.rows[stage_hash] = self.bars.add_task(
                self.label(stage_hash), total=step.length or None
            )
        elif isinstance(event, events.Progress):
            detail = f"{step.unit} {event.done}/{step.length} · loss {event.loss:.4g}"
            self.bars.update(self.rows[stage_hash], completed=event.done, detail=detail)
            self._advance(stage_hash, work_units(step, self.size) * event.done / step.length)
            self._speak(event, step)
        else:
            self._finish(event)

    def _speak(self, event: events.Progress, step: Step) -> None:
        """Print a line on a stage at work, where there is no terminal and none for a minute."""
        now = self.clock()
        began, before = self.begun.setdefault(event.stage_hash, (now, event.done))
        if self.console.is_terminal or now - self.spoke < SILENCE:
            return
        still = ""
        if event.done > before and event.done < step.length:
            left = (now - began) * (step.length - event.done) / (event.done - before)
            still = f", about {duration(left)} still"
        line = (
            f"{self.label(event.stage_hash)}: {step.unit} {event.done} of {step.length}, "
            f"loss {event.loss:.4g}{still}"
        )
        self._print(line)

    def _print(self, line: str) -> None:
        self.spoke = self.clock()
        self.console.print(Text(line), soft_wrap=True)

    def _advance(self, stage_hash: str, units: float) -> None:
        self.bars.advance(self.whole, units - self.units.get(stage_hash, 0.0))
        self.units[stage_hash] = units

    def _finish(self, event: events.Finished) -> None:
        step = self.steps[event.stage_hash]
        self._advance(event.stage_hash, work_units(step, self.size))
        self.done += 1
        count = f"{self.done} of {len(self.steps)}"
        self.bars.update(self.whole, detail=count)
        if event.stage_hash in self.rows:
            self.bars.remove_task(self.rows.pop(event.stage_hash))
        if event.error:
            line = f" {self.label(event.stage_hash)}: {event.error}"
            self.console.print(Text.assemble(("failed", "red"), line))
        elif not self.console.is_terminal:
            self._print(f"{count}: {self.label(event.stage_hash)}")
