"""What happens while a plan is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from nearfar.plan.chain import Step
from nearfar.plan.plan import Plan


@dataclass(frozen=True)
class Planned:
    """What is to be run is known: all of it, or what follows from the choices made so far."""

    plan: Plan
    missing: dict[str, Step]
    stage_hash: str = ""


@dataclass(frozen=True)
class Started:
    """A stage began."""

    stage_hash: str


@dataclass(frozen=True)
class Progress:
    """A stage has trained so many epochs or iterations, the last with this mean training loss."""

    stage_hash: str
    done: int
    loss: float


@dataclass(frozen=True)
class Finished:
    """A stage ended: ``error`` is empty, or one line; ``trace`` is the traceback.

    ``full``: there was no room for a file, so no other stage will end better.
    """

    stage_hash: str
    error: str = ""
    trace: str = ""
    full: bool = False


Event = Planned | Started | Progress | Finished
