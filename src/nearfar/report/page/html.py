"""The page's tables as HTML. Whatever came from data is escaped here."""

from html import escape
from typing import Any

from nearfar.numbers import p_value, precise
from nearfar.report.load import Run, arm_label
from nearfar.report.page.bars import bar
from nearfar.report.wording import (
    GROUP_NAMES,
    VERDICT_SIGNS,
    chance_words,
    chances,
    finite,
    verdict_name,
    whole_percents,
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
    name = escape(verdict_name(word))
    return f'<span class="verdict {escape(kind)}" data-sign="{escape(sign)}">{name}</span>'


def _row_head(arm: dict[str, Any], *small: str, marks: str = "", verdict_word: str = "") -> str:
    """The arm's name, ``marks`` (HTML) beside it, each of ``small`` on a line below.

    On a narrow screen, where the column of verdicts is out of sight, its verdict stands there too.
    """
    below = f'<small class="narrow">{verdict(verdict_word)}</small>' if verdict_word else ""
    below += "".join(f"<small>{escape(line)}</small>" for line in small if line)
    label = arm_label(arm)
    kind = ' class="long"' if len(label) > LONG else ""
    return f'<th scope="row"{kind}>{escape(label)}{marks}{below}</th>'


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
    """The word, and below it how large an undecided difference can be, or the adjusted p."""
    word, reason = str(comparison["verdict"]), str(comparison.get("reason") or "")
    p, margin = finite(comparison.get("p_holm")), finite(comparison.get("margin"))
    below = reason if p is None else p_value(p)
    if word == "undecided":
        below = str(comparison.get("bound") or "") or below
    elif word == "same" and margin is not None:
        below = f"within ±{precise(margin)}"
    return (
        f'<td class="text" title="{escape(reason)}">{verdict(word)}'
        f"<small>{escape(below)}</small></td>"
    )


def _chances_cell(comparison: dict[str, Any]) -> str:
    """The chances as a bar above whole percents; empty where nothing was tested."""
    found = chances(comparison)
    if found is None:
        return "<td></td>"
    numbers = " · ".join(map(str, whole_percents(found)))
    drawn = bar(list(zip(("better", "same", "worse"), found, strict=True)), chance_words(found))
    return f'<td class="chances">{drawn}<small aria-hidden="true">{numbers} %</small></td>'
