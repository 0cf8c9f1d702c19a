"""Rounds of trainings: more of them for the arms that are not decided, until nothing is open.

Who goes on follows from the results alone, so a run with the same number of rounds is the same run.
The clock only decides whether another round begins.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nearfar.analysis.families import CONTROLS, TARGETS
from nearfar.records import StageRow
from nearfar.study.rounds import MOST, SIZE


@dataclass
class Rounds:
    """How far a run in rounds is: ``trainings`` of each arm, in round number ``current``.

    ``least`` is how many rounds the run's study says; with ``until`` more follow while something is
    open and the ``budget``, in seconds, allows.
    """

    least: int
    until: bool
    budget: float | None
    current: int = 1
    trainings: dict[str, int] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def allowed(self, arm: str) -> int:
        """How many trainings an arm has by now."""
        return self.trainings.get(arm, SIZE)

    def __call__(self, arm: str, name: str, seed: int) -> bool:
        """Whether an arm, called ``name`` in records, is trained with this seed by now."""
        return seed < self.allowed(name)

    def goes_on(
        self, summary: Mapping[str, Any], stages: Sequence[StageRow], jobs: int = 1
    ) -> bool:
        """Begin another round with what is open; return whether there is one.

        ``stages`` are those so far: a round is expected to cost what they did, ``jobs`` at once.
        """
        arms = open_arms(summary)
        if (
            not arms
            or self.current * SIZE >= MOST
            or not self._is_time(seconds_of_round(arms, stages) / jobs)
        ):
            return False
        self.current += 1
        twins = [twin for twin, first in summary["twins"].items() if first in arms]
        for arm in (*arms, *twins):
            self.trainings[arm] = self.current * SIZE
        return True

    def _is_time(self, ahead: float) -> bool:
        if self.current < self.least:
            return True
        spent = time.monotonic() - self._begun
        return self.until and (self.budget is None or spent + ahead <= self.budget)


def seconds_of_round(arms: Collection[str], stages: Sequence[StageRow]) -> float:
    """Return what a round of these arms costs one process, from what their stages cost so far."""
    mine = [row for row in stages if row.arm in arms]
    each = {row.hash: row.seconds for row in mine}
    return SIZE * sum(each.values()) / max(len({row.seed for row in mine}), 1)


def open_arms(summary: Mapping[str, Any]) -> set[str]:
    """Return the arms that need more trainings: those of open comparisons, with what they face.

    Controls go on as long as the study's own questions do, and single targets keep nothing going.
    """
    still = [c for c in summary["comparisons"] if c["open"] and c["family"] != TARGETS]
    asked = [c for c in still if not c["family"].startswith(CONTROLS)]
    return _arms_of(still) if asked else set()


def _arms_of(comparisons: Iterable[Mapping[str, Any]]) -> set[str]:
    return {c[side] for c in comparisons for side in ("arm", "against")}
