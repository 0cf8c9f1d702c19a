"""Which modules of a user's own a stage needs, as its specification names them."""

from collections.abc import Sequence
from typing import Any

from nearfar.data.catalogue import SOURCES
from nearfar.encoders import ENCODERS
from nearfar.extensions import Registry
from nearfar.heads import HEADS
from nearfar.metrics import METRICS
from nearfar.objectives import OBJECTIVES

REGISTRIES: dict[str, Registry[Any]] = {
    "source": SOURCES,
    "encoder": ENCODERS,
    "objective": OBJECTIVES,
    "head": HEADS,
    "metric": METRICS,
}


def modules_of(**parts: str | Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Return the modules, names and versions, of parts that do not come with nearfar.

    Args:
        parts: the name of the stage's ``source``, ``encoder``, ``objective``, ``head`` and
            ``metric``, None where it has none, or several.
    """
    origins = (
        REGISTRIES[kind].origin(name)
        for kind, given in parts.items()
        for name in ([given] if isinstance(given, str) else given or ())
    )
    found = {origin.module: origin.version for origin in origins if origin is not None}
    return tuple(found.items())


def own_metric(metric: str) -> str | None:
    """Return a metric that does not come with nearfar, None for one that does."""
    return metric if METRICS.origin(metric) else None
