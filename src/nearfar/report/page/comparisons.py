"""Every comparison of a run, by family."""

from collections.abc import Sequence
from html import escape
from typing import Any

from nearfar.numbers import precise
from nearfar.report.load import Run
from nearfar.report.page.html import (
    _cell,
    _chances_cell,
    _head,
    _row_head,
    _scroll,
    _verdict_cell,
)
from nearfar.report.wording import MISSING, chances, count, difference, finite, interval

CHANCES = ("chances", "better · same · worse", "chances")
"""The column of bars."""
MANY_TRAININGS = 1000

_COLUMNS = [
    ("arm", "", ""),
    ("against", "", ""),
    ("difference", "primary unit", "n"),
    ("difference", "own unit", "n"),
    CHANCES,
    ("p", "unadjusted", "n"),
    ("p", "adjusted", "n"),
    ("smallest margin", "for no difference", "n"),
    ("trainings", "to decide", "n"),
    ("verdict", "adjusted p, or bound", ""),
]


def chances_known(run: Run) -> bool:
    """Whether anything was tested."""
    return any(chances(c) is not None for c in run.summary.get("comparisons") or [])


def comparisons_table(run: Run) -> str:
    """Every comparison in both units, by family; empty if there is none."""
    families: dict[str, list[dict[str, Any]]] = {}
    for comparison in run.summary.get("comparisons") or []:
        families.setdefault(str(comparison.get("family") or ""), []).append(comparison)
    if not families:
        return ""
    body = ""
    for family, members in families.items():
        title = escape(_family_title(family, members))
        body += f'<tr class="group"><td colspan="{len(_COLUMNS)}">{title}</td></tr>'
        body += "".join(f"<tr>{_row(run, comparison)}</tr>" for comparison in members)
    table = _scroll(_head(_COLUMNS), body, "comparisons")
    return f'<details class="wide"><summary>All comparisons</summary>{table}</details>'


def _family_title(family: str, members: Sequence[dict[str, Any]]) -> str:
    """``question: 6 comparisons, adjusted together (Holm)``."""
    tested = sum(finite(c.get("p_holm")) is not None for c in members)
    some = f"{len(members)} comparison{'s' if len(members) > 1 else ''}"
    if not tested:
        how = "none tested"
    elif tested < len(members):
        how = f"the {tested} tested ones adjusted together (Holm)"
    else:
        how = "adjusted together (Holm)" if tested > 1 else "nothing to adjust for"
    return f"{family}: {some}, {how}" if family else f"{some}, {how}"


def _row(run: Run, comparison: dict[str, Any]) -> str:
    original = comparison.get("original") or {}
    margin = finite(comparison.get("smallest_margin"))
    return (
        _row_head(comparison, str(comparison.get("target", "")) if run.several else "")
        + _cell(str(comparison["against"]), kind="")
        + _cell(difference(comparison), interval(comparison, signed=True))
        + _cell(difference(original), interval(original, True))
        + _chances_cell(comparison)
        + _cell(_p(comparison.get("p")))
        + _cell(_p(comparison.get("p_holm")))
        + _cell(MISSING if margin is None else f"±{precise(margin)}")
        + _cell(_trainings(comparison))
        + _verdict_cell(comparison)
    )


def _p(value: Any) -> str:
    p = finite(value)
    return MISSING if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def _trainings(comparison: dict[str, Any]) -> str:
    """How many trainings would decide; that none would, as rows are too few."""
    if comparison.get("undecidable"):
        return "more rows"
    needed = finite(comparison.get("trainings_to_decide"))
    if needed is not None and needed > MANY_TRAININGS:
        return f"over {count(MANY_TRAININGS)}"
    return MISSING if needed is None else f"about {count(needed)}"
