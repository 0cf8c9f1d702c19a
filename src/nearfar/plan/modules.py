"""Which modules of a user's own a stage needs, as its specification names them."""

from collections.abc import Mapping
from typing import Any

from nearfar.data.catalogue import SOURCES
from nearfar.encoders import ENCODERS
from nearfar.extensions import Origin
from nearfar.heads import HEADS
from nearfar.metrics import METRICS
from nearfar.objectives import OBJECTIVES
from nearfar.plan.specs import chosen


def modules_of(spec: Mapping[str, Any], source: str, metric: str, encoder: str = "") -> Any:
    """Return what a specification says beside ``spec`` of parts that do not come with nearfar.

    ``modules``, name → version, and of a fit ``metric`` where this is such a part; nothing where
    every part is built in. ``encoder`` is the one that a fit starts from.
    """
    found = [SOURCES.origin(source), ENCODERS.origin(encoder) if encoder else None]
    if "encoder" in spec:
        found.append(ENCODERS.origin(chosen(spec["encoder"])[0]))
    if "objective" in spec:
        found.append(OBJECTIVES.origin(chosen(spec["objective"])[0]))
    measured: dict[str, Any] = {}
    if "head" in spec:
        found.append(HEADS.origin(chosen(spec["head"])[0]))
        if own := METRICS.origin(metric):
            found.append(own)
            measured["metric"] = metric
    modules = _versions([origin for origin in found if origin is not None])
    return {**measured, "modules": modules} if modules else {}


def _versions(origins: list[Origin]) -> dict[str, str]:
    return {origin.module: origin.version for origin in origins}
