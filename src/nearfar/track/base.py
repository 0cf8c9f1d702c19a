"""What a tracker is, and what is sent to it."""

import re
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from nearfar.errors import UserError

Plain = dict[str, Any]
Point = tuple[int, str, str, float]
"""Epoch or iteration, split, metric, value: a row of curves.csv."""


class NotSent(Exception):  # noqa: N818 - reported in a line, never a reason to stop
    """A message did not reach its receiver; says why, in words that hold no secret."""


@dataclass(frozen=True)
class TrackedStage:
    """A finished stage: ``counts`` is what its curves run over, ``epoch`` for instance."""

    name: str
    spec: Plain
    outcome: Plain
    counts: str
    points: list[Point]

    @property
    def place(self) -> str:
        """Its name in the name of a curve."""
        return self.name.replace(":", "-")


@dataclass(frozen=True)
class TrackedRun:
    """One arm under one seed and condition, with its chain of finished stages.

    ``search`` names the point of a grid where the run only served to choose one.
    """

    study: str
    profile: str
    group: str
    arm: str
    seed: int
    condition: str
    unit: str
    stages: list[TrackedStage]
    search: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return run_name(self.arm, self.seed, self.condition, self.search)

    @property
    def status(self) -> str:
        """``done`` or ``diverged``."""
        return str(self.stages[-1].outcome["status"])

    @cached_property
    def config(self) -> Plain:
        """The coordinates of the run and the specification of each stage."""
        coordinates = {
            "study": self.study,
            "profile": self.profile,
            "group": self.group,
            "arm": self.arm,
            "seed": self.seed,
            "condition": self.condition,
            "search": self.search,
            "unit": self.unit,
        }
        return coordinates | {stage.place: stage.spec for stage in self.stages}

    @cached_property
    def summary(self) -> dict[str, float]:
        """Final numbers: ``test/mae`` in the target's own unit, ``test/mae_z`` in z units; budgets.

        With several targets the target's name stands before the metric's.
        """
        metrics = self.stages[-1].outcome["metrics"]
        several = len({metric["target"] for metric in metrics}) > 1
        found: dict[str, float] = {}
        for metric in metrics:
            place = [metric["split"], *[metric["target"]] * several, metric["metric"]]
            found["/".join(place) + "_z" * (metric["unit"] == "z")] = metric["value"]
        for key in ("epochs", "steps", "seconds"):
            found[key] = sum(stage.outcome.get(key, 0) for stage in self.stages)
        trained = (stage.outcome.get("parameters", 0) for stage in reversed(self.stages))
        found["parameters"] = next(filter(None, trained), 0)
        return found


def run_name(arm: str, seed: int, condition: str, search: str = "") -> str:
    """Return an arm under one seed and condition as people say it."""
    tried = f"search {search}" if search else ""
    return " · ".join(filter(None, [arm, f"seed {seed}", condition, tried]))


@dataclass(frozen=True)
class Notice:
    """Something happened: ``event`` is ``stage done``, ``study done`` or ``failed``.

    ``stage`` is empty where it is about the whole study; ``text`` is a line for people.
    """

    event: str
    study: str
    profile: str
    arms: tuple[str, ...]
    stage: str
    status: str
    seconds: float
    text: str


class Tracker(ABC):
    """A receiver of what happens in a study, which works in a thread of its own.

    A subclass takes ``folder``, where it may keep files, and its options as keyword-only
    parameters. It may raise whatever it likes: the study goes on.
    """

    takes: ClassVar[type[TrackedRun] | type[Notice]] = TrackedRun
    """What is sent to it: every finished run once, or every notice."""
    package: ClassVar[str] = ""
    start_seconds: ClassVar[float] = 0.0
    """How much longer the first message may take, for instance to make a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(self) -> None:
        """Check packages and settings, before anything is computed.

        Raises:
            UserError: its package is not installed, or its settings cannot work.
        """
        if self.package and find_spec(self.package) is None:
            raise UserError(
                f"track: {self.package} is not installed: pip install 'nearfar[{self.package}]'"
            )

    def load(self) -> None:  # noqa: B027 - most have nothing to import
        """Import what sending needs: called once, in the study's own thread, before it is sent to.

        Imported in the tracker's thread, a package would be half there while the study runs, and
        libraries that look for data frames among the loaded modules would take half for whole.
        """

    @abstractmethod
    def send(self, message: Any) -> None:
        """Pass on what it takes.

        Raises:
            NotSent: it did not work out.
        """


def kept_id(folder: Path, name: str) -> str:
    """Return 16 hexadecimal digits that only what is called ``name`` in this folder has."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "folder-id.txt"
    if not file.exists():
        file.write_text(secrets.token_hex(8), encoding="utf-8")
    return sha256(f"{file.read_text(encoding='utf-8')} {name}".encode()).hexdigest()[:16]


def file_name(name: str) -> str:
    """Return a name as one part of a path; a changed one ends in a hash, so that it stays unique.

    >>> file_name("RnC(L1)+freeze")
    'RnC(L1)+freeze'
    >>> file_name("a/b")
    'a_b-c14cdd'
    """
    clean = re.sub(r"[^\w()+\-=.,;\[\] ]", "_", name)[:80].strip(". ")
    return clean if clean == name else f"{clean}-{sha256(name.encode()).hexdigest()[:6]}"
