"""How the primary metric goes along the axes of conditions: curves, tables and a line an arm."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nearfar.report.facets import Facet, _entry, _verdict, cell_text, facets
from nearfar.report.load import Run, first_comparison
from nearfar.report.page.html import verdict
from nearfar.report.wording import (
    GROUP_NAMES,
    VERDICT_SIGNS,
    finite,
    metric_name,
)

WIDTH, HEIGHT = 320, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40
TICKS = 4
NUDGE = 4.0
"""Pixels between the points of two arms at one place, so that their intervals do not hide."""


def conditions_section(run: Run, styles: Mapping[str, Mapping[str, Any]]) -> str:
    """Return curves with intervals, tables and sentences; empty where there is one condition.

    ``styles`` maps arms to how they are drawn (``figures.styles``).
    """
    found = facets(run)
    if not found:
        return ""
    metric = metric_name(run.summary["metric"])
    charts = "".join(_figure(run, facet, styles) for facet in found)
    tables = "".join(_table(run, facet) for facet in found)
    return (
        f'<section id="conditions"><h2>Under every condition</h2><p class="about">Mean test '
        f"{escape(metric)}, with its 95% interval where there are three seeds or more; signs are "
        "verdicts against the arm’s baseline under the same condition. Controls stand in the table "
        f'alone.</p>{_legend(found, styles)}<div class="grid">{charts}</div>{tables}</section>'
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
                verdicts.setdefault(str(c["verdict"]), []).append(value)
        for rival, verdicts in by_rival.items():
            said = "; ".join(
                f"{word} at {', '.join(values)}" if len(values) < len(facet.values) else word
                for word, values in verdicts.items()
            )
            lines.append(f"{arm} against {rival}: {said}")
    return lines


def _drawn(facet: Facet) -> list[str]:
    """The arms in the chart: all but controls, unless there is nothing else."""
    own = [
        name
        for name, row in facet.arms.items()
        if next(entry for entry in row if entry).get("group") != "control"
    ]
    return own or list(facet.arms)


def _legend(found: Sequence[Facet], styles: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for facet in found for name in _drawn(facet)))
    items = "".join(
        f'<span class="key"><svg class="swatch k{styles[name]["colour"]}" viewBox="0 0 26 12">'
        f'<line x1="0" y1="6" x2="26" y2="6" class="stroke" stroke-width="2"{_dash(styles[name])}/>'
        f'<circle cx="13" cy="6" r="4" class="ink"/></svg>{escape(name)}</span>'
        for name in names
    )
    return f'<p class="legend">{items}</p>'


def _dash(style: Mapping[str, Any]) -> str:
    return ' stroke-dasharray="5 3"' if style["repeat"] else ""


def _figure(run: Run, facet: Facet, styles: Mapping[str, Mapping[str, Any]]) -> str:
    names = _drawn(facet)
    entries = {name: [_entry(run, arm) for arm in facet.arms[name]] for name in names}
    bounds = [
        value
        for row in entries.values()
        for entry in row
        for key in ("mean", "low", "high")
        if (value := finite(entry.get(key))) is not None
    ]
    if not bounds:
        return ""
    low, high = min(bounds), max(bounds)
    margin = 0.06 * ((high - low) or abs(high) or 1.0)
    low, high = low - margin, high + margin

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    step = (WIDTH - LEFT - RIGHT) / max(len(facet.values), 1)
    drawn = _frame(facet, _ticks(low, high), y, step)
    for place, name in enumerate(names):
        shift = NUDGE * (place - (len(names) - 1) / 2)
        xs = [LEFT + step * (k + 0.5) + shift for k in range(len(facet.values))]
        drawn += _series(xs, entries[name], y, styles[name])
    title = f"<h3>{escape(facet.title)}</h3>" if facet.title else ""
    return (
        f'<div class="panel">{title}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"{facet.title} along {facet.axis}".strip())}">{drawn}</svg></div>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds, about ``TICKS`` of them."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _frame(facet: Facet, ticks: Sequence[float], y: Any, step: float) -> str:
    drawn = ""
    for tick in ticks:
        drawn += (
            f'<line class="gridline" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" '
            f'y2="{y(tick):.1f}"/><text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" '
            f'text-anchor="end">{tick:g}</text>'
        )
    for k, value in enumerate(facet.values):
        drawn += (
            f'<text x="{LEFT + step * (k + 0.5):.1f}" y="{HEIGHT - BOTTOM + 18}" '
            f'text-anchor="middle">{escape(value)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    return drawn + (
        f'<text class="title" x="{middle:.1f}" y="{HEIGHT - 5}" text-anchor="middle">'
        f"{escape(facet.axis.replace('_', ' '))}</text>"
    )


def _series(
    xs: Sequence[float], entries: Sequence[Mapping[str, Any]], y: Any, style: Mapping[str, Any]
) -> str:
    points, marks = [], ""
    for x, entry in zip(xs, entries, strict=True):
        mean, low, high = (finite(entry.get(key)) for key in ("mean", "low", "high"))
        if mean is None:
            continue
        points.append(f"{x:.1f},{y(mean):.1f}")
        if low is not None and high is not None:
            marks += (
                f'<line class="stroke interval" x1="{x:.1f}" x2="{x:.1f}" '
                f'y1="{y(low):.1f}" y2="{y(high):.1f}"/>'
            )
        marks += f'<circle class="ink edged" cx="{x:.1f}" cy="{y(mean):.1f}" r="4"/>'
    line = f'<polyline class="stroke" stroke-width="2"{_dash(style)} points="{" ".join(points)}"/>'
    return f'<g class="k{style["colour"]}">{line}{marks}</g>'


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
    said = "<br>".join(escape(f"{line}.") for line in sentences(run, facet))
    title = f"<h3>{escape(facet.title)}</h3>" if facet.title else ""
    return (
        f'{title}<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">arm'
        f"<small>along {axis}</small></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="reading">{said}</p>'
    )


def _cell(run: Run, facet: Facet, arm: str, k: int) -> str:
    word = _verdict(run, arm, facet.conditions[k])
    small = f"<small>{verdict(word)}</small>"
    text = cell_text(run, facet, arm, k).rstrip("".join(VERDICT_SIGNS.values()))
    return f'<td class="n">{escape(text)}{small if word else ""}</td>'
