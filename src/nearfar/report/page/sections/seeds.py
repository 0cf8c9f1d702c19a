"""Every seed of every arm, and its difference to the arm it is compared with."""

from nearfar.report.page.panel import ASSETS, PageContext, Section

_HTML = (
    '<p class="about">A dot is one seed, the tick the mean, the bar its 95% interval, unadjusted. '
    "Arms share splits, so differences are taken seed by seed. Controls do not set the scale; what "
    "lies beyond it stands at the edge. Point at a dot to follow its seed through the arms.</p>"
    '<div class="controls" id="seeds-controls"></div><div id="seeds-plots"></div>'
)


def _body(page: PageContext) -> str:
    return _HTML


SEEDS = Section("seeds", "Seeds", "Every seed", _body, script=ASSETS / "seeds.js")
