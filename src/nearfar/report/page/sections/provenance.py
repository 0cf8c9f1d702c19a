"""Where the numbers come from: versions, data, machine and the resolved study."""

from html import escape
from typing import Any

from nearfar.report.load import Run
from nearfar.report.page.panel import PageContext, Section


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


def _body(page: PageContext) -> str:
    return _provenance(page.run)


PROVENANCE = Section("provenance", "Provenance", "Provenance", _body)
