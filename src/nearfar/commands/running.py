"""`nearfar run` and `nearfar plan`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from nearfar.numbers import counted
from nearfar.report.console import InertConsole as Console
from nearfar.study.rounds import MOST, SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nearfar.execution.prepared import Prepared, Request

AT_INIT = 5.0
"""Seconds of work in which stages are timed for a new study; twice as many may pass."""


def run_study(request: Request, *, dry_run: bool) -> int:
    """Run a study; return the exit status, 1 where a stage failed."""
    from nearfar.execution.memory import keep_freed_memory

    keep_freed_memory()
    from nearfar.execution.events import Event, Started
    from nearfar.execution.progress import Display
    from nearfar.execution.run import alone, carry_out, prepare
    from nearfar.execution.tracking import Tracking
    from nearfar.report import print_summary, write_report
    from nearfar.report.page.embedding import import_ahead

    console = Console()
    if dry_run:
        _print_expected(prepare(request), request, console)
        return 0
    if request.where.node > 0:
        return _take_part(request, console)
    with alone(request) as prepared:
        jobs = _announced(prepared, request, console)
        with Tracking(prepared, console) as tracking:
            with Display(console, rows=len(prepared.dataset)) as display:

                def watch(event: Event) -> None:
                    display(event)
                    tracking(event)
                    if isinstance(event, Started):
                        import_ahead()

                carry_out(prepared, jobs, watch)
            with prepared.folder.writing():
                write_report(prepared.folder.path)
    print_summary(prepared.folder.path, console)
    if prepared.not_kept:
        console.print(Text(prepared.not_kept, style="yellow"))
    for error, trace in prepared.failures.values():
        if trace and os.environ.get("NEARFAR_DEBUG"):
            console.print(trace)
        _say_failed(error, console)
    return 1 if prepared.failures else 0


def _say_failed(reason: str, console: Console) -> None:
    console.print(Text.assemble(("a stage failed:", "red"), f" {reason}"))


def _take_part(request: Request, console: Console) -> int:
    """Train with the first machine until its command has ended; return 1 where it broke off."""
    from nearfar.execution.nodes import take_part
    from nearfar.execution.run import prepare

    prepared, where = prepare(request), request.where
    begun = f"machine {where.node} of 0 to {where.nodes - 1}: trains what the first one says"
    console.print(begun)
    trained, whole = take_part(prepared)
    ended = "has ended" if whole else "is gone"
    line = f"the command on the first machine {ended}; trainings taken part in: {trained}"
    console.print(line, soft_wrap=True)
    return 0 if whole else 1


def plan_study(request: Request) -> int:
    """Say what a study finds with how many trainings; return 1 where a solved stage failed.

    From its run's variances, or where nothing was tested yet from arms that are solved: these alone
    are carried out, and no run folder is written.
    """
    from nearfar.analysis.outlook import Cost
    from nearfar.execution.estimate import estimate
    from nearfar.execution.outlook import outlook_before, outlook_of_run, solved_alone
    from nearfar.execution.progress import Display
    from nearfar.execution.run import default_jobs, prepare
    from nearfar.report.outlook import print_outlook
    from nearfar.report.page.embedding import embed

    console = Console()
    prepared = prepare(request)
    jobs = request.jobs or default_jobs(prepared)
    outlook, solved = outlook_of_run(prepared, jobs), None
    if outlook is None:
        solved = solved_alone(prepared)
        with Display(console, rows=len(prepared.dataset)) as display:
            took = estimate(prepared, jobs, embed, whole=True)
            cost = None if took.seconds is None else Cost(took.once / 60, took.each / 60)
            outlook = outlook_before(prepared, solved, jobs, display, cost)
    if outlook is not None:
        print_outlook(outlook.to_plain(), console)
    reasons = solved.reasons.values() if solved else ()
    for reason in reasons:
        _say_failed(reason, console)
    return 1 if reasons or outlook is None else 0


def expected_times(study: Path, profiles: Sequence[str] = ("quick", "full")) -> list[str]:
    """Return how long the profiles of a new study take on this machine, a line each."""
    from nearfar.execution.estimate import about, estimate_each
    from nearfar.execution.prepared import Request
    from nearfar.execution.run import default_jobs, prepare
    from nearfar.report.page.embedding import embed

    first = prepare(Request(str(study), profiles[0]))
    others = [prepare(Request(str(study), name), first.dataset) for name in profiles[1:]]
    found = estimate_each([first, *others], default_jobs(first), embed, budget=AT_INIT)
    times = [
        "unknown" if took.seconds is None else about(took.seconds / took.strain) for took in found
    ]
    return [
        "expected on this machine, measured:",
        *(f"  --profile {name}: {time}" for name, time in zip(profiles, times, strict=True)),
    ]


def _announced(prepared: Prepared, request: Request, console: Console) -> int | None:
    """Say what a run is and whether there is room for it; return its number of processes.

    None leaves that to an executor elsewhere.
    """
    from nearfar.execution.estimate import check_room
    from nearfar.execution.run import default_jobs

    elsewhere = request.where.elsewhere
    jobs = request.jobs or (None if elsewhere else default_jobs(prepared))
    _announce(prepared, console)
    if tight := check_room(prepared, 1 if jobs is None or elsewhere else jobs):
        console.print(Text(tight, style="yellow"), soft_wrap=True)
    return jobs


def _print_expected(prepared: Prepared, request: Request, console: Console) -> None:
    """Say what a run would do, how long it would take, and how much room."""
    from nearfar.execution.estimate import estimate, expected, size
    from nearfar.execution.run import default_jobs
    from nearfar.report.page.embedding import embed
    from nearfar.train.device import is_here

    jobs = _announced(prepared, request, console)
    _print_stages(prepared, console)
    if request.where.elsewhere and not is_here(prepared.device):
        line = f"expected time: not known: there is no {prepared.device} device here to measure on"
        console.print(line, soft_wrap=True)
        return
    took = estimate(prepared, jobs or default_jobs(prepared), embed)
    left = "what is missing" if prepared.missing else "tables and page, every stage is there"
    lines = (
        f"expected time for {left}: {expected(took)}",
        f"on the disk it takes about {size(took.bytes)}",
    )
    for line in lines:
        console.print(line, soft_wrap=True)


def _announce(prepared: Prepared, console: Console) -> None:
    from nearfar.execution.reused import reused_stages

    study, plan, dataset = prepared.resolved.study, prepared.plan, prepared.dataset
    dropped = dataset.source.get("dropped") or 0
    open_choices = any(choice.chosen is None for choice in plan.choices)
    for note in prepared.notes:
        console.print(note, soft_wrap=True)
    line = (
        f" ({study.profile}): {counted(len(dataset), 'row')}"
        + (f", {counted(dropped, 'bad one')} left out" if dropped else "")
        + f", {counted(len(plan.arms), 'arm')}, {_seeds(prepared)}; "
        f"{counted(len(plan.steps), 'stage')}{' at least' if open_choices else ''}, "
        f"{len(plan.steps) - len(prepared.missing) - len(prepared.left)} of them there already"
        + (f" and {len(prepared.left)} failed before" if prepared.left else "")
        + (f": {reused}" if (reused := reused_stages(prepared)) else "")
    )
    console.print(Text.assemble((study.study, "bold"), line))


def _seeds(prepared: Prepared) -> str:
    if prepared.rounds is not None:
        return f"rounds of {SIZE} trainings, up to {MOST}"
    seeds = dict.fromkeys(cell.seed for cell in prepared.plan.cells)
    return f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}"


def _print_stages(prepared: Prepared, console: Console) -> None:
    table = Table(box=None, header_style="bold")
    for column in ("stage", "hash", "arms", "seed", "trains", "state"):
        table.add_column(column)
    for step in prepared.plan.steps.values():
        arms = [cell.arm for cell in prepared.plan.cells if step.hash in cell.chain]
        failed = "failed before" if step.hash in prepared.left else "done"
        state = "to run" if step.hash in prepared.missing else failed
        shown = ", ".join(dict.fromkeys(arms))
        length = f"{step.length} {step.unit}s" if step.length else "solved"
        cells = (step.name, step.hash, shown, str(step.spec.seed), length, state)
        table.add_row(*cells)
    console.print(table)
    for choice in prepared.plan.choices:
        if choice.chosen is None:
            place = f" at {choice.condition}" if choice.condition else ""
            seeds = ", ".join(map(str, choice.seeds))
            console.print(
                f"to be chosen on validation: {choice.arm}{place}, one of "
                f"{len(choice.tries)} points, then seeds {seeds} with the final budget"
            )
