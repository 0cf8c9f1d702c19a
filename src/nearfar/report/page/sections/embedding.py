"""The arms' features in two dimensions."""

from typing import Any

from nearfar.report.page.panel import ASSETS, PageContext, Section

_HTML = (
    '<p class="about">Each arm’s features in two dimensions (t-SNE): neighbours are alike to the '
    "encoder; distances between far groups mean little. Large dots are test rows. Point at one to "
    "see it.</p>"
    '<div class="controls" id="embedding-controls"></div>'
    '<div class="grid wide" id="embedding-plots"></div>'
    '<p class="missing" id="embedding-missing"></p>'
)


def _body(page: PageContext) -> str:
    return _HTML


def _data(page: PageContext) -> Any:
    """For every arm ``[map, seed]``, or in words why there is none."""
    return page.feature_maps["arms"]


EMBEDDING = Section(
    "embedding", "Embedding", "What the encoders see", _body, _data, ASSETS / "embedding.js"
)
