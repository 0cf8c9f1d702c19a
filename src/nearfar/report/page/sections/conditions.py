"""How the primary metric goes along the axes of conditions: curves, tables and a line an arm."""

from html import escape
from typing import Any

from nearfar.report.facets import Facet, _entry, _verdict, cell_text, facets
from nearfar.report.load import Run, first_comparison
from nearfar.report.page.html import verdict
from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.wording import (
    GROUP_NAMES,
    VERDICT_SIGNS,
    finite,
    metric_name,
    verdict_name,
)


def conditions_section(run: Run) -> str:
    """Return room for the curves, tables and sentences; empty where there is one condition."""
    found = facets(run)
    if not found:
        return ""
    metric = metric_name(run.summary["metric"])
    tables = "".join(_table(run, facet) for facet in found)
    return (
        f'<p class="about">Mean test {escape(metric)}, with its 95% interval where there are three '
        "seeds or more; signs are verdicts against the arm’s baseline under the same condition. "
        'Controls stand in the table alone.</p><p class="legend" id="conditions-legend"></p>'
        f'<div class="grid" id="conditions-plots"></div>{tables}'
    )


def sentences(run: Run, facet: Facet) -> list[str]:
    """Return one line for every compared arm: under which conditions it got which verdict."""
    lines = []
    for arm in facet.arms:
        by_rival: dict[str, dict[str, list[str]]] = {}
        for value, condition in zip(facet.values, facet.conditions, strict=True):
            c = first_comparison(run, arm, condition)
            if c is not None:
                verdicts = by_rival.setdefault(str(c["against"]), {})
                verdicts.setdefault(verdict_name(str(c["verdict"])), []).append(value)
        for rival, verdicts in by_rival.items():
            summary_lines = "; ".join(
                f"{name} at {', '.join(values)}" if len(values) < len(facet.values) else name
                for name, values in verdicts.items()
            )
            lines.append(f"{arm} against {rival}: {summary_lines}")
    return lines


def _drawn(facet: Facet) -> list[str]:
    """The arms in the chart: all but controls, unless there is nothing else."""
    own = [
        name
        for name, row in facet.arms.items()
        if next(entry for entry in row if entry).get("group") != "control"
    ]
    return own or list(facet.arms)


def _chart(run: Run, facet: Facet) -> dict[str, Any]:
    """A facet as its script draws it: ``points`` are ``[mean, low, high]`` along the axis.

    ``of`` are the places of an arm among those of the page, more than one where the page has the
    arm under several conditions.
    """
    series = []
    for name in _drawn(facet):
        entries = [_entry(run, arm) for arm in facet.arms[name]]
        series.append(
            {
                "arm": name,
                "of": [place for place, arm in enumerate(run.arms) if arm["arm"] == name],
                "points": [
                    [finite(e.get(key)) for key in ("mean", "low", "high")] for e in entries
                ],
            }
        )
    axis = facet.axis.replace("_", " ")
    return {"title": facet.title, "axis": axis, "values": facet.values, "series": series}


def _table(run: Run, facet: Facet) -> str:
    head = "".join(f'<th class="n" scope="col">{escape(value)}</th>' for value in facet.values)
    axis = escape(facet.axis.replace("_", " "))
    body, group = "", None
    for name, row in facet.arms.items():
        own = next(entry for entry in row if entry).get("group", "")
        if own != group:
            group = own
            title = escape(GROUP_NAMES.get(group, group))
            body += f'<tr class="group"><td colspan="{len(row) + 1}">{title}</td></tr>'
        cells = "".join(_cell(run, facet, name, k) for k in range(len(row)))
        body += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    summary_lines = "<br>".join(escape(f"{line}.") for line in sentences(run, facet))
    title = f"<h3>{escape(facet.title)}</h3>" if facet.title else ""
    return (
        f'{title}<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">arm'
        f"<small>along {axis}</small></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="reading">{summary_lines}</p>'
    )


def _cell(run: Run, facet: Facet, arm: str, k: int) -> str:
    word = _verdict(run, arm, facet.conditions[k])
    small = f"<small>{verdict(word)}</small>"
    text = cell_text(run, facet, arm, k).rstrip("".join(VERDICT_SIGNS.values()))
    return f'<td class="n">{escape(text)}{small if word else ""}</td>'


def _body(page: PageContext) -> str:
    return conditions_section(page.run)


def _data(page: PageContext) -> list[dict[str, Any]]:
    return [_chart(page.run, facet) for facet in facets(page.run)]


CONDITIONS = Section(
    "conditions", "Conditions", "Under every condition", _body, _data, ASSETS / "conditions.js"
)
