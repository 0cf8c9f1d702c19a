"""The page: everything in one file, with nothing fetched from anywhere."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from nearfar.records import write_atomically
from nearfar.report.load import Run, read_run, seed_counts
from nearfar.report.page.panel import ASSETS, PageContext, Panel
from nearfar.report.page.panels import PANELS
from nearfar.report.page.payload import payload
from nearfar.report.wording import metric_name

_LIBRARY = (
    "core.js",
    "axes.js",
    "points.js",
    "class_colours.js",
    "maps.js",
    "thumbnails.js",
    "card.js",
)
"""Scripts that panels share; panels bring their own."""


def write_report(run: Path) -> Path:
    """Write ``report.html`` from the run folder and its stages, and return its path.

    The file appears whole or not at all. Maps of features are kept in ``embeddings.npz``.

    Raises:
        UserError: ``run`` is not the folder of a finished run.
    """
    path = run / "report.html"
    write_atomically(path, render(read_run(run)))
    return path


def render(run: Run, panels: Sequence[Panel] = PANELS) -> str:
    """The page as text."""
    summary = run.summary
    page = PageContext(run)
    found = [(panel, panel.html(page)) for panel in panels]
    there = [panel for panel, html in found if html]
    data = payload(page)
    data["panels"] = {panel.id: panel.data(page) for panel in there}
    style = _asset("style.css")
    script = _script(there)
    title = str(summary.get("title") or summary["study"])
    words = {
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "data": script_json(data),
        "title": escape(f"{title} · nearfar"),
        "heading": escape(title),
        "question": escape(str(summary.get("question") or title)),
        "answer": escape(str(summary.get("answer") or "")),
        "badges": _badges(run),
        "setting": escape(_setting(run)),
        "notes": _notes(run),
        "jump": " ".join(map(_jump, there)).strip(),
        "panels": "\n\n".join(html for _, html in found if html),
    }
    return Template(_asset("page.html")).substitute(words)


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _script(panels: Sequence[Panel]) -> str:
    """Shared scripts, then each panel's with names of its own, then what starts them."""
    parts = [_asset(name) for name in _LIBRARY]
    for panel in panels:
        if panel.script is not None:
            parts.append("(() => {\n" + panel.script.read_text(encoding="utf-8") + "})();\n")
    return '"use strict";\n(() => {\n' + "\n".join([*parts, _asset("main.js")]) + "})();\n"


def _jump(panel: Panel) -> str:
    return f'<a href="#{escape(panel.id)}">{escape(panel.jump)}</a>' if panel.jump else ""


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


def _division(summary: Mapping[str, Any]) -> str:
    """How rows are divided into parts, in a few words."""
    folds, seeds = summary.get("folds") or 0, summary.get("seeds") or []
    if not folds:
        return "split anew for every seed" if summary.get("resplit") else "one fixed split"
    fewest, most = seed_counts(summary["arms"])
    if fewest < most:
        return f"{folds} folds, {fewest} to {most} trainings an arm"
    if len(seeds) < folds:
        return f"{len(seeds)} of {folds} folds tested"
    rotations = Counter(seed // folds for seed in seeds)
    whole = all(count == folds for count in rotations.values())
    times = "once" if len(seeds) == folds else f"{len(seeds) / folds:g} times"
    tested = f"each row tested {times}" if whole else f"rows tested {times} on average"
    return f"{folds} folds, {tested}"


def _setting(run: Run) -> str:
    summary = run.summary
    rows = summary.get("rows") or {}
    seeds = summary.get("seeds") or []
    parts = []
    if rows:
        parts.append(f"{sum(rows.values()):,} rows")
        parts.append(", ".join(f"{count:,} {part}" for part, count in rows.items()))
    parts.append(_division(summary))
    parts.append(f"{len(seeds)} seed{'s' if len(seeds) != 1 else ''}")
    targets = [target.replace("_", " ") for target in run.several or run.targets if target]
    plural = "s" if len(targets) > 1 else ""
    parts.append(f"target{plural} {', '.join(targets)}" if targets else "")
    parts.append(f"verdicts on test {metric_name(summary['metric'])}")
    return " · ".join(part for part in parts if part)
