"""The table that a run prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.report.facets import Facet, cell_text, facets
from nearfar.report.load import (
    Run,
    against,
    arm_label,
    comparison_of,
    is_baseline,
    metric_of,
    other_baseline,
    own_unit,
    read_run,
)
from nearfar.report.page.sections.choices import chosen_lines
from nearfar.report.wording import (
    MISSING,
    VERDICT_SIGNS,
    count,
    duration,
    higher_is_better,
    interval,
    mean_std,
    metric_name,
    number,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_COLOURS = {
    "better": "green",
    "worse": "red",
    "equivalent": "blue",
    "undecided": "dim",
    "withheld": "yellow",
}
_ROOMY = 92
_TARGETS = 4


def print_summary(run: Path, console: "Console") -> None:
    """Print the run's table, its answer, its notes and where the page is.

    Fits 100 columns; below 92 the columns of the own unit and of the budget are left out.

    Raises:
        UserError: ``run`` is not the folder of a finished run.
    """
    from rich.padding import Padding
    from rich.text import Text

    read = read_run(run)
    summary = read.summary
    console.print()
    console.print(_table(read, roomy=console.width >= _ROOMY))
    for facet in facets(read) if read.reference is not None else []:
        console.print(_conditions_table(read, facet))
    if read.several:
        console.print(_targets_table(read))
    console.print(Padding(Text(_footnote(read), style="dim"), (0, 0, 1, 1)))
    console.print(Padding(Text(str(summary.get("answer") or ""), style="bold"), (0, 0, 1, 1)))
    for line in chosen_lines(read):
        console.print(Padding(Text(line), (0, 0, 0, 1)))
    for claim in summary.get("claims") or []:
        line = f"{VERDICT_SIGNS.get(claim['verdict'], '?')} {claim['verdict']}: {claim['claim']}"
        console.print(Padding(Text(line), (0, 0, 0, 1)))
    for note in summary.get("notes") or []:
        console.print(Padding(Text(str(note), style="dim"), (0, 0, 0, 1)))
    page = run / "report.html"
    if page.is_file():
        console.print(Text(f" Report: {page}"), soft_wrap=True)


def _table(run: Run, *, roomy: bool) -> "Table":
    from rich.text import Text

    summary = run.summary
    unit, own = str(summary.get("unit", "")), own_unit(run)
    metric = metric_name(summary["metric"])
    title = f"{summary.get('title') or summary['study']} ({summary.get('profile', '')})"
    table = _arms_table(title, "bold")
    over = f" over {summary['target']}" if run.several else ""
    table.add_column(Text(f"test {metric}{over}{f', {unit}' if unit else ''}"), justify="right")
    if roomy and unit == "z" and own:
        table.add_column(Text(own), justify="right", max_width=max(map(len, own.split())) + 2)
    table.add_column(Text(against(run)), justify="right")
    table.add_column("verdict", no_wrap=True)
    if roomy:
        table.add_column("epochs", justify="right", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
    group, target = None, None
    for arm in run.arms:
        if len(run.targets) > 1 and run.target_of(arm) != target:
            table.add_section()
            group, target = None, run.target_of(arm)
            table.add_row(Text(f"target {target.replace('_', ' ')}", style="bold"))
        if group is not None and arm.get("group") != group:
            table.add_section()
        group = arm.get("group")
        table.add_row(*_cells(run, arm, roomy=roomy, show_own=roomy and unit == "z" and bool(own)))
    return table


def _arms_table(title: str, style: str = "") -> "Table":
    """A table whose first column is of arms, the others still to come."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style=style),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("arm", overflow="fold", min_width=12)
    return table


def _targets_table(run: Run) -> "Table":
    """The primary metric of each of several targets, and how each compares by itself."""
    from rich.text import Text

    named = run.several[:_TARGETS]
    more = len(run.several) - len(named)
    title = f"each target{f' (and {more} more: see the report)' if more else ''}"
    table = _arms_table(title, "bold")
    for target in named:
        table.add_column(Text(target), justify="right", overflow="fold")
    metric, scaled = run.summary["metric"], run.summary.get("unit") == "z"
    for arm in run.arms:
        cells = []
        for target in named:
            verdict = (comparison_of(run, arm, target) or {}).get("verdict", "")
            entry = metric_of(arm, "test", metric, scaled=scaled, target=target)
            cells.append(Text.assemble(mean_std(entry), (f" {verdict}", _COLOURS.get(verdict, ""))))
        table.add_row(arm_label(arm), *cells)
    return table


def _conditions_table(run: Run, facet: Facet) -> "Table":
    """One axis of conditions across; a sign is the verdict in that condition."""
    title = f"along {facet.axis}{f' · {facet.title}' if facet.title else ''}"
    table = _arms_table(title)
    for value in facet.values:
        table.add_column(value, justify="right")
    for arm in facet.arms:
        table.add_row(arm, *(cell_text(run, facet, arm, k) for k in range(len(facet.values))))
    return table


def _cells(run: Run, arm: dict[str, Any], *, roomy: bool, show_own: bool) -> list[Any]:
    from rich.text import Text

    summary = run.summary
    scaled = summary.get("unit") == "z"
    entry = metric_of(arm, "test", summary["metric"], scaled=scaled)
    comparison = comparison_of(run, arm)
    done = arm.get("status", "done") == "done"
    other = other_baseline(run, comparison or {})
    cells: list[Any] = [
        Text.assemble(arm_label(arm), (other and f"\n {other}", "dim")),
        mean_std(entry) if done else Text(str(arm["status"]).replace(" of ", "/"), style="yellow"),
    ]
    if show_own:
        own = metric_of(arm, "test", summary["metric"], scaled=False)
        cells.append(number(own["mean"]) if own else "")
    if comparison is None:
        word = "baseline" if is_baseline(run, arm) else MISSING
        cells += [Text(word, style="dim"), ""]
    else:
        difference = number(comparison["difference"], signed=True)
        bounds = interval(comparison)
        verdict = comparison["verdict"]
        cells += [
            f"{difference} {bounds}".strip(),
            Text(verdict, style=_COLOURS.get(verdict, "")),
        ]
    if roomy:
        budget = arm.get("budget") or {}
        cells += [count(budget.get("epochs")), duration(budget.get("seconds"))]
    return cells


def _footnote(run: Run) -> str:
    summary = run.summary
    seeds = len(summary.get("seeds", []))
    better = "higher" if higher_is_better(summary) else "lower"
    return (
        f"mean ± deviation over {seeds} seed{'s' if seeds != 1 else ''}, {better} is better; "
        "[ ]: 95% interval, unadjusted; verdicts: Holm-adjusted; time: one seed, whole chain"
    )
