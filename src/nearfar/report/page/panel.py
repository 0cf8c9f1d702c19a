"""A panel of the page: one file in ``sections/``, at most one script, one line in ``panels.py``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Protocol

from nearfar.records.stage_files import read_each_target
from nearfar.report.load import Run
from nearfar.report.page.maps import feature_maps
from nearfar.report.page.rows import ArmPredictions, Shown, read_arm_predictions, shown_rows

ASSETS = files("nearfar.report") / "assets"


@dataclass(frozen=True)
class PageContext:
    """What panels are made from: the run, and what is read from its stages once for all of them."""

    run: Run

    @cached_property
    def seeds(self) -> list[int]:
        return [int(seed) for seed in self.run.summary.get("seeds", [])]

    @cached_property
    def predicted(self) -> list[ArmPredictions]:
        """The arms' predictions; where a row has several targets, of the first."""
        return self.by_target[0][1]

    @cached_property
    def shown(self) -> Shown:
        """The rows on the page; where a row has several targets, with the truth of the first."""
        return self.by_target[0][2]

    @cached_property
    def by_target(self) -> list[tuple[str, list[ArmPredictions], Shown]]:
        """``(target, predictions, rows)`` for each of a row's several targets, or once."""
        found = []
        each = cache(read_each_target)  # a stage has all targets in one file
        for target in self.run.several or [""]:
            predicted = read_arm_predictions(self.run, target, each)
            found.append((target, predicted, shown_rows(self.run, predicted)))
        return found

    @cached_property
    def feature_maps(self) -> dict[str, Any]:
        """The maps of features, of every arm and of checkpoints: see ``maps.feature_maps``."""
        return feature_maps(self.run, self.shown, self.seeds)


class Panel(Protocol):
    """A part of the page with an id of its own.

    Its script calls ``nearfar.panel(id, (root, own) => …)``: ``root`` is the element with the id,
    ``own`` what ``data`` returned. Without such an element the script does nothing.
    """

    @property
    def id(self) -> str:
        """The id of its element, the key of its data and the name that its script registers."""

    @property
    def jump(self) -> str:
        """Its word in the line of links at the head of the page; empty where it has none."""

    @property
    def script(self) -> Traversable | None:
        """The file of its script; the names in it are its own."""

    def html(self, page: PageContext) -> str:
        """The element with the id, data escaped; empty where the panel has nothing to say."""

    def data(self, page: PageContext) -> Any:
        """What its script draws, as plain values; None where it needs nothing of its own."""


def _nothing(page: PageContext) -> None:
    """A panel without data of its own."""


@dataclass(frozen=True)
class Section:
    """A panel under a heading; it is left out where ``body`` returns nothing."""

    id: str
    jump: str
    heading: str
    body: Callable[[PageContext], str]
    data: Callable[[PageContext], Any] = _nothing
    script: Traversable | None = None

    def html(self, page: PageContext) -> str:
        """The section with its heading."""
        body = self.body(page)
        heading = f"<h2>{escape(self.heading)}</h2>"
        return f'<section id="{escape(self.id)}">{heading}{body}</section>' if body else ""
