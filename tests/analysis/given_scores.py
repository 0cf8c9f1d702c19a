"""Row scores that a test gives, in the place of those that stages keep."""

from dataclasses import dataclass

from nearfar.analysis.variance import Integers, Tested


@dataclass(frozen=True)
class GivenScores:
    """Row scores by (arm, condition, target) and seed."""

    n_rows: int
    scores: dict[tuple[str, str, str], dict[int, Tested]]
    groups: Integers | None = None
    unread: frozenset[str] = frozenset()
    metric: str = "mae"

    def tested(
        self, arm: str, condition: str, target: str, metric: str = ""
    ) -> dict[int, Tested] | None:
        """Return what each seed tested; None where row scores are not at hand."""
        known = metric in ("", self.metric)
        return self.scores.get((arm, condition, target)) if known else None
