"""The features of one encoder at several points of its training."""

from typing import Any

from nearfar.report.page.panel import ASSETS, PageContext, Section

_HTML = (
    '<p class="about">The features of one encoder at several points of its training, each map laid '
    "over the next as well as turning allows. Point at a row to follow it; colours and rows are "
    'those chosen above.</p><div id="training-stages"></div>'
)


def _body(page: PageContext) -> str:
    return _HTML


def _data(page: PageContext) -> Any:
    """Every stage with kept checkpoints: ``{stage, seed, arms, unit, at: [[k, map], …]}``."""
    return page.feature_maps["training"]


TRAINING = Section(
    "training", "Training", "The space while training", _body, _data, ASSETS / "training.js"
)
