"""The panels of the page, in their order. Another panel is another line here."""

from nearfar.references import referred
from nearfar.report.page.panel import Panel

SECTIONS = (
    "results:RESULTS",
    "arms:ARMS",
    "seeds:SEEDS",
    "uncertainty:UNCERTAINTY",
    "conditions:CONDITIONS",
    "targets:TARGETS",
    "published:PUBLISHED",
    "choices:CHOICES",
    "classes:CLASSES",
    "confusion:CONFUSION",
    "reconstructions:RECONSTRUCTIONS",
    "curves:CURVES",
    "predictions:PREDICTIONS",
    "embedding:EMBEDDING",
    "training:TRAINING",
    "representations:REPRESENTATIONS",
    "worst:WORST",
    "examples:EXAMPLES",
    "budget:BUDGET",
    "provenance:PROVENANCE",
)

PANELS: tuple[Panel, ...] = tuple(
    referred(f"nearfar.report.page.sections.{section}") for section in SECTIONS
)
