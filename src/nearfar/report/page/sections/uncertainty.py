"""What the error of a difference consists of: tested rows, and the noise of training."""

from collections.abc import Mapping
from typing import Any

from nearfar.report.load import Run
from nearfar.report.page.bars import bar
from nearfar.report.page.explained import FRESH
from nearfar.report.page.html import _cell, _head, _row_head, _scroll
from nearfar.report.page.panel import PageContext, Section
from nearfar.report.wording import count, difference, finite, number, whole_percents

QUESTION = "question"

_COLUMNS = [
    ("arm", "", ""),
    ("against", "", ""),
    ("difference", "± standard error", "n"),
    ("tested rows · noise of training", "of the squared error", "chances"),
    ("trainings", "", "n"),
    ("rows", "or groups, tested", "n"),
]


def uncertainty_section(run: Run) -> str:
    """A line for every comparison of the question; empty where nothing was tested."""
    body = "".join(
        f"<tr>{_row(run, comparison)}</tr>"
        for comparison in run.summary.get("comparisons") or []
        if comparison.get("family") == QUESTION and shares_of(comparison)
    )
    if not body:
        return ""
    again = (
        f"It counts {FRESH} times, for the training rows that one data set cannot show. More "
        "trainings shrink it only as far as they test rows that were not tested yet; then only "
        "more rows do."
        if run.summary.get("resplit")
        else "It is about this split. Only more test rows shrink it."
    )
    return (
        '<p class="about">The squared standard error of a difference is a sum of two parts. The '
        f"first is owed to the rows that happened to be tested. {again} The second is the noise of "
        "training, from initial weights and the order of rows: more trainings shrink it. Where a "
        "metric has no scores of single rows, all counts as the first.</p>"
        + _scroll(_head(_COLUMNS), body, "uncertain")
    )


def shares_of(comparison: Mapping[str, Any]) -> tuple[float, float] | None:
    """The shares of rows and of training noise in the squared error; None where it is not known.

    The noise is ``training``·``spread``/``n`` of the comparison's ``parts``; the rest is the rows'.
    """
    parts, error = comparison.get("parts") or {}, finite(comparison.get("error"))
    training, spread = finite(parts.get("training")), finite(parts.get("spread"))
    n = finite(parts.get("n"))
    if not error or training is None or spread is None or not n:
        return None
    noise = min(training * spread / n / error**2, 1.0)
    return 1 - noise, noise


def _row(run: Run, comparison: dict[str, Any]) -> str:
    parts = comparison["parts"]
    label = {"label": comparison["arm"]} if run.reference is not None else {}
    shares = shares_of(comparison) or (0.0, 0.0)
    rows, noise = whole_percents(shares)
    words = f"tested rows {rows}%, noise of training {noise}%"
    drawn = bar(list(zip(("rows", "noise"), shares, strict=True)), words)
    return (
        _row_head(comparison | label)
        + _cell(str(comparison["against"]), kind="")
        + _cell(
            difference(comparison),
            f"± {number(comparison.get('error'))}",
        )
        + f'<td class="chances">{drawn}<small aria-hidden="true">{rows} · {noise} %</small></td>'
        + _cell(count(parts.get("n")))
        + _cell(count(parts.get("units")))
    )


def _body(page: PageContext) -> str:
    return uncertainty_section(page.run)


UNCERTAINTY = Section("uncertainty", "Uncertainty", "What the uncertainty consists of", _body)
