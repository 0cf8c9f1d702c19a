"""The points of a study: its text at every combination of its axes, filled in and validated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nearfar.study.axes import SCORED, Varied, combinations
from nearfar.study.budgets import searching, settled
from nearfar.study.checks import impossible
from nearfar.study.mistakes import Mistakes
from nearfar.study.placeholders import fill, placeholders
from nearfar.study.resolved import Point, Resolved, Scoring
from nearfar.study.schema import Study, Test

TRAINED = {"compare", "condition", "choose"}
"""The roles of the axes that decide what is trained."""


@dataclass(frozen=True)
class Filled:
    """What stands somewhere in a study at one combination of the values of axes, not yet valid."""

    labels: dict[str, str]
    block: Any


@dataclass(frozen=True)
class Grid:
    """A study at all combinations of its axes, and its block ``test`` at those of score axes.

    Both are empty where the study refers to axes that are not there.
    """

    studies: list[Filled]
    tests: list[Filled]


@dataclass(frozen=True)
class Valid:
    """What of a grid is sound in itself."""

    points: list[Point]
    scorings: list[Scoring]

    @property
    def studies(self) -> list[Study]:
        """The studies at the points."""
        return [point.study for point in self.points]


def points_of(varied: Varied) -> Grid:
    """Fill in the values of the axes at all their combinations."""
    text, axes, blocks = varied.text, varied.axes, varied.blocks
    if not placeholders(blocks) <= {name for name, axis in axes.items() if axis.role != "repeat"}:
        return Grid([], [])
    tested = text.get(SCORED, {})
    return Grid(
        [Filled(c.labels, {**text, **fill(blocks, c.values)}) for c in combinations(axes, TRAINED)],
        [Filled(c.labels, fill(tested, c.values)) for c in combinations(axes, {"score"})],
    )


def validate(grid: Grid, varied: Varied, mistakes: Mistakes) -> Valid:
    """Check every combination by itself: each key, and what goes together with what."""
    scorings = [
        Scoring(filled.labels, test)
        for filled in grid.tests
        if (test := mistakes.validated(Test, filled.block, SCORED)) is not None
    ]
    tests = [scoring.test for scoring in scorings]
    first = tests[0].model_dump() if tests else {}
    points = []
    for filled in grid.studies:
        point = _point(filled.labels, {**filled.block, SCORED: first}, varied, mistakes)
        if point is not None:
            points.append(point)
            mistakes.add(impossible(point.study, tests))
    return Valid(points, scorings)


def point_at(resolved: Resolved, like: Point, values: Mapping[str, tuple[str, Any]]) -> Point:
    """Return another point of a study.

    Args:
        resolved: the study.
        like: a point that has the other axes' values.
        values: axis → label and value, of those that differ.

    Raises:
        UserError: the study is not sound there.
    """
    varied = resolved.varied
    key = repr((like.labels, values))
    if key in resolved.proposed:
        return resolved.proposed[key]
    labels = like.labels | {axis: label for axis, (label, _) in values.items()}
    known = {axis: varied.axes[axis].labelled().get(label) for axis, label in labels.items()}
    filled = fill(varied.blocks, known | {axis: value for axis, (_, value) in values.items()})
    test = {SCORED: resolved.scorings[0].test.model_dump()}
    where = ", ".join(f"{axis}={label}" for axis, (label, _) in values.items())
    mistakes = Mistakes(resolved.folder / f"at {where}")
    point = _point(labels, {**varied.text, **filled, **test}, varied, mistakes)
    if point is not None:
        mistakes.add(impossible(point.study, [scoring.test for scoring in resolved.scorings]))
    mistakes.add(_fractions(varied, values) if point is None else [])
    mistakes.refuse()
    assert point is not None
    resolved.proposed[key] = point
    return point


def _fractions(varied: Varied, values: Mapping[str, tuple[str, Any]]) -> list[str]:
    """Return how a range is one of whole numbers, where a point was refused that has others."""
    between = [name for name, (_, value) in values.items() if isinstance(value, float)]
    return [
        f"axes.{name}: is tried in whole numbers where both ends are written so: from: "
        f"{math.ceil(varied.axes[name].from_ or 0)}, to: {math.floor(varied.axes[name].to or 0)}"
        for name in between
        if (varied.axes[name].to or 0) - (varied.axes[name].from_ or 0) >= 1
    ]


def _point(
    labels: dict[str, str], filled: dict[str, Any], varied: Varied, mistakes: Mistakes
) -> Point | None:
    final = mistakes.validated(Study, {**settled(filled), "axes": varied.axes})
    if final is None or final.search is None or not varied.chosen:
        return None if final is None else Point(labels, final, final)
    if final.search.epochs is None:
        return Point(labels, final, final)
    stages = varied.text.get("stages", {}).items()
    changed = {name for name, stage in stages if placeholders(stage) & varied.chosen}
    sought = settled(searching(filled, changed, final.search.epochs))
    search = mistakes.validated(Study, {**sought, "axes": varied.axes})
    return None if search is None else Point(labels, final, search)
