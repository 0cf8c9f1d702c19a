"""Which comparisons are adjusted for one another: each family answers one question."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nearfar.analysis.statistics import holm
from nearfar.records.conditions import is_pattern, joined, longest_axis, pairs_of

QUESTION = "question"
CONTROLS = "controls"
CLAIMS = "claims"
TARGETS = "each target"


@dataclass(frozen=True)
class Families:
    """How the comparisons of a study fall into families.

    What it asks, arms against their baselines under the ``reference`` condition, is one. Controls
    are another, so that adding one never costs the question anything; so are the comparisons that
    only a claim asks for, each table of other conditions, and single targets where the verdicts are
    on the mean over several.
    """

    reference: str
    conditions: Sequence[str]

    def of(self, condition: str, *, control: bool, claimed: bool, single_target: bool) -> str:
        """Return the family of a comparison."""
        if single_target:
            return TARGETS
        if claimed or is_pattern(condition):
            return CLAIMS
        table = self._table(condition)
        if not table:
            return CONTROLS if control else QUESTION
        return f"{CONTROLS} {table}" if control else table

    def _table(self, condition: str) -> str:
        """Name the table of conditions that a condition stands in; empty for the reference."""
        if condition == self.reference or self.reference not in self.conditions:
            return ""
        along = longest_axis(self.conditions)
        others = {a: v for a, v in pairs_of(condition).items() if a != along}
        known = {a: v for a, v in pairs_of(self.reference).items() if a != along}
        differing = {axis: value for axis, value in others.items() if known.get(axis) != value}
        return f"along {along}" + (f", {joined(differing)}" if differing else "")


def reference_of(axes: Mapping[str, Mapping[str, Any]]) -> str:
    """The condition of the first values of all axes: it stands for the others where asked."""
    first = {
        name: str(next(iter(axis["values"])))
        for name, axis in axes.items()
        if axis["role"] in {"condition", "score"}
    }
    return joined(first)


def adjusted(
    families: Sequence[str], tests: Sequence[Hashable], p_values: Sequence[float | None]
) -> list[float | None]:
    """Return p-values adjusted within each family; None stays, and counts for nothing.

    ``tests`` says which comparison is which test: what is one, under two names, counts once.
    """
    found: list[float | None] = [None] * len(p_values)
    for family in dict.fromkeys(families):
        mine = {
            test: p
            for name, test, p in zip(families, tests, p_values, strict=True)
            if name == family and p is not None
        }
        values = dict(zip(mine, holm(list(mine.values())), strict=True))
        for k, (name, test) in enumerate(zip(families, tests, strict=True)):
            if name == family and p_values[k] is not None:
                found[k] = values[test]
    return found
