"""Cards of the test rows with the largest errors, where numbers are predicted."""

from nearfar.report.page.panel import ASSETS, PageContext, Section

_HTML = (
    '<p class="about">Test rows with the largest error, averaged over the seeds that tested them. '
    "The strip shows the truth (tick) and the arms’ predictions (dots).</p>"
    '<div class="controls" id="worst-controls"></div><div class="cards" id="worst-cards"></div>'
)


def _body(page: PageContext) -> str:
    return "" if page.run.summary.get("classes") else _HTML


WORST = Section("worst", "Worst", "Worst predictions", _body, script=ASSETS / "worst.js")
