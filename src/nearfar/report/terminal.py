"""The table that a run prints."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
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
    over_seeds,
    own_unit,
    read_run,
    recommended,
)
from nearfar.report.page.sections.choices import chosen_lines
from nearfar.report.signs import inert, looking_alike
from nearfar.report.wording import (
    MISSING,
    VERDICT_SIGNS,
    chances,
    count,
    difference,
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
TIME_MEANING = "time: elapsed while one seed was trained, its whole chain"
_ROOMY = 92
_ENDLESS = 1000
_NARROW = 12
MOST_ROWS = 10
_TARGETS = 4


def print_summary(run: Path, console: "Console") -> None:
    """Print the run's table, its answer, its notes and where the page is.

    At most ten arms; those left out are counted. Fits 100 columns: what there is no room for is
    left out, below 92 z-scores, chances and budget. Nothing in names, titles and sentences is
    obeyed by the terminal, and what its encoding lacks is written by look-alikes.

    Raises:
        UserError: ``run`` is not the folder of a finished run.
    """
    from nearfar.report.console import suit_table

    read = _inert(read_run(run))
    console.print()
    table, columns = _table(read, console)
    console.print(table)
    hidden = len(read.arms) - len(rows_shown(read))
    if hidden:
        more = f"{hidden} more row{'s' if hidden > 1 else ''}: see the report"
        _say(console, more, "dim", room=1)
    for facet in facets(read) if read.reference is not None else []:
        console.print(suit_table(_conditions_table(read, facet), console.encoding))
    if read.several:
        console.print(suit_table(_targets_table(read), console.encoding))
    _say(console, _footnote(read, columns), "dim", room=1)
    _say_results(read, console)
    page = run / "report.html"
    if page.is_file():
        _say(console, f"Report: {page}", soft_wrap=True)


def _say_results(run: Run, console: "Console") -> None:
    """The answer, what was chosen, claims and notes, in sentences."""
    _say(console, str(run.summary.get("answer") or ""), "bold", room=1)
    for line in chosen_lines(run):
        _say(console, line)
    for claim in run.summary.get("claims") or []:
        sign = VERDICT_SIGNS.get(claim["verdict"], "?")
        _say(console, f"{sign} {claim['verdict']}: {claim['claim']}")
    for note in run.summary.get("notes") or []:
        _say(console, str(note), "dim")


def _say(
    console: "Console", line: str, style: str = "", *, room: int = 0, soft_wrap: bool = False
) -> None:
    """Print a paragraph, so many empty lines below it; where no terminal shows it, on one line."""
    from rich.padding import Padding
    from rich.text import Text

    text = Text(looking_alike(line, console.encoding), style=style)
    if soft_wrap or not console.is_terminal:
        console.print(Text.assemble(" ", text, "\n" * room), soft_wrap=True)
    else:
        console.print(Padding(text, (0, 0, room, 1)))


def _inert(run: Run) -> Run:
    """The run with nothing in its names, titles and sentences that a terminal would obey."""

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return inert(value)
        if isinstance(value, dict):
            return {plain(key): plain(entry) for key, entry in value.items()}
        return [plain(entry) for entry in value] if isinstance(value, list) else value

    return replace(run, summary=plain(run.summary))


def _table(run: Run, console: "Console") -> tuple["Table", set[str]]:
    """The results with as many columns as fit, and which: what matters least is left out first."""
    from rich.measure import Measurement

    from nearfar.report.console import suit_table

    columns = _columns(run) if console.width >= _ROOMY else []
    wide = console.options.update(width=_ENDLESS)
    for left_out in range(len(columns) + 1):
        shown = set(columns[left_out:])
        table = suit_table(_results_table(run, shown), console.encoding)
        if Measurement.get(console, wide, table).maximum <= console.width:
            break
    return table, shown


def _columns(run: Run) -> list[str]:
    """The columns that not every terminal has room for, the least important first."""
    tested = any(chances(c) is not None for c in run.summary.get("comparisons") or [])
    return [
        *(["bound"] if tested else []),
        "epochs",
        "time",
        *(["z"] if _is_in_own_unit(run) else []),
        *(["chances"] if tested else []),
    ]


def _is_in_own_unit(run: Run) -> bool:
    """Whether errors are shown in the target's own unit, those that were compared beside them."""
    return run.summary.get("unit") == "z" and bool(own_unit(run))


def _measured(run: Run, columns: Collection[str]) -> list[str]:
    """The headings of the metric that decides: one, or with room for it a second of z."""
    summary, unit = run.summary, str(run.summary.get("unit", ""))
    name = metric_name(summary["metric"])
    over = f" over {summary['target']}" if run.several else ""
    if not _is_in_own_unit(run):
        return [f"test {name}{over}{f', {unit}' if unit else ''}"]
    own = own_unit(run)
    first = f"test {name}{over},\n{'in its own unit' if own == 'target' else own}"
    return [first, "z-scored"] if "z" in columns else [first]


def _results_table(run: Run, columns: Collection[str]) -> "Table":
    from rich.text import Text

    summary = run.summary
    title = f"{summary.get('title') or summary['study']} ({summary.get('profile', '')})"
    table = _arms_table(title, "bold")
    for name in _measured(run, columns):
        table.add_column(Text(name), justify="right")
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


def _entry(run: Run, arm: dict[str, Any], *, own: bool = False) -> dict[str, Any] | None:
    """The metric that decides, as it is compared or (``own``) in the target's unit."""
    scaled = run.summary.get("unit") == "z" and not own
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
        mean_std(_entry(run, arm, own=_is_in_own_unit(run)))
        if done
        else Text(str(arm["status"]).replace(" of ", "/"), style="yellow"),
    ]
    if "z" in columns:
        cells.append(number((_entry(run, arm) or {}).get("mean")) if done else "")
    if comparison is None:
        word = "baseline" if is_baseline(run, arm) else MISSING
        cells.append(Text(word, style="dim"))
    else:
        cells.append(_difference(run, comparison))
    if "chances" in columns:
        found = chances(comparison or {})
        cells.append("/".join(map(str, whole_percents(found))) if found else "")
    cells.append(_verdict(comparison or {}, bounded="bound" in columns))
    budget = arm.get("budget") or {}
    cells += [count(budget.get("epochs"))] if "epochs" in columns else []
    cells += [duration(budget.get("seconds"))] if "time" in columns else []
    return cells


def _difference(run: Run, comparison: dict[str, Any]) -> str:
    """The difference with its interval, in the unit of the means before it."""
    own = comparison.get("original") if _is_in_own_unit(run) else None
    shown = own or comparison
    unit = " z" if own is None and _is_in_own_unit(run) else ""
    return f"{difference(shown)} {interval(shown)}".strip() + unit


def _verdict(comparison: Mapping[str, Any], *, bounded: bool = False) -> "Text":
    """The word; where ``bounded``, also how large an undecided difference can be."""
    from rich.text import Text

    word = str(comparison.get("verdict") or "")
    bound = str(comparison.get("bound") or "") if bounded and word == "undecided" else ""
    return Text.assemble(
        (verdict_name(word), _COLOURS.get(word, "")), (bound and f": {bound}", "dim")
    )


def _footnote(run: Run, columns: Collection[str]) -> str:
    """What signs and columns of the table mean, of those alone that are shown."""
    summary = run.summary
    seeds = over_seeds(rows_shown(run), "seed")
    better = "higher" if higher_is_better(summary) else "lower"
    shown = [c for c in (comparison_of(run, arm) for arm in rows_shown(run)) if c]
    size = finite((summary.get("margin") or {}).get("size"))
    is_same = any(c.get("verdict") == "same" for c in shown) or "chances" in columns
    unit = " z" if _is_in_own_unit(run) else ""
    parts = [
        "one seed: no deviation" if seeds == "1 seed" else f"mean ± deviation over {seeds}",
        f"{better} is better",
    ]
    found = [", ".join(parts)]
    if "z" in columns:
        found.append("z-scored: in deviations of the training part's target")
    if any(map(interval, shown)):
        found.append("[ ]: 95% interval, unadjusted")
    if any(finite(c.get("p_holm")) is not None for c in shown):
        found.append("verdicts: Holm-adjusted within families")
    if size is not None and is_same:
        found.append(f"same: no relevant difference, within ±{precise(size)}{unit}")
    if "time" in columns:
        found.append(TIME_MEANING)
    return "; ".join(found)
