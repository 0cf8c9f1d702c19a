"""The panels of the page, in their order. Another panel is another line here."""

from nearfar.report.page.panel import Panel
from nearfar.report.page.sections.arms import ARMS
from nearfar.report.page.sections.budget import BUDGET
from nearfar.report.page.sections.choices import CHOICES
from nearfar.report.page.sections.classes import CLASSES
from nearfar.report.page.sections.conditions import CONDITIONS
from nearfar.report.page.sections.confusion import CONFUSION
from nearfar.report.page.sections.curves import CURVES
from nearfar.report.page.sections.embedding import EMBEDDING
from nearfar.report.page.sections.examples import EXAMPLES
from nearfar.report.page.sections.predictions import PREDICTIONS
from nearfar.report.page.sections.provenance import PROVENANCE
from nearfar.report.page.sections.published import PUBLISHED
from nearfar.report.page.sections.reconstructions import RECONSTRUCTIONS
from nearfar.report.page.sections.representations import REPRESENTATIONS
from nearfar.report.page.sections.results import RESULTS
from nearfar.report.page.sections.seeds import SEEDS
from nearfar.report.page.sections.targets import TARGETS
from nearfar.report.page.sections.training import TRAINING
from nearfar.report.page.sections.worst import WORST

PANELS: tuple[Panel, ...] = (
    RESULTS,
    ARMS,
    SEEDS,
    CONDITIONS,
    TARGETS,
    PUBLISHED,
    CHOICES,
    CLASSES,
    CONFUSION,
    RECONSTRUCTIONS,
    CURVES,
    PREDICTIONS,
    EMBEDDING,
    TRAINING,
    REPRESENTATIONS,
    WORST,
    EXAMPLES,
    BUDGET,
    PROVENANCE,
)
