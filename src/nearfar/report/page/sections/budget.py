"""What each arm cost."""

from typing import Any

from nearfar.report.load import Run
from nearfar.report.page.html import _cell, _grouped, _head, _row_head, _scroll
from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.wording import MISSING, count, duration


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


def _body(page: PageContext) -> str:
    return (
        '<p class="about">Mean of one seed over the whole chain, pre-training included even where '
        "arms share it. Time is what elapsed while its stages were trained, each in one process; "
        f'what ran beside it made it longer.</p><div id="cost-plots"></div>{budget_table(page.run)}'
    )


BUDGET = Section("budget", "Cost", "What it cost", _body, script=ASSETS / "budget.js")
