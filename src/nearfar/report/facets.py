"""Small panels of a study with conditions: which lines each has, and what their cells say."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nearfar.records.conditions import joined, longest_axis, pairs_of, varying
from nearfar.report.load import Run, first_comparison, metric_of
from nearfar.report.wording import VERDICT_SIGNS, mean_std


@dataclass(frozen=True)
class Facet:
    """Conditions that differ along one axis alone.

    ``arms`` maps every arm's name to its entries of ``summary.json``, one for each of ``values``,
    None where it was not run there.
    """

    title: str
    axis: str
    values: list[str]
    arms: dict[str, list[dict[str, Any] | None]]
    conditions: list[str]


def facets(run: Run) -> list[Facet]:
    """Return the run's conditions, laid along their longest axis; empty where there is one."""
    entries = run.summary["arms"]
    conditions = list(dict.fromkeys(str(entry.get("condition", "")) for entry in entries))
    axes, along = varying(conditions), longest_axis(conditions)
    if along is None:
        return []
    others = {axis: values for axis, values in axes.items() if axis != along}
    place = {(e["arm"], str(e.get("condition", ""))): e for e in entries}
    names = list(dict.fromkeys(arm["arm"] for arm in run.arms))
    fixed = {a: v for a, v in pairs_of(conditions[0]).items() if a not in axes}
    found = []
    for labels in itertools.product(*others.values()):
        here = dict(zip(others, labels, strict=True))
        at = [joined({**fixed, **here, along: value}) for value in axes[along]]
        arms = {name: [place.get((name, condition)) for condition in at] for name in names}
        there = {name: row for name, row in arms.items() if any(row)}
        title = ", ".join(f"{axis} {value}" for axis, value in here.items())
        if there:
            found.append(Facet(title, along, axes[along], there, at))
    return found


def _entry(run: Run, arm: Mapping[str, Any] | None) -> dict[str, Any]:
    if arm is None:
        return {}
    scaled = run.summary.get("unit") == "z"
    return metric_of(arm, "test", run.summary["metric"], scaled=scaled) or {}


def cell_text(run: Run, facet: Facet, arm: str, k: int) -> str:
    """Return an arm's mean ± deviation under the facet's ``k``-th condition, verdict's sign last.

    Empty where it was not run; its state where seeds were lost.
    """
    entry = facet.arms[arm][k]
    if entry is None:
        return ""
    status = str(entry.get("status", "done"))
    text = mean_std(_entry(run, entry)) if status == "done" else status
    return f"{text} {VERDICT_SIGNS.get(_verdict(run, arm, facet.conditions[k]), '')}".rstrip()


def _verdict(run: Run, arm: str, condition: str) -> str:
    return str((first_comparison(run, arm, condition) or {}).get("verdict", ""))
