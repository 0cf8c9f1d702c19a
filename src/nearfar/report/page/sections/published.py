"""Published numbers beside measured ones."""

from __future__ import annotations

from html import escape
from typing import Any

from nearfar.report.load import Run, arm_label
from nearfar.report.page.html import _cell, _head, _scroll, verdict
from nearfar.report.page.panel import PageContext, Section
from nearfar.report.wording import metric_name, number, percent


def published_section(run: Run) -> str:
    """Published against measured, and the source's claims; empty if the study has neither."""
    rows = run.summary.get("published") or []
    claims = run.summary.get("claims") or []
    if not rows and not claims:
        return ""
    html = ""
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
    return html


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


def _body(page: PageContext) -> str:
    return published_section(page.run)


PUBLISHED = Section("published", "Published", "Published and measured", _body)
