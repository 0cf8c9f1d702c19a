"""The page: everything in one file, with nothing fetched from anywhere."""

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from nearfar.records import write_atomically
from nearfar.report.load import Run, read_run
from nearfar.report.page.payload import payload, styles
from nearfar.report.page.rows import read_arm_predictions, shown_rows
from nearfar.report.page.sections.choices import choices_section
from nearfar.report.page.sections.classes import recall_section
from nearfar.report.page.sections.conditions import conditions_section
from nearfar.report.page.sections.confusion import confusion_section
from nearfar.report.page.sections.published import published_section
from nearfar.report.page.sections.reconstructions import reconstructions_section
from nearfar.report.page.sections.representations import representations_section
from nearfar.report.page.sections.results import (
    all_metrics_table,
    budget_table,
    comparisons_table,
    results_table,
)
from nearfar.report.page.sections.targets import targets_section
from nearfar.report.wording import metric_name

_SCRIPTS = (
    "core.js",
    "axes.js",
    "seeds.js",
    "curves.js",
    "panels.js",
    "class_colours.js",
    "embedding.js",
    "training.js",
    "representations.js",
    "thumbnails.js",
    "cards.js",
    "cost.js",
    "main.js",
)
_WORDS = {
    "mean ± deviation": "over the seeds that an arm shares with all others; sample deviation "
    "(n − 1).",
    "95% interval": "from the t distribution; where splits are drawn anew for each seed, widened "
    "for their overlap (Nadeau and Bengio, 2003). It is not adjusted for the number of arms.",
    "better, worse": "the paired difference to the baseline is significant at 5% after Holm’s "
    "adjustment over the study’s comparisons.",
    "equivalent": "within the study’s margin, by two one-sided tests.",
    "undecided": "neither: these seeds cannot tell. It does not mean that there is no difference.",
    "withheld": "a seed diverged or failed, so there is no mean and no test.",
    "z-scored": "in deviations of the training part’s target.",
}


def write_report(run: Path) -> Path:
    """Write ``report.html`` from the run folder and its stages, and return its path.

    The file appears whole or not at all. Maps of features are kept in ``embeddings.npz``.

    Raises:
        UserError: ``run`` is not the folder of a finished run.
    """
    path = run / "report.html"
    write_atomically(path, render(read_run(run)))
    return path


def render(run: Run) -> str:
    """The page as text."""
    summary = run.summary
    assets = files("nearfar.report") / "assets"
    style = (assets / "style.css").read_text(encoding="utf-8")
    parts = [(assets / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    predicted = read_arm_predictions(run, next(iter(run.several), ""))
    shown = shown_rows(run, predicted)
    sections = {
        "targets": targets_section(run),
        "conditions": conditions_section(run, _styles(run)),
        "published": published_section(run),
        "chosen": choices_section(run),
        "classes": recall_section(predicted),
        "confusion": confusion_section(predicted, shown, pictured=bool(run.samples.thumbnails)),
        "reconstructions": reconstructions_section(run),
    }
    representations = representations_section(run)
    title = str(summary.get("title") or summary["study"])
    words = {
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "data": script_json(payload(run, predicted, shown)),
        "title": escape(f"{title} · nearfar"),
        "heading": escape(title),
        "question": escape(str(summary.get("question") or title)),
        "answer": escape(str(summary.get("answer") or "")),
        "badges": _badges(run),
        "setting": escape(_setting(run)),
        "notes": _notes(run),
        "results_about": escape(_results_about(run)),
        "results": results_table(run),
        "all_metrics": comparisons_table(run) + all_metrics_table(run),
        "reading": _reading(),
        **sections,
        "jump": _jump(sections),
        "representations": representations,
        "jump_on": _jump({"representations": representations}),
        "budget": budget_table(run),
        "provenance": _provenance(run),
    }
    return Template((assets / "page.html").read_text(encoding="utf-8")).substitute(words)


def _styles(run: Run) -> dict[str, dict[str, Any]]:
    """How each arm is drawn, by its name; under several conditions as under the first."""
    found: dict[str, dict[str, Any]] = {}
    for arm, style in zip(run.arms, styles(run), strict=True):
        found.setdefault(arm["arm"], style)
    return found


def _jump(sections: Mapping[str, str]) -> str:
    there = [name for name, html in sections.items() if html]
    return "".join(f'<a href="#{name}">{name.capitalize()}</a> ' for name in there)


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element: it cannot close it or open a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(style: str, script: str) -> str:
    """Nothing is loaded; only this style and this script run, whatever the data contain."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; script-src {source(script)}; style-src {source(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _notes(run: Run) -> str:
    notes = "".join(f"<p>{escape(str(note))}</p>" for note in run.summary.get("notes") or [])
    return f'<div class="note">{notes}</div>' if notes else ""


def _badges(run: Run) -> str:
    profile = str(run.summary.get("profile") or "")
    kind = "badge" if profile == "full" else "badge warn"
    badge = f'<span class="{kind}">{escape(profile)} profile</span>' if profile else ""
    return f'{badge}<span class="badge">{escape(str(run.summary["study"]))}</span>'


def _setting(run: Run) -> str:
    summary = run.summary
    rows = summary.get("rows") or {}
    seeds = summary.get("seeds") or []
    parts = []
    if rows:
        parts.append(f"{sum(rows.values()):,} rows")
        parts.append(", ".join(f"{count:,} {part}" for part, count in rows.items()))
    parts.append("split anew for every seed" if summary.get("resplit") else "one fixed split")
    parts.append(f"{len(seeds)} seed{'s' if len(seeds) != 1 else ''}")
    targets = [target.replace("_", " ") for target in run.several or run.targets if target]
    plural = "s" if len(targets) > 1 else ""
    parts.append(f"target{plural} {', '.join(targets)}" if targets else "")
    parts.append(f"verdicts on test {metric_name(summary['metric'])}")
    return " · ".join(part for part in parts if part)


def _results_about(run: Run) -> str:
    under = f"Under {run.place}; the other conditions follow below. " if run.place else ""
    if len(run.summary.get("seeds") or []) < 2:
        return f"{under}One seed: there is no deviation, no interval and no test."
    return under + (
        "Mean ± deviation over the seeds; below it, in brackets, the 95% interval, unadjusted for "
        "the number of arms. Every arm ran on the same splits and seeds."
    )


def _reading() -> str:
    words = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _WORDS.items())
    return f'<details><summary>How to read this</summary><dl class="words">{words}</dl></details>'


def _provenance(run: Run) -> str:
    html = _definitions(run.provenance) if run.provenance else "<p>Not recorded.</p>"
    if run.study:
        html += (
            "<details><summary>The resolved study (study.yaml)</summary>"
            f"<pre>{escape(run.study)}</pre></details>"
        )
    return html


def _definitions(values: dict[str, Any]) -> str:
    items = "".join(
        f"<dt>{escape(str(key).replace('_', ' '))}</dt><dd>{escape(_plain(value))}</dd>"
        for key, value in values.items()
    )
    return f'<dl class="words">{items}</dl>'


def _plain(value: Any) -> str:
    """A nested value as one line: ``key value`` pairs and lists, separated by commas."""
    if isinstance(value, dict):
        pairs = (f"{str(key).replace('_', ' ')} {_plain(item)}" for key, item in value.items())
        return ", ".join(pairs) or "none"
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
