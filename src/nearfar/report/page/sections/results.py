"""The arms' results: means, comparisons, every metric."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

from nearfar.metrics import MEASURES
from nearfar.report.load import (
    Run,
    against,
    comparison_of,
    entries_of,
    is_baseline,
    metric_of,
    other_baseline,
    own_unit,
)
from nearfar.report.page.html import (
    _cell,
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
    duration,
    finite,
    higher_is_better,
    interval,
    mean_std,
    metric_name,
    number,
    percent,
)

_WORDS = {
    "mean ± deviation": "over the seeds that an arm shares with all others; sample deviation "
    "(n − 1).",
    "95% interval": "from the t distribution; where splits are drawn anew for each seed, widened "
    "for their overlap (Nadeau and Bengio, 2003). It is not adjusted for the number of arms.",
    "better, worse": "the paired difference to the baseline is significant at 5% after Holm’s "
    "adjustment over the study’s comparisons.",
    "equivalent": "within the study’s margin, by two one-sided tests.",
    "undecided": "neither: these seeds cannot tell. It does not mean that there is no difference.",
    "withheld": "a seed diverged or failed, so there is no mean and no test.",
    "z-scored": "in deviations of the training part’s target.",
}


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
    if _reductions(run):
        columns.append(("reduction", f"of the {metric_name(summary['metric'])}", "n"))
    columns.append(("verdict", "Holm-adjusted p", ""))
    columns += [] if target else [("budget", "one seed", "n")]
    row = partial(_results_row, target=target)
    return _scroll(_head(columns), _grouped(run, len(columns), row))


def _results_row(run: Run, arm: dict[str, Any], target: str) -> str:
    summary = run.summary
    metric, scaled = summary["metric"], summary.get("unit") == "z"
    status = str(arm.get("status", "done"))
    entry = metric_of(arm, "test", metric, scaled=scaled, target=target)
    comparison = comparison_of(run, arm, target)
    notes = ["" if status == "done" else status, other_baseline(run, comparison or {})]
    html = _row_head(arm, "; ".join(filter(None, notes)))
    html += _cell(mean_std(entry), interval(entry or {}))
    if scaled and own_unit(run, target):
        other = metric_of(arm, "test", metric, scaled=False, target=target)
        html += _cell(mean_std(other), interval(other or {}))
    if comparison is None:
        word = "baseline" if is_baseline(run, arm) else MISSING
        html += f'<td class="n">{word}</td>' + "<td></td>" * (2 if _reductions(run) else 1)
    else:
        difference = number(comparison.get("difference"), signed=True)
        html += _cell(difference, interval(comparison, signed=True))
        if _reductions(run):
            html += _cell(percent(comparison.get("reduction_percent")))
        html += _verdict_cell(comparison)
    if target:
        return html
    budget = arm.get("budget") or {}
    epochs = count(budget.get("epochs"))
    return html + _cell(f"{epochs} epochs", duration(budget.get("seconds")))


def _reductions(run: Run) -> bool:
    """Whether the metric is an error, of which a part can be taken away."""
    return not higher_is_better(run.summary)


def comparisons_table(run: Run) -> str:
    """Every comparison in both units; empty if there is none."""
    comparisons = run.summary.get("comparisons") or []
    if not comparisons:
        return ""
    columns = [
        ("arm", "", ""),
        ("against", "", ""),
        ("difference", "primary unit", "n"),
        ("difference", "own unit", "n"),
        ("p", "unadjusted", "n"),
        ("verdict", "Holm-adjusted p", ""),
    ]
    body = ""
    for comparison in comparisons:
        original = comparison.get("original") or {}
        p = finite(comparison.get("p"))
        body += (
            _row_head(comparison, str(comparison.get("target", "")) if run.several else "")
            + _cell(str(comparison["against"]), kind="")
            + _cell(
                number(comparison.get("difference"), signed=True), interval(comparison, signed=True)
            )
            + _cell(number(original.get("difference"), signed=True), interval(original, True))
            + _cell("–" if p is None else f"{p:.3f}")
            + _verdict_cell(comparison)
        ).join(("<tr>", "</tr>"))
    table = _scroll(_head(columns), body)
    return f'<details class="wide"><summary>All comparisons</summary>{table}</details>'


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
        "the number of arms. Every arm ran on the same splits and seeds."
    )


def _reading() -> str:
    words = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _WORDS.items())
    return f'<details><summary>How to read this</summary><dl class="words">{words}</dl></details>'


def _body(page: PageContext) -> str:
    run = page.run
    return (
        f'<p class="about">{escape(_about(run))}</p>{results_table(run)}{comparisons_table(run)}'
        f"{all_metrics_table(run)}{_reading()}"
    )


RESULTS = Section("results", "Results", "Results", _body)
