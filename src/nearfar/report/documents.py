"""A run's results as a table for a manuscript or a notebook: Markdown, LaTeX, HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nearfar.numbers import precise
from nearfar.report.load import (
    Run,
    against,
    comparison_of,
    is_baseline,
    metric_of,
    other_baseline,
    over_seeds,
    own_unit,
    read_run,
    recommended,
)
from nearfar.report.wording import (
    MISSING,
    difference,
    finite,
    higher_is_better,
    interval,
    mean_std,
    metric_name,
    number,
    verdict_name,
)


@dataclass(frozen=True)
class ResultTable:
    """Cells of text: ``rows`` under ``headings``, the first column of arms.

    ``used`` are the numbers of the rows that are recommended.
    """

    title: str
    headings: list[str]
    rows: list[list[str]]
    used: frozenset[int]
    note: str
    answer: str


def result_table(folder: Path) -> ResultTable:
    """Return the primary metric of every arm under every condition, and how it compares.

    Raises:
        UserError: ``folder`` is no finished run.
    """
    run = read_run(folder)
    summary = run.summary
    arms = sorted(summary["arms"], key=lambda arm: arm.get("order", 0))
    placed = any(arm.get("condition") for arm in arms)
    several = len({run.target_of(arm) for arm in arms}) > 1
    own = own_unit(run) if summary.get("unit") == "z" else ""
    unit = str(summary.get("unit") or "")
    headings = [
        "arm",
        *["condition"] * placed,
        *["target"] * several,
        f"test {metric_name(summary['metric'])}{f', {unit}' if unit else ''}",
        *["in its own unit" if own == "target" else own] * bool(own),
        against(run),
        "95% interval",
        "verdict",
    ]
    rows = [_cells(run, arm, placed=placed, several=several, own=bool(own)) for arm in arms]
    used = frozenset(k for k, arm in enumerate(arms) if recommended(run, arm))
    title = f"{summary.get('title') or summary['study']} ({summary.get('profile', '')})"
    return ResultTable(title, headings, rows, used, _note(run), str(summary.get("answer") or ""))


def _cells(
    run: Run, arm: Mapping[str, Any], *, placed: bool, several: bool, own: bool
) -> list[str]:
    metric, scaled = run.summary["metric"], run.summary.get("unit") == "z"
    comparison = comparison_of(run, arm) or {}
    done = arm.get("status", "done") == "done"
    mean = mean_std(metric_of(arm, "test", metric, scaled=scaled)) if done else str(arm["status"])
    entry = metric_of(arm, "test", metric, scaled=False)
    other = other_baseline(run, comparison) if comparison else ""
    verdict = verdict_name(str(comparison.get("verdict") or ""))
    return [
        str(arm["arm"]),
        *[str(arm.get("condition") or "")] * placed,
        *[run.target_of(arm)] * several,
        mean,
        *[number(entry["mean"]) if entry else MISSING] * own,
        difference(comparison)
        if comparison
        else ("baseline" if is_baseline(run, arm) else MISSING),
        interval(comparison, signed=True),
        f"{verdict} ({other})" if other and verdict else verdict,
    ]


def _note(run: Run) -> str:
    better = "higher" if higher_is_better(run.summary) else "lower"
    size = finite((run.summary.get("margin") or {}).get("size"))
    parts = [
        f"Mean ± sample deviation over {over_seeds(run.summary['arms'], 'training')}; "
        f"{better} is better",
        "intervals unadjusted, verdicts Holm-adjusted within families",
        f"no relevant difference: within ±{precise(size)}" if size is not None else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def to_markdown(folder: Path) -> str:
    """Return a run's table in GitHub's Markdown, its answer below; all texts are escaped.

    Raises:
        UserError: ``folder`` is no finished run.
    """
    table = result_table(folder)
    number_columns = set(_number_columns(table))
    rule = ["---:" if k in number_columns else "---" for k in range(len(table.headings))]
    cells = [
        [f"**{cell}**" if k in table.used and not column else cell for column, cell in row]
        for k, row in enumerate([list(enumerate(map(_markdown, row))) for row in table.rows])
    ]
    lines = ["| " + " | ".join(row) + " |" for row in [[*map(_markdown, table.headings)], rule]]
    lines += ["| " + " | ".join(row) + " |" for row in cells]
    parts = [f"**{_markdown(table.title)}**", "\n".join(lines), _markdown(table.note)]
    return "\n\n".join([*parts, _markdown(table.answer)]).strip() + "\n"


def to_latex(folder: Path) -> str:
    """Return a run's table in LaTeX, for ``booktabs``; all texts are escaped.

    Signs and Greek letters are commands that every engine has; other letters stay as they are.

    Raises:
        UserError: ``folder`` is no finished run.
    """
    table = result_table(folder)
    numbers = set(_number_columns(table))
    columns = "".join("r" if k in numbers else "l" for k in range(len(table.headings)))
    rows = [
        [
            rf"\textbf{{{_latex(cell)}}}" if k in table.used and not j else _latex(cell)
            for j, cell in enumerate(row)
        ]
        for k, row in enumerate(table.rows)
    ]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_latex(table.title)}. {_latex(table.note)}}}",
            rf"  \begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            f"    {' & '.join(map(_latex, table.headings))} \\\\",
            r"    \midrule",
            *(f"    {' & '.join(row)} \\\\" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def to_html(folder: Path) -> str:
    """Return a run's table and answer as a piece of HTML for notebooks, light or dark.

    It has no script and loads nothing; colours are the notebook's own. All texts are escaped.

    Raises:
        UserError: ``folder`` is no finished run.
    """
    table = result_table(folder)
    numbers = set(_number_columns(table))

    def cell(tag: str, text: str, k: int, *, bold: bool = False) -> str:
        side = "right" if k in numbers else "left"
        weight = ";font-weight:600" if bold else ""
        return f'<{tag} style="text-align:{side};padding:2px 10px{weight}">{escape(text)}</{tag}>'

    head = "".join(cell("th", text, k) for k, text in enumerate(table.headings))
    body = "".join(
        "<tr>"
        + "".join(cell("td", text, j, bold=k in table.used) for j, text in enumerate(row))
        + "</tr>"
        for k, row in enumerate(table.rows)
    )
    return (
        '<div style="color:inherit;background:transparent;overflow-x:auto">'
        f"<p><b>{escape(table.title)}</b></p>"
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
        f'<p style="opacity:.75"><small>{escape(table.note)}</small></p>'
        f"<p>{escape(table.answer)}</p></div>"
    )


def _number_columns(table: ResultTable) -> list[int]:
    """Return which columns are of numbers: those from the metric to the interval."""
    first = next(k for k, name in enumerate(table.headings) if name.startswith("test "))
    return [*range(first, len(table.headings) - 1)]


FORMATS: dict[str, Callable[[Path], str]] = {"md": to_markdown, "latex": to_latex}
"""What ``nearfar report --to`` writes."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_SPACES = re.compile(r"\s+")


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _SPACES.sub(" ", text)).strip()


_GREEK = re.compile(
    "GREEK (?:SMALL LETTER (ALPHA|BETA|GAMMA|DELTA|EPSILON|ZETA|ETA|THETA|IOTA|KAPPA|LAMDA|NU|XI|PI"
    "|RHO|SIGMA|TAU|UPSILON|PHI|CHI|PSI|OMEGA)"
    "|CAPITAL LETTER (GAMMA|DELTA|THETA|LAMDA|XI|PI|SIGMA|PHI|PSI|OMEGA))"
)
"""What Unicode calls the letters that LaTeX has a command for."""
_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': r"\char34{}",
    "±": r"\ensuremath{\pm}",
    "−": r"\ensuremath{-}",
    "–": "--",
    "≈": r"\ensuremath{\approx}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "→": r"\ensuremath{\rightarrow}",
    "²": r"\ensuremath{^2}",
    "³": r"\ensuremath{^3}",
    "µ": r"\ensuremath{\mu}",
    "μ": r"\ensuremath{\mu}",
    "°": r"\ensuremath{^\circ}",
    "…": r"\ldots{}",
    "∞": r"\ensuremath{\infty}",
    "≠": r"\ensuremath{\neq}",
    "√": r"\ensuremath{\surd}",
    "◀": r"\ensuremath{\triangleleft}",
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
}
_OPTION = ("[", "*")
"""What would be an argument of the end of the row before."""


def _latex(text: str) -> str:
    written = "".join(map(_latex_sign, _SPACES.sub(" ", text))).strip()
    return f"{{}}{written}" if written.startswith(_OPTION) else written


def _latex_sign(sign: str) -> str:
    greek = _GREEK.fullmatch(unicodedata.name(sign, ""))
    if sign in _LATEX or greek is None:
        return _LATEX.get(sign, sign)
    name = (greek[1] or greek[2]).lower().replace("lamda", "lambda")
    return rf"\ensuremath{{\{name if greek[1] else name.capitalize()}}}"
