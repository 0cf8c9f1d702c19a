"""Where a row has several targets: the numbers of each, beside the mean that is compared."""

from html import escape

from nearfar.report.load import Run
from nearfar.report.page.panel import PageContext, Section
from nearfar.report.page.sections.results import all_metrics_table, results_table


def targets_section(run: Run) -> str:
    """A table of results for every target; empty where a row has one."""
    if not run.several:
        return ""
    html = (
        '<p class="about">The study’s verdicts are on '
        "the mean over the targets. Here each is compared by itself; these p-values are adjusted "
        "among themselves.</p>"
    )
    for target in run.several:
        title = escape(target.replace("_", " "))
        html += f"<h3>{title}</h3>{results_table(run, target)}{all_metrics_table(run, target)}"
    return html


def _body(page: PageContext) -> str:
    return targets_section(page.run)


TARGETS = Section("targets", "Targets", "Each target", _body)
