"""The page's tables as HTML. Whatever came from data is escaped here."""

from functools import partial
from html import escape
from typing import Any

from nearfar.report.load import (
    Run,
    against,
    arm_label,
    comparison_of,
    entries_of,
    is_baseline,
    metric_of,
    other_baseline,
    own_unit,
)
from nearfar.report.measures import MEASURES, best_means, explained, measured, measures_of
from nearfar.report.wording import (
    GROUP_NAMES,
    HIGHER_IS_BETTER,
    MISSING,
    VERDICT_SIGNS,
    count,
    duration,
    finite,
    interval,
    mean_std,
    metric_name,
    number,
    percent,
)

LONG = 24
"""Labels with more letters are wrapped."""


def _cell(value: str, small: str = "", kind: str = "n") -> str:
    below = f"<small>{escape(small)}</small>" if small else ""
    return f'<td class="{kind}">{escape(value)}{below}</td>'


def _head(names: list[tuple[str, str, str]]) -> str:
    cells = "".join(
        f'<th class="{kind}" scope="col">{escape(name)}<small>{escape(small)}</small></th>'
        for name, small, kind in names
    )
    return f"<thead><tr>{cells}</tr></thead>"


def _scroll(head: str, body: str, kind: str = "") -> str:
    table = f'<table class="{kind}">{head}<tbody>{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div>'


def verdict(word: str) -> str:
    """A verdict with its sign, so that colour is not the only carrier."""
    kind, sign = word.replace(" ", "-"), VERDICT_SIGNS.get(word, "")
    return f'<span class="verdict {escape(kind)}" data-sign="{escape(sign)}">{escape(word)}</span>'


def _row_head(arm: dict[str, Any], small: str = "") -> str:
    below = f"<small>{escape(small)}</small>" if small else ""
    label = arm_label(arm)
    kind = ' class="long"' if len(label) > LONG else ""
    return f'<th scope="row"{kind}>{escape(label)}{below}</th>'


def _grouped(run: Run, columns: int, row: Any, shown: Any = None) -> str:
    """Rows of arms; each target, and in it each group, under its own heading if not alone.

    ``shown`` tells which arms have a row; all have one without it.
    """
    groups = {arm.get("group", "") for arm in run.arms}
    body, current, target = "", None, None
    for index, arm in enumerate(run.arms):
        if shown is not None and not shown(arm):
            continue
        group = arm.get("group", "")
        if len(run.targets) > 1 and run.target_of(arm) != target:
            target, current = run.target_of(arm), None
            body += (
                f'<tr class="target"><td colspan="{columns}">{_target_title(run, arm)}</td></tr>'
            )
        if len(groups) > 1 and group != current:
            title = escape(GROUP_NAMES.get(group, group))
            body += f'<tr class="group"><td colspan="{columns}">{title}</td></tr>'
            current = group
        body += f'<tr data-arm="{index}">{row(run, arm)}</tr>'
    return body


def _target_title(run: Run, arm: dict[str, Any]) -> str:
    classes = run.classes_of(arm)
    count = f"<small>{len(classes)} classes: {escape(', '.join(classes))}</small>"
    return f"Target {escape(run.target_of(arm).replace('_', ' '))}{count if classes else ''}"


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
    return run.summary["metric"] not in HIGHER_IS_BETTER


def _verdict_cell(comparison: dict[str, Any]) -> str:
    """The word, Holm's p below it, and for the undecided what it would take."""
    p, seeds = finite(comparison.get("p_holm")), comparison.get("seeds_to_decide")
    reason = str(comparison.get("reason") or "")
    below = reason if p is None else f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
    if comparison.get("undecidable"):
        below += "; no number of seeds would decide"
    elif seeds:
        below += f"; about {seeds:,} seeds would decide"
    return (
        f'<td class="text" title="{escape(reason)}">{verdict(str(comparison["verdict"]))}'
        f"<small>{escape(below)}</small></td>"
    )


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


def representations_section(run: Run) -> str:
    """Arms in rows, measures of their features in columns; empty unless two arms have some."""
    names = measured(run)
    if not names:
        return ""
    best = {name: best_means(run, name) for name in names}
    columns = [("arm", "", "")]
    for name in names:
        better = MEASURES[name].better
        units = {str(measures_of(arm).get(name, {}).get("unit") or "") for arm in run.arms}
        notes = ["z-scored"] * ("z" in units) + [f"{better} is better"] * bool(better)
        columns.append((metric_name(name), ", ".join(notes), "n"))

    def row(run: Run, arm: dict[str, Any]) -> str:
        entries, cells = measures_of(arm), ""
        for name in names:
            won = arm_label(arm) in best[name]
            mark = "✓ " if won else ""
            cells += _cell(f"{mark}{mean_std(entries.get(name))}", kind="n won" if won else "n")
        status = str(arm.get("status", "done"))
        return _row_head(arm, "" if status == "done" else status) + cells

    table = _scroll(_head(columns), _grouped(run, len(columns), row, measures_of))
    under = f" under {run.place}" if run.place else ""
    return (
        '<section id="representations"><h2>Representations</h2>'
        f'<p class="about">How encoders arrange test rows{escape(under)}, measured on the features '
        "at the end of training: mean ± deviation over the seeds; ✓ marks the best mean. They may "
        "say why an arm is better; nothing is chosen by them and nothing tested.</p>"
        f'{table}{explained(run, names)}<div class="controls" id="representations-controls"></div>'
        '<div id="representations-plots"></div></section>'
    )


def budget_table(run: Run) -> str:
    """Epochs, steps, seconds and trained parameters of every arm."""
    columns = [
        ("arm", "", ""),
        ("epochs", "", "n"),
        ("steps", "", "n"),
        ("time", "", "n"),
        ("trained parameters", "", "n"),
        ("seeds", "done of run", "n"),
    ]

    def row(run: Run, arm: dict[str, Any]) -> str:
        budget = arm.get("budget") or {}
        cells = [
            count(budget.get("epochs")),
            count(budget.get("steps")),
            duration(budget.get("seconds")),
            count(budget.get("parameters")),
            f"{arm.get('done', MISSING)} of {arm.get('runs', MISSING)}",
        ]
        return _row_head(arm) + "".join(map(_cell, cells))

    return _scroll(_head(columns), _grouped(run, len(columns), row))


def published_section(run: Run) -> str:
    """Published against measured, and the source's claims; empty if the study has neither."""
    rows = run.summary.get("published") or []
    claims = run.summary.get("claims") or []
    if not rows and not claims:
        return ""
    html = '<section id="published"><h2>Published and measured</h2>'
    if claims:
        columns = [("claim", "", ""), ("verdict", "", ""), ("because", "", "")]
        body = "".join(
            f'<tr><th scope="row">{escape(str(claim["claim"]))}</th>'
            f"<td>{verdict(str(claim['verdict']))}</td>"
            f'<td class="text">{escape(str(claim.get("reason") or ""))}</td></tr>'
            for claim in claims
        )
        html += "<h3>Claims of the source</h3>" + _scroll(_head(columns), body, "claims")
    if rows:
        columns = [
            ("arm", "", ""),
            ("metric", "", ""),
            ("published", "", "n"),
            ("measured", "", "n"),
            ("error", "", "n"),
            ("where the published number is from", "", ""),
        ]
        body = "".join(_published_row(row) for row in rows)
        html += "<h3>Numbers of the source</h3>" + _scroll(_head(columns), body)
    return html + "</section>"


def _published_row(row: dict[str, Any]) -> str:
    unit = "z-scored" if row.get("unit") == "z" else str(row.get("unit") or "")
    return (
        f'<tr><th scope="row">{escape(arm_label(row))}</th>'
        + _cell(f"{row['split']} {metric_name(row['metric'])}", unit, "metric")
        + _cell(number(row.get("published")))
        + _cell(number(row.get("measured")))
        + _cell(percent(row.get("error_percent")))
        + _cell(str(row.get("provenance") or ""), str(row.get("note") or ""), "text")
        + "</tr>"
    )
