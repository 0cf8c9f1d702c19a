"""What the commands do, between the command line and the parts that stand below it.

Importing this is cheap, and listing studies and rebuilding a page load no torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from nearfar.errors import UserError
from nearfar.report.console import InertConsole as Console
from nearfar.study.rounds import MOST, SIZE

if TYPE_CHECKING:
    from nearfar.execution.prepared import Prepared, Request

DAYS_FROM = 2880
"""Minutes from which an expected time is given in days: such a study is for a GPU."""
LISTED = ("full", "efficient", "quick")
"""The profiles whose expected times are listed."""


def run_study(request: Request, *, dry_run: bool) -> int:
    """Run a study; return the exit status, 1 where a stage failed."""
    from nearfar.execution.events import Event
    from nearfar.execution.progress import Display
    from nearfar.execution.run import carry_out, prepare
    from nearfar.execution.tracking import Tracking
    from nearfar.report import print_summary, write_report
    from nearfar.report.page.embedding import import_ahead

    console = Console()
    prepared = prepare(request)
    _announce(prepared, console)
    if dry_run:
        _print_stages(prepared, console)
        return 0
    jobs = request.jobs or default_jobs(prepared)
    if prepared.missing:
        import_ahead()
    with Tracking(prepared, console) as tracking:
        with Display(console, rows=len(prepared.dataset)) as display:

            def watch(event: Event) -> None:
                display(event)
                tracking(event)

            carry_out(prepared, jobs, watch)
        write_report(prepared.folder.path)
    print_summary(prepared.folder.path, console)
    for error, trace in prepared.failures.values():
        if trace and os.environ.get("NEARFAR_DEBUG"):
            console.print(trace, markup=False, highlight=False)
        console.print(f"[red]a stage failed:[/red] {escape(error)}", highlight=False)
    return 1 if prepared.failures else 0


def plan_study(request: Request) -> int:
    """Say what a study finds with how many trainings; return 1 where a solved stage failed.

    From its run's variances, or where nothing was tested yet from arms that are solved: these alone
    are carried out, and no run folder is written.
    """
    from nearfar.execution.outlook import outlook_before, outlook_of_run, solved_alone
    from nearfar.execution.progress import Display
    from nearfar.execution.run import prepare
    from nearfar.report.outlook import print_outlook

    console = Console()
    prepared = prepare(request)
    jobs = request.jobs or default_jobs(prepared)
    outlook, solved = outlook_of_run(prepared, jobs), None
    if outlook is None:
        solved = solved_alone(prepared)
        with Display(console, rows=len(prepared.dataset)) as display:
            outlook = outlook_before(prepared, solved, jobs, display)
    if outlook is not None:
        print_outlook(outlook.to_plain(), console)
    reasons = solved.reasons.values() if solved else ()
    for reason in reasons:
        console.print(f"[red]a stage failed:[/red] {escape(reason)}", highlight=False)
    return 1 if reasons or outlook is None else 0


def default_jobs(prepared: Prepared) -> int:
    """Return one process for each core's worth of threads; one on an accelerator."""
    from nearfar.execution.processes import cores

    if prepared.device != "cpu":
        return 1
    return max(1, min(cores() // prepared.resolved.study.threads, 8))


def _announce(prepared: Prepared, console: Console) -> None:
    study, plan, dataset = prepared.resolved.study, prepared.plan, prepared.dataset
    dropped = dataset.source.get("dropped") or 0
    open_choices = any(choice.chosen is None for choice in plan.choices)
    console.print(
        f"[bold]{study.study}[/bold] ({study.profile}): {len(dataset)} rows"
        + (f", {dropped} bad ones left out" if dropped else "")
        + f", {len(plan.arms)} arms, {_seeds(prepared)}; "
        f"{len(plan.steps)} stages{' at least' if open_choices else ''}, "
        f"{len(plan.steps) - len(prepared.missing)} of them there already",
        highlight=False,
    )


def _seeds(prepared: Prepared) -> str:
    if prepared.rounds is not None:
        return f"rounds of {SIZE} trainings, up to {MOST}"
    return f"seeds {', '.join(map(str, prepared.resolved.seeds))}"


def _print_stages(prepared: Prepared, console: Console) -> None:
    table = Table(box=None, header_style="bold")
    for column in ("stage", "hash", "arms", "seed", "trains", "state"):
        table.add_column(column)
    for step in prepared.plan.steps.values():
        arms = [cell.arm for cell in prepared.plan.cells if step.hash in cell.chain]
        state = "to run" if step.hash in prepared.missing else "done"
        shown = ", ".join(dict.fromkeys(arms))
        length = f"{step.length} {step.unit}s" if step.length else "solved"
        cells = (step.name, step.hash, shown, str(step.spec.seed), length, state)
        table.add_row(*map(escape, cells))
    console.print(table)
    for choice in prepared.plan.choices:
        if choice.chosen is None:
            place = f" at {choice.condition}" if choice.condition else ""
            seeds = ", ".join(map(str, choice.seeds))
            console.print(
                f"to be chosen on validation: {escape(choice.arm + place)}, one of "
                f"{len(choice.tries)} points, then seeds {seeds} with the final budget",
                highlight=False,
            )
    minutes = prepared.minutes
    expected = "unknown" if minutes is None else f"about {minutes:.1f} minutes on two cores"
    console.print(f"expected time for what is missing: {expected}", highlight=False)


def list_studies() -> None:
    """Print the shipped studies, a line each, with expected times."""
    from nearfar.study.files import shipped_texts
    from nearfar.study.profile_names import PROFILES

    console = Console()
    table = Table(box=None, header_style="bold")
    for column in ("study", "what it asks", *LISTED):
        table.add_column(column)
    for name, study in shipped_texts().items():
        minutes = study.get("minutes", {})
        times = [_duration(minutes.get(profile)) for profile in LISTED]
        table.add_row(name, study.get("question") or study.get("title", ""), *times)
    console.print(table)
    for profile in LISTED:
        console.print(f"[bold]{profile}[/bold]: {PROFILES[profile]}", highlight=False)
    for name, study in shipped_texts().items():
        arms = ((study.get("profiles") or {}).get("efficient") or {}).get("arms") or {}
        left_out = [arm for arm, changes in arms.items() if changes is None]
        if left_out:
            console.print(f"{name}, efficient, leaves out: {', '.join(left_out)}", highlight=False)


def _duration(minutes: float | None) -> str:
    if minutes is None:
        return "?"
    if minutes >= DAYS_FROM:
        return f"{minutes / 1440:.0f} days"
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:g} min"


def show_study(name: str, profile: str | None, settings: tuple[str, ...]) -> None:
    """Print a resolved study as YAML."""
    from nearfar.records.plain_yaml import to_yaml
    from nearfar.study.load import load_study

    text = load_study(name, profile, settings).text
    print(to_yaml(text), end="")


def rebuild_report(path: Path) -> None:
    """Rebuild records, summary and page of a run from its stages.

    Of a run with parts of the user's own the page alone is rebuilt, from the records and the
    summary that are there: nothing of theirs is imported.
    """
    from nearfar.execution.results import rebuild_records
    from nearfar.records.run import RunFolder
    from nearfar.report import print_summary, write_report

    folder = RunFolder.open(path)
    if own := folder.read_json("provenance.json").get("modules"):
        print(
            f"{path}: only the page is rebuilt: records and summary need modules of your own"
            f" ({', '.join(own)}), which 'nearfar run' imports"
        )
    else:
        rebuild_records(folder)
    write_report(path)
    print_summary(path, Console())


def merge_runs(out: Path, others: list[Path]) -> int:
    """Take over stages and runs of other folders; return 1 where something did not come."""
    from nearfar.execution.merge import merge
    from nearfar.report import write_report

    merged = merge(out, others)
    for folder in merged.runs:
        write_report(folder.path)
    for line in merged.told:
        print(line)
    runs = ", ".join(folder.path.name for folder in merged.runs) or "none"
    print(
        f"{out}: {merged.stages} stages, {merged.seeds} seeds and the features of"
        f" {merged.features} came; runs written anew: {runs}"
    )
    return int(merged.lacking)


def clean_stages(out: Path) -> None:
    """Remove the stages in OUT that no run's stages.csv names, unless they are at work.

    And all kept features, which are made again when they are wanted.
    """
    from nearfar.records import read_stages
    from nearfar.records.stages import StageStore

    if not out.is_dir():
        raise UserError(f"{out}: no such folder")
    used = {row.hash for table in out.glob("*/stages.csv") for row in read_stages(table)}
    store = StageStore(out / "stages")
    removed, size = store.remove_all_but(used)
    kept, more = store.features.clear()
    print(f"removed {removed} stages and the features of {kept}, {(size + more) / 1e6:.1f} MB")
