"""The table that a run prints."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.numbers import precise
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
    recommended,
)
from nearfar.report.page.sections.choices import chosen_lines
from nearfar.report.wording import (
    MISSING,
    VERDICT_SIGNS,
    chances,
    count,
    duration,
    finite,
    higher_is_better,
    interval,
    mean_std,
    metric_name,
    number,
    verdict_name,
    whole_percents,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_USE = {
    "use this": " ◀ use",
    "use for now": " ◀ for now",
    "use this, if any": " ◀ if any",
}
_COLOURS = {
    "better": "green",
    "worse": "red",
    "same": "blue",
    "undecided": "dim",
    "withheld": "yellow",
}
_ROOMY = 92
_ENDLESS = 1000
_NARROW = 12
MOST_ROWS = 10
_TARGETS = 4


def print_summary(run: Path, console: "Console") -> None:
    """Print the run's table, its answer, its notes and where the page is.

    At most ten arms; those left out are counted. Fits 100 columns: what there is no room for is
    left out, below 92 the own unit, chances and budget.

    Raises:
        UserError: ``run`` is not the folder of a finished run.
    """
    from rich.padding import Padding
    from rich.text import Text

    read = read_run(run)
    summary = read.summary
    console.print()
    console.print(_table(read, console))
    hidden = len(read.arms) - len(rows_shown(read))
    if hidden:
        more = f"{hidden} more row{'s' if hidden > 1 else ''}: see the report"
        console.print(Padding(Text(more, style="dim"), (0, 0, 1, 1)))
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


def _table(run: Run, console: "Console") -> "Table":
    """The results with as many columns as fit: what matters least is left out first."""
    from rich.measure import Measurement

    columns = _columns(run) if console.width >= _ROOMY else []
    wide = console.options.update(width=_ENDLESS)
    for left_out in range(len(columns) + 1):
        table = _results_table(run, set(columns[left_out:]))
        if Measurement.get(console, wide, table).maximum <= console.width:
            break
    return table


def _columns(run: Run) -> list[str]:
    """The columns that not every terminal has room for, the least important first."""
    found = ["bound", "epochs", "time"]
    found += ["own"] if run.summary.get("unit") == "z" and own_unit(run) else []
    tested = any(chances(c) is not None for c in run.summary.get("comparisons") or [])
    return [*found, "chances"] if tested else found[1:]


def _results_table(run: Run, columns: Collection[str]) -> "Table":
    from rich.text import Text

    summary = run.summary
    unit, own = str(summary.get("unit", "")), own_unit(run)
    metric = metric_name(summary["metric"])
    title = f"{summary.get('title') or summary['study']} ({summary.get('profile', '')})"
    table = _arms_table(title, "bold")
    over = f" over {summary['target']}" if run.several else ""
    table.add_column(Text(f"test {metric}{over}{f', {unit}' if unit else ''}"), justify="right")
    if "own" in columns:
        table.add_column(Text(own), justify="right", max_width=max(map(len, own.split())) + 2)
    table.add_column(Text(against(run)), justify="right")
    if "chances" in columns:
        table.add_column("better/same\n/worse, %", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=bool(columns), max_width=None if columns else _NARROW)
    if "epochs" in columns:
        table.add_column("epochs", justify="right", no_wrap=True)
    if "time" in columns:
        table.add_column("time", justify="right", no_wrap=True)
    group, target = None, None
    shown = rows_shown(run)
    for arm in shown:
        if len(run.targets) > 1 and run.target_of(arm) != target:
            table.add_section()
            group, target = None, run.target_of(arm)
            table.add_row(Text(f"target {target.replace('_', ' ')}", style="bold"))
        if group is not None and arm.get("group") != group:
            table.add_section()
        group = arm.get("group")
        table.add_row(*_cells(run, arm, columns))
    return table


def rows_shown(run: Run) -> list[dict[str, Any]]:
    """The arms in the table of results, at most ten, in the study's order.

    The baseline and what is recommended always; then all arms that are no controls, as far as they
    fit; then the controls with the best means.
    """
    sign = -1.0 if higher_is_better(run.summary) else 1.0

    def place(k: int) -> tuple[int, float, int]:
        arm = run.arms[k]
        if arm["arm"] == run.summary.get("baseline") or recommended(run, arm):
            return 0, 0.0, k
        if arm.get("group") != "control":
            return 1, 0.0, k
        mean = finite((_entry(run, arm) or {}).get("mean"))
        return 2, math.inf if mean is None else sign * mean, k

    first = sorted(range(len(run.arms)), key=place)[:MOST_ROWS]
    return [run.arms[k] for k in sorted(first)]


def _entry(run: Run, arm: dict[str, Any]) -> dict[str, Any] | None:
    scaled = run.summary.get("unit") == "z"
    return metric_of(arm, "test", run.summary["metric"], scaled=scaled)


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
            verdict = _verdict(comparison_of(run, arm, target) or {})
            entry = metric_of(arm, "test", metric, scaled=scaled, target=target)
            cells.append(Text.assemble(mean_std(entry), " ", verdict))
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


def _cells(run: Run, arm: dict[str, Any], columns: Collection[str]) -> list[Any]:
    """The cells of an arm; ``columns`` names those that not every terminal has room for."""
    from rich.text import Text

    comparison = comparison_of(run, arm)
    done = arm.get("status", "done") == "done"
    other = other_baseline(run, comparison or {})
    use = _USE.get(recommended(run, arm), "")
    cells: list[Any] = [
        Text.assemble(arm_label(arm), (use, "bold green"), (other and f"\n {other}", "dim")),
        mean_std(_entry(run, arm))
        if done
        else Text(str(arm["status"]).replace(" of ", "/"), style="yellow"),
    ]
    if "own" in columns:
        own = metric_of(arm, "test", run.summary["metric"], scaled=False)
        cells.append(number(own["mean"]) if own else "")
    if comparison is None:
        word = "baseline" if is_baseline(run, arm) else MISSING
        cells.append(Text(word, style="dim"))
    else:
        difference = number(comparison["difference"], signed=True)
        cells.append(f"{difference} {interval(comparison)}".strip())
    if "chances" in columns:
        found = chances(comparison or {})
        cells.append("/".join(map(str, whole_percents(found))) if found else "")
    cells.append(_verdict(comparison or {}, bounded="bound" in columns))
    budget = arm.get("budget") or {}
    cells += [count(budget.get("epochs"))] if "epochs" in columns else []
    cells += [duration(budget.get("seconds"))] if "time" in columns else []
    return cells


def _verdict(comparison: Mapping[str, Any], *, bounded: bool = False) -> "Text":
    """The word; where ``bounded``, also how large an undecided difference can be."""
    from rich.text import Text

    word = str(comparison.get("verdict") or "")
    bound = str(comparison.get("bound") or "") if bounded and word == "undecided" else ""
    return Text.assemble(
        (verdict_name(word), _COLOURS.get(word, "")), (bound and f": {bound}", "dim")
    )


def _footnote(run: Run) -> str:
    summary = run.summary
    seeds = len(summary.get("seeds", []))
    better = "higher" if higher_is_better(summary) else "lower"
    size = finite((summary.get("margin") or {}).get("size"))
    parts = [
        f"mean ± deviation over {seeds} seed{'s' if seeds != 1 else ''}, {better} is better",
        "[ ]: 95% interval, unadjusted",
        "verdicts: Holm-adjusted within families",
        f"same: no relevant difference, within ±{precise(size)}" if size is not None else "",
        "time: one seed, whole chain",
    ]
    return "; ".join(part for part in parts if part)
