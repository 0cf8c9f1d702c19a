"""Predicted against true, where numbers are predicted."""

from nearfar.report.page.panel import ASSETS, PageContext, Section

_HTML = (
    '<p class="about">Test rows only: true values across, predicted ones upwards. Point at one to '
    "see it; it is ringed in every panel. A triangle at the edge lies beyond it.</p>"
    '<div class="controls" id="predictions-controls"></div>'
    '<div class="grid" id="predictions-plots"></div>'
)


def _body(page: PageContext) -> str:
    return "" if page.run.summary.get("classes") else _HTML


PREDICTIONS = Section(
    "predictions", "Predictions", "Predicted against true", _body, script=ASSETS / "predictions.js"
)
