"""The arms' results: means, comparisons, every metric."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

from nearfar.metrics import MEASURES
from nearfar.numbers import finite
from nearfar.report.load import (
    Run,
    against,
    comparison_of,
    entries_of,
    is_baseline,
    may_be_best,
    metric_of,
    other_baseline,
    own_unit,
    recommended,
    same_seeds,
)
from nearfar.report.page.comparisons import CHANCES, chances_known, comparisons_table
from nearfar.report.page.explained import explained, margin_sentence
from nearfar.report.page.html import (
    _cell,
    _chances_cell,
    _grouped,
    _head,
    _row_head,
    _scroll,
    _verdict_cell,
)
from nearfar.report.page.panel import PageContext, Section
from nearfar.report.wording import (
    MISSING,
    count,
    difference,
    duration,
    interval,
    mean_std,
    metric_name,
    percent,
    verdict_name,
)

BEST = "may be the best"


def results_table(run: Run, target: str = "") -> str:
    """Arms in rows: primary metric in z and own unit, difference, verdict, budget.

    With ``target``, one of several: its own numbers, and no budget.
    """
    summary = run.summary
    unit, own = str(summary.get("unit", "")), own_unit(run, target)
    name = f"test {metric_name(summary['metric'])}"
    scaled = "z-scored" if unit == "z" else unit
    over = f"{scaled}, {summary['target']}".strip(", ") if run.several and not target else scaled
    columns = [("arm", "", ""), (name, over, "n")]
    if unit == "z" and own:
        columns.append((name, own if own != "target" else "in its own unit", "n"))
    columns.append((against(run), "paired by seed", "n"))
    if chances_known(run):
        columns.append(CHANCES)
    if _reductions(run):
        columns.append(("reduction", f"of the {metric_name(summary['metric'])}", "n"))
    columns.append(("verdict", "adjusted p, or bound", ""))
    columns += [] if target else [("budget", "one seed", "n")]
    row = partial(_results_row, target=target)
    return _scroll(_head(columns), _grouped(run, len(columns), row), "results")


def _results_row(run: Run, arm: dict[str, Any], target: str) -> str:
    summary = run.summary
    metric, scaled = summary["metric"], summary.get("unit") == "z"
    status = str(arm.get("status", "done"))
    entry = metric_of(arm, "test", metric, scaled=scaled, target=target)
    comparison = comparison_of(run, arm, target)
    lines = ["" if status == "done" else status, other_baseline(run, comparison or {}), _also(arm)]
    marks = "" if target else _marks(run, arm)
    html = _row_head(
        arm, *lines, marks=marks, verdict_word=str((comparison or {}).get("verdict", ""))
    )
    html += _cell(mean_std(entry), interval(entry or {}))
    if scaled and own_unit(run, target):
        other = metric_of(arm, "test", metric, scaled=False, target=target)
        html += _cell(mean_std(other), interval(other or {}))
    if comparison is None:
        word = "baseline" if is_baseline(run, arm) else MISSING
        empty = 1 + chances_known(run) + _reductions(run)
        html += f'<td class="n">{word}</td>' + "<td></td>" * empty
    else:
        html += _cell(difference(comparison), interval(comparison, signed=True))
        html += _chances_cell(comparison) if chances_known(run) else ""
        if _reductions(run):
            html += _cell(percent(comparison.get("reduction_percent")))
        html += _verdict_cell(comparison)
    if target:
        return html
    budget = arm.get("budget") or {}
    epochs = count(budget.get("epochs"))
    return html + _cell(f"{epochs} epochs", duration(budget.get("seconds")))


def _also(arm: dict[str, Any]) -> str:
    """Names the arms that are the same computation; empty where there is none."""
    names = [str(name) for name in arm.get("also") or []]
    return f"also {', '.join(names)}: the same computation in this profile" if names else ""


def _marks(run: Run, arm: dict[str, Any]) -> str:
    """What the summary recommends of an arm, as a dot and a word."""
    word = recommended(run, arm)
    dot = f' <span class="best" role="img" aria-label="{BEST}" title="{BEST}"></span>'
    use = f' <small class="use">{escape(word)}</small>'
    return (dot if may_be_best(run, arm) else "") + (use if word else "")


def _legend(run: Run) -> str:
    """What bars and dots mean, and what counts as no difference, a line each."""
    lines = [_bars_legend()] if chances_known(run) else []
    marked = sum(may_be_best(run, arm) for arm in run.arms)
    if marked:
        dot = '<span class="best" aria-hidden="true"></span>'
        these = "the arm with a dot is" if marked == 1 else f"the {marked} arms with a dot contain"
        lines.append(f"{dot} {BEST}: with 95%, {these} the best one, controls aside.")
    lines += [escape(margin_sentence(run))]
    return "".join(f'<p class="about under">{line}</p>' for line in lines if line)


def _bars_legend() -> str:
    """The colours of the chances."""
    keys = "".join(
        f'<span class="key"><svg class="bar" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="{kind}" width="10" height="10"/></svg>{escape(verdict_name(kind))}</span>'
        for kind in ("better", "same", "worse")
    )
    return f'Chances: <span class="keys">{keys}</span>'


def _reductions(run: Run) -> bool:
    """Whether it is known of an arm which share of its baseline's error it takes away."""
    found = run.summary.get("comparisons") or []
    return any(finite(c.get("reduction_percent")) is not None for c in found)


def all_metrics_table(run: Run, target: str = "") -> str:
    """Every metric of every arm on validation and test; empty if there is only one.

    With ``target``, those of one of several. Measures of representations have their own table.
    """
    keys: list[tuple[str, str, str]] = []
    for arm in run.arms:
        for entry in entries_of(arm, target):
            key = (entry["split"], entry["metric"], str(entry.get("unit") or ""))
            if key not in keys and entry["metric"] not in MEASURES:
                keys.append(key)
    if len(keys) < 2:
        return ""
    keys.sort(key=lambda key: (key[0] != "test", key[0]))
    names = [
        (f"{split} {metric_name(metric)}", "z-scored" if unit == "z" else unit, "n")
        for split, metric, unit in keys
    ]

    def row(run: Run, arm: dict[str, Any]) -> str:
        entries = {
            (e["split"], e["metric"], str(e.get("unit") or "")): e for e in entries_of(arm, target)
        }
        cells = (_cell(mean_std(entries.get(key))) for key in keys)
        return _row_head(arm) + "".join(cells)

    table = _scroll(_head([("arm", "", ""), *names]), _grouped(run, len(keys) + 1, row))
    return f'<details class="wide"><summary>All metrics</summary>{table}</details>'


def _about(run: Run) -> str:
    under = f"Under {run.place}; the other conditions follow below. " if run.place else ""
    if len(run.summary.get("seeds") or []) < 2:
        return f"{under}One seed: there is no deviation, no interval and no test."
    return under + (
        "Mean ± deviation over the seeds; below it, in brackets, the 95% interval, unadjusted for "
        f"the number of arms. {_seeds(run)}"
    )


def _seeds(run: Run) -> str:
    if same_seeds(run.arms):
        return "Every arm ran on the same splits and seeds."
    return "Arms have different seeds: a difference is over those that both have."


def _body(page: PageContext) -> str:
    run = page.run
    return (
        f'<p class="about">{escape(_about(run))}</p>{results_table(run)}{_legend(run)}'
        f"{comparisons_table(run)}{all_metrics_table(run)}{explained(run)}"
    )


RESULTS = Section("results", "Results", "Results", _body)
