"""The time that rehearsals may take."""

import time
from dataclasses import dataclass, field

GRACE = 1.5
"""How much of the budget may have passed before a rehearsal that is under way is broken off."""
WAITED = 2.0
"""How many seconds may pass for one of the budget: a busy machine gives fewer than it counts."""


@dataclass(frozen=True)
class Clock:
    """Counts the processor's seconds against a ``budget``, and twice as many that pass."""

    budget: float
    begun: float = field(default_factory=time.monotonic)
    worked: float = field(default_factory=time.process_time)

    @property
    def left(self) -> float:
        """Seconds of the budget that are left; below 0 when it is over."""
        passed = (time.monotonic() - self.begun) / WAITED
        return self.budget - max(passed, time.process_time() - self.worked)

    @property
    def is_late(self) -> bool:
        """Whether what is under way should be broken off."""
        return self.left < (1 - GRACE) * self.budget
