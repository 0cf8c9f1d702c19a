"""What an executor does: it takes bundles, tells what happens to them, and can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from nearfar.execution.events import Finished, Progress, Started
from nearfar.plan.groups import Bundle


@dataclass(frozen=True)
class Lost:
    """Who was at work on these stages is gone: a process died, a node was lost or taken away."""

    stage_hashes: tuple[str, ...]
    reason: str


Happening = Started | Progress | Finished | Lost


@dataclass(frozen=True)
class Needs:
    """What a bundle asks of the machine that carries it out: cores, GPUs, bytes of memory."""

    cores: int
    gpus: int
    memory: int


NeedsOf = Callable[[Bundle], Needs]


class Executor(Protocol):
    """Carries out bundles somewhere.

    Of each bundle it tells that its stages began and, of every stage, that it ended, or that the
    worker was lost; a stage that ended without an error is in the run's own store by then.
    """

    retries: int
    """How often a bundle is submitted again whose worker was lost."""

    def has_room(self) -> bool:
        """Whether it takes another bundle now."""

    def submit(self, bundle: Bundle) -> None:
        """Take a bundle of which all that it needs is finished."""

    def wait(self) -> Sequence[Happening]:
        """Return what happened since; wait for something while there is nothing."""

    def close(self) -> None:
        """Stop what is still at work; checkpoints stay, and nobody works on when it returns."""
