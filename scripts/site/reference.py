"""The reference's pages, made from the registries: a part that is added stands there by itself."""

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import nearfar.sklearn
from nearfar import encoders, heads, losses, metrics, objectives
from nearfar.data import augment

YEAR = re.compile(r"\b(?:19|20)\d\d\b|arXiv")


def pages() -> dict[str, str]:
    """Return the text of every page of parts, by its place in the site."""
    return {
        "api/encoders.md": _page(
            "Encoders", "A batch of inputs → features (b, `out_features`).", _of(encoders.ENCODERS)
        ),
        "api/objectives.md": _page(
            "Objectives",
            "What a stage minimises: `loss(batch)`.",
            _of(objectives.OBJECTIVES),
        ),
        "api/losses.md": _page("Losses", "Tensors in, scalar out.", _public(losses)),
        "api/heads.md": _page(
            "Heads",
            "Features (n, d) → predictions.",
            _of(heads.HEADS),
        ),
        "api/views.md": _page(
            "Views", "Augmentations of images (b, c, h, w) in [0, 1].", _of(augment.VIEWS)
        ),
        "api/sklearn.md": _page(
            "nearfar.sklearn", "Estimators of scikit-learn's kind.", _public(nearfar.sklearn)
        ),
        "api/metrics.md": _metrics(),
    }


def _of(parts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(parts.items())


def _public(module: ModuleType) -> list[tuple[str, Any]]:
    named = [(name, getattr(module, name)) for name in sorted(module.__all__)]
    return [
        (name, thing) for name, thing in named if callable(thing) and hasattr(thing, "__module__")
    ]


def _page(title: str, about: str, parts: Iterable[tuple[str, Any]]) -> str:
    sections = [
        f"## `{name}`\n\n{_source(thing)}::: {_place(thing)}\n    options: {{heading_level: 3}}\n"
        for name, thing in parts
        if getattr(thing, "__module__", "").startswith("nearfar")
    ]
    return "\n".join([f"# {title}\n", about, "", *sections])


def _source(thing: Any) -> str:
    """Return what the module says of where a part comes from, where the part itself does not."""
    module = inspect.getdoc(sys.modules[thing.__module__]) or ""
    if not YEAR.search(module) or YEAR.search(inspect.getdoc(thing) or ""):
        return ""
    return f"{module}\n\n"


def _place(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _metrics() -> str:
    lines = [
        "# Metrics",
        "",
        "What a study file's `metric` may be, and from what difference on a user would notice it.",
        "",
        "| name | on the page | without a margin of the study's own, the same is |",
        "| --- | --- | --- |",
    ]
    for name, metric in metrics.METRICS.items():
        same = metric.same
        amount = f"{same.amount:.0%} of the baseline's" if same.relative else f"{same.amount:g}"
        lines.append(
            f"| `{name}` | {metric.label}, {metric.better} is better | {amount}: {same.why} |"
        )
    return "\n".join(
        [*lines, "", "::: nearfar.metrics.Metric", "", "::: nearfar.metrics.Margin", ""]
    )
