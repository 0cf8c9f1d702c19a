"""How much of every class each arm finds: one table a target."""

import math
from collections.abc import Sequence
from html import escape
from statistics import fmean

from nearfar.metrics import recalls
from nearfar.report.page.panel import PageContext, Section
from nearfar.report.page.rows import ArmPredictions

SHADES = 9
LONG = 24
"""Classes in one table; more stand in tables side by side."""


def recall_section(predicted: Sequence[ArmPredictions]) -> str:
    """Class-wise recall on test rows, a column an arm; empty where no arm predicts classes."""
    by_target: dict[str, list[ArmPredictions]] = {}
    for arm in predicted:
        if arm.classes and arm.by_seed:
            by_target.setdefault(arm.target, []).append(arm)
    if not by_target:
        return ""
    tables = ""
    for target, arms in by_target.items():
        if len(by_target) > 1:
            tables += f"<h3>Target {escape(target.replace('_', ' '))}</h3>"
        tables += _table(arms)
    return (
        '<p class="about">Recall: of every class, the percentage of its test rows that an arm '
        "finds; mean over the seeds. The class that is hardest for the arms together, controls "
        "aside, stands first.</p>" + tables
    )


def class_recall(arm: ArmPredictions) -> dict[str, float]:
    """Recall by class, mean over the seeds whose test part has the class."""
    found: dict[str, list[float]] = {}
    for counts in arm.confusions():
        for name, share in zip(arm.classes, recalls(counts).tolist(), strict=True):
            if not math.isnan(share):
                found.setdefault(name, []).append(share)
    return {name: fmean(values) for name, values in found.items()}


def shade(share: float) -> str:
    """The class of a cell that is the darker the larger the share."""
    return f"shade{min(round(share * SHADES), SHADES)}"


def _table(arms: Sequence[ArmPredictions]) -> str:
    shares = [class_recall(arm) for arm in arms]
    known = [name for name in arms[0].classes if any(name in recall for recall in shares)]

    learned = [r for r, arm in zip(shares, arms, strict=True) if not arm.control] or shares

    def hardness(name: str) -> float:
        found = [recall[name] for recall in learned if name in recall]
        return fmean(found) if found else math.inf

    ordered = sorted(known, key=hardness)
    columns = -(-len(ordered) // LONG)
    rows = -(-len(ordered) // max(columns, 1))
    parts = [ordered[start : start + rows] for start in range(0, len(ordered), max(rows, 1))]
    tables = "".join(_part(arms, shares, part) for part in parts)
    return f'<div class="beside">{tables}</div>'


def _part(
    arms: Sequence[ArmPredictions], shares: Sequence[dict[str, float]], names: Sequence[str]
) -> str:
    head = "".join(f'<th class="n" scope="col">{escape(arm.label)}</th>' for arm in arms)
    body = ""
    for name in names:
        cells = "".join(
            f'<td class="{shade(recall[name])}">{100 * recall[name]:.0f}</td>'
            if name in recall
            else "<td>–</td>"
            for recall in shares
        )
        body += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    return (
        '<div class="scroll recall" tabindex="0"><table class="recall"><thead><tr><th>class</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _body(page: PageContext) -> str:
    return recall_section(page.predicted)


CLASSES = Section("classes", "Classes", "Which classes", _body)
