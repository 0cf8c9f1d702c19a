"""The page's tables as HTML. Whatever came from data is escaped here."""

from html import escape
from typing import Any

from nearfar.numbers import count, p_value
from nearfar.report.load import (
    Run,
    arm_label,
)
from nearfar.report.wording import (
    GROUP_NAMES,
    VERDICT_SIGNS,
    finite,
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


def _verdict_cell(comparison: dict[str, Any]) -> str:
    """The word, Holm's p below it, and for the undecided what it would take."""
    p, seeds = finite(comparison.get("p_holm")), comparison.get("seeds_to_decide")
    reason = str(comparison.get("reason") or "")
    below = reason if p is None else p_value(p)
    if comparison.get("undecidable"):
        below += "; no number of seeds would decide"
    elif seeds:
        below += f"; about {count(seeds)} seeds would decide"
    return (
        f'<td class="text" title="{escape(reason)}">{verdict(str(comparison["verdict"]))}'
        f"<small>{escape(below)}</small></td>"
    )
