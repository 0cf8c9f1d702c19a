"""``plan.json``: what a run's tables and summary need to know beside its stages and its study."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self


def is_of_other_run(stage: str) -> bool:
    """Tell whether a stage is ``pretrain:RUN/ARM``, which learnt from the rows of another run."""
    return stage.startswith("pretrain:") and "/" in stage


@dataclass(frozen=True)
class PlannedStage:
    """A stage as ``stages.csv`` names it, in the chain of one cell."""

    stage: str
    hash: str
    condition: str
    device: str


@dataclass(frozen=True)
class PlannedCell:
    """One arm under one seed and condition, and its chain of stages.

    ``place`` is the condition as records have it. Where the chain only serves to choose between the
    points of a search it ``counts`` for nothing: no number comes of it.
    """

    arm: str
    seed: int
    place: str
    counts: bool
    chain: tuple[PlannedStage, ...]

    @property
    def own(self) -> tuple[PlannedStage, ...]:
        """The stages that learnt from this run's own rows."""
        return tuple(link for link in self.chain if not is_of_other_run(link.stage))

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the cell that a file describes."""
        return cls(**{**plain, "chain": tuple(PlannedStage(**link) for link in plain["chain"])})


@dataclass(frozen=True)
class ShownArm:
    """An arm as the summary shows it: what it predicts, and the classes among which it does.

    ``own_target`` is the one of the study's ``targets`` that it names, None for the data set's.
    ``pretrained``: a stage trains its encoder first, or the encoder brings weights. ``views``: how
    large the images are that it learns from, where they are others than those of the test.
    """

    group: str
    against: str | None
    own_target: str | None
    predicts: str
    classes: tuple[str, ...]
    pretrained: bool = False
    views: str = ""


@dataclass(frozen=True)
class RunPlan:
    """What a run consists of, and what its summary says of the data set.

    ``choices`` are as ``summary.json`` has them. ``resplit``: the split differs from seed to seed;
    with ``folds``, every row is tested once in so many seeds. ``rows`` is how many each part has,
    of the first seed. ``targets`` are those of every row where these are several. ``straddling``
    counts the groups with rows in several parts. ``known`` says by target and part how many rows
    have it, where some rows lack one of several; ``rare`` which classes or labels few tested rows
    have, and how many; ``not_tested`` of which classes some seeds test no row, and which seeds.
    ``leaks`` say which features are all but a target; ``copies`` counts the tested rows of the
    first seed with the features of a row that is learnt from.
    """

    cells: tuple[PlannedCell, ...]
    arms: dict[str, ShownArm]
    baseline: str
    choices: tuple[dict[str, Any], ...]
    resplit: bool
    kind: str
    unit: str
    rows: dict[str, int]
    classes: tuple[str, ...]
    targets: tuple[str, ...]
    straddling: int
    folds: int | None = None
    known: dict[str, dict[str, int]] = field(default_factory=dict)
    rare: dict[str, int] = field(default_factory=dict)
    not_tested: dict[str, list[int]] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    copies: int = 0

    @property
    def classes_by_target(self) -> dict[str, tuple[str, ...]]:
        """The names of classes, in the order of their numbers, of every target of classes."""
        return {arm.predicts: arm.classes for arm in self.arms.values() if arm.classes}

    def to_plain(self) -> dict[str, Any]:
        """Return what ``plan.json`` holds."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the plan that ``to_plain`` described."""
        arms = {
            name: ShownArm(**{**arm, "classes": tuple(arm["classes"])})
            for name, arm in plain["arms"].items()
        }
        lists = {key: tuple(plain[key]) for key in ("choices", "classes", "targets")}
        lists["leaks"] = tuple(plain.get("leaks", ()))
        cells = tuple(map(PlannedCell.from_plain, plain["cells"]))
        return cls(**{**plain, **lists, "cells": cells, "arms": arms})
