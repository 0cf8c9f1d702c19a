"""What a program or a notebook shows while a comparison runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from nearfar.execution.events import Event, Finished, Planned, Progress
from nearfar.execution.prepared import Prepared
from nearfar.execution.progress import Display, work_units
from nearfar.report.console import InertConsole as Console

Watch = Callable[[Event], None]
REFRESH_SECONDS = 0.25


@contextmanager
def display(prepared: Prepared, *, quiet: bool) -> Iterator[Watch]:
    """Give what is to be called with every event: a bar in notebooks, text on stderr elsewhere."""
    rows = len(prepared.dataset)
    if quiet:
        yield lambda event: None
    elif _in_notebook():
        yield NotebookBar(rows, _shown)
    else:
        with Display(Console(stderr=True), rows=rows) as shown:
            yield shown


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    import sys

    shell = sys.modules.get("IPython")
    current = None if shell is None else shell.get_ipython()
    return current is not None and hasattr(current, "kernel")


def _shown(html: str, handle: Any) -> Any:
    """Show HTML in place of what ``handle`` shows; return the handle of it."""
    from IPython.display import HTML, display  # type: ignore[import-not-found, unused-ignore]

    if handle is None:
        return display(HTML(html), display_id=True)  # type: ignore[no-untyped-call, unused-ignore]
    handle.update(HTML(html))
    return handle


class NotebookBar:
    """One bar for all stages, kept in place, and a line for each that failed.

    ``show`` shows HTML in place of what its second argument shows, None at first.
    """

    def __init__(self, rows: int, show: Callable[[str, Any], Any]) -> None:
        self.rows, self.show = rows, show
        self.handle: Any = None
        self.total, self.shown_at = 0.0, 0.0
        self.steps: dict[str, Any] = {}
        self.spent: dict[str, float] = {}
        self.done: set[str] = set()
        self.failed: list[str] = []

    def __call__(self, event: Event) -> None:
        """Show one event, at most four times a second."""
        if isinstance(event, Planned):
            self.steps |= event.missing
            self.total = sum(work_units(step, self.rows) for step in self.steps.values())
        elif isinstance(event, Progress):
            step = self.steps[event.stage_hash]
            self.spent[event.stage_hash] = (
                work_units(step, self.rows) * event.done / max(step.length, 1)
            )
        elif isinstance(event, Finished):
            step = self.steps[event.stage_hash]
            self.spent[event.stage_hash] = work_units(step, self.rows)
            self.done.add(event.stage_hash)
            if event.error:
                self.failed.append(f"{step.name}: {event.error}")
        over = len(self.done) == len(self.steps)
        if over or time.monotonic() - self.shown_at > REFRESH_SECONDS:
            self.handle, self.shown_at = self.show(self.html(), self.handle), time.monotonic()

    def html(self) -> str:
        """Return the bar as it is now."""
        share = 1.0 if not self.total else min(sum(self.spent.values()) / self.total, 1.0)
        lines = "".join(f"<br>failed: {escape(line)}" for line in dict.fromkeys(self.failed))
        return (
            f'<div><progress value="{share:.3f}" max="1"></progress> '
            f"{len(self.done)} of {len(self.steps)} stages{lines}</div>"
        )
