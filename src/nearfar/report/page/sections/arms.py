"""Which arms the plots show: a line that stays in sight, with a button for every arm."""

from dataclasses import dataclass
from importlib.resources.abc import Traversable

from nearfar.report.page.panel import ASSETS, PageContext

_HTML = (
    '<nav class="arms" id="arms" aria-label="Arms shown in the plots">'
    '<span class="arms-title">Arms</span> <div class="chips" id="chips"></div> '
    '<button type="button" class="small" id="arms-all">all</button> '
    '<button type="button" class="small" id="arms-none">none</button></nav>'
)


@dataclass(frozen=True)
class Arms:
    """A panel without a heading: nothing is to be read in it."""

    id: str = "arms"
    jump: str = ""
    script: Traversable | None = ASSETS / "arms.js"

    def html(self, page: PageContext) -> str:
        """An empty line; the script fills it."""
        return _HTML

    def data(self, page: PageContext) -> None:
        """The arms are known to every script."""


ARMS = Arms()
