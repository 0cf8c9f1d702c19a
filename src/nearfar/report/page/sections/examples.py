"""Cards of a few rows, spread over the target."""

from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.page.rows import example_rows

_HTML = '<p class="about" id="examples-about"></p><div class="cards" id="examples-cards"></div>'


def _body(page: PageContext) -> str:
    return _HTML


def _data(page: PageContext) -> list[list[int]]:
    """The rows, for each of a row's several targets or once."""
    return [example_rows(shown) for _, _, shown in page.by_target]


EXAMPLES = Section("examples", "Examples", "Example rows", _body, _data, ASSETS / "examples.js")
