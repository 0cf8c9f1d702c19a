"""Which seeds of which arm ended how, and the numbers of those that are done."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from nearfar.data.targets import ALL_TARGETS
from nearfar.records import Record, StageRow
from nearfar.records.conditions import as_number, is_pattern, matching, pairs_of

TEST = "test"
FIT = "fit"
_Places = Mapping[tuple[str, int], set[tuple[bool, str]]]


@dataclass(frozen=True)
class Seeds:
    """The seeds of one arm in one condition by how they ended; ascending."""

    done: tuple[int, ...]
    diverged: tuple[int, ...]
    failed: tuple[int, ...]

    @property
    def runs(self) -> int:
        """How many seeds ran."""
        return len(self.done) + len(self.diverged) + len(self.failed)

    @property
    def complete(self) -> bool:
        """Whether every seed that ran is done, so that there is a mean to speak of."""
        return not self.diverged and not self.failed

    @property
    def status(self) -> str:
        """``done``, or for instance ``diverged 2 of 5``."""
        counts = {"diverged": len(self.diverged), "failed": len(self.failed)}
        bad = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        return f"{bad} of {self.runs}" if bad else "done"


@dataclass(frozen=True)
class Series:
    """What is measured, apart from the arm: one metric in one place."""

    condition: str
    split: str
    target: str
    metric: str
    unit: str


class RunResults:
    """Records and stage rows of one run, by arm and condition.

    ``arms`` of the study are keyed by the names that stand in the records. A number whose seed
    is not done, or that is not finite, does not exist here.
    """

    def __init__(
        self, study: Mapping[str, Any], records: Iterable[Record], stages: Iterable[StageRow]
    ) -> None:
        self.settings: Mapping[str, Mapping[str, Any]] = study["arms"]
        self.metric: str = study["metric"]
        self._records: dict[str, list[Record]] = defaultdict(list)
        self._stages: dict[str, list[StageRow]] = defaultdict(list)
        for record in records:
            self._records[record.arm].append(record)
        for row in stages:
            self._stages[row.arm].append(row)
        self._seeds: dict[tuple[str, str], Seeds] = {}
        self._series: dict[tuple[str, str], dict[Series, dict[int, float]]] = {}

    @cached_property
    def arms(self) -> list[str]:
        """The arms that ran, in the study's order."""
        ran = set(self._records) | set(self._stages)
        known = [arm for arm in self.settings if arm in ran]
        return known + sorted(ran - set(known))

    @cached_property
    def twins(self) -> dict[str, str]:
        """Arm → the arm that is the same computation: the same stages, whatever seed or condition.

        Seeds that only one of them has say nothing against it. Where several are, that with most
        of them stands for all, of equal ones the first, and a control for controls alone.
        """
        places = {arm: self._places(arm) for arm in self.arms}
        first: list[str] = []
        found = {}
        for arm in sorted(self.arms, key=lambda a: (self.is_control(a), -len(places[a]))):
            same = next((one for one in first if _are_one(places[one], places[arm])), None)
            if same is None:
                first.append(arm)
            else:
                found[arm] = same
        return {arm: found[arm] for arm in sorted(found, key=self._place_of)}

    def _place_of(self, arm: str) -> tuple[bool, int]:
        return self.is_control(arm), self.arms.index(arm)

    def _places(self, arm: str) -> _Places:
        """Condition and seed → the stages there, each whether it is a fit, and its hash."""
        found = defaultdict(set)
        for row in self._stages.get(arm, ()):
            found[row.condition, row.seed].add((row.stage == FIT, row.hash))
        return found

    def is_control(self, arm: str) -> bool:
        """Whether an arm is there to be compared with, not to be used."""
        return self.settings.get(arm, {}).get("group") == "control"

    @cached_property
    def distinct(self) -> list[str]:
        """The arms that ran, without those that are the same computation as one before."""
        return [arm for arm in self.arms if arm not in self.twins]

    @cached_property
    def conditions(self) -> list[str]:
        """Every condition that was measured, or would have been had nothing diverged."""
        measured = {r.condition for records in self._records.values() for r in records}
        trained = {row.condition for rows in self._stages.values() for row in rows}
        lost = {t for t in trained if not any(_within(t, m) for m in measured)}
        return sorted(measured | lost, key=_condition_order)

    @cached_property
    def seeds(self) -> list[int]:
        """All seeds of the run."""
        found = {r.seed for records in self._records.values() for r in records}
        return sorted(found | {row.seed for rows in self._stages.values() for row in rows})

    @cached_property
    def unit(self) -> str:
        """The unit of the primary metric: ``z`` where it was measured so."""
        units = {
            r.unit for records in self._records.values() for r in records if r.metric == self.metric
        }
        return "z" if "z" in units or not units else min(units)

    def _all(self, pattern: str) -> list[str]:
        """The conditions that a pattern stands for; a plain condition is itself."""
        return matching(pattern, self.conditions) if is_pattern(pattern) else [pattern]

    def holds(self, arm: str, condition: str) -> bool:
        """Whether there is anything to say about this arm in this condition."""
        if is_pattern(condition):
            found = self._all(condition)
            return bool(found) and all(self.holds(arm, one) for one in found)
        if any(r.condition == condition for r in self._records.get(arm, ())):
            return True
        return bool(self.stages(arm, condition)) and not self.seeds_of(arm, condition).complete

    def target_of(self, arm: str) -> str | None:
        """The study's target that the arm predicts, None for the data set's own."""
        target: str | None = self.settings.get(arm, {}).get("target")
        return target

    def pretrained(self, arm: str) -> bool:
        """Whether the arm starts from a pre-training stage, or from weights that it is given."""
        return self.settings.get(arm, {}).get("pretrained", False) or any(
            row.stage.startswith("pretrain:") for row in self._stages.get(arm, ())
        )

    def stages(self, arm: str, condition: str) -> dict[int, list[StageRow]]:
        """The chain of stages per seed, pre-training first.

        A condition of role ``score`` only repeats the evaluation: its stages are those of the
        condition without it.
        """
        chosen: dict[tuple[int, str], StageRow] = {}
        for row in self._stages.get(arm, ()):
            key = (row.seed, row.stage)
            if _within(row.condition, condition) and (
                key not in chosen or _within(chosen[key].condition, row.condition)
            ):
                chosen[key] = row
        chains: dict[int, list[StageRow]] = defaultdict(list)
        for (seed, _), row in sorted(chosen.items(), key=lambda i: (i[0][0], i[0][1] == FIT)):
            chains[seed].append(row)
        return dict(chains)

    def seconds(self, arm: str, condition: str) -> float | None:
        """The median seconds of a training, pre-training counted; None if there was none.

        A mean would count what befalls a single one: a busy machine, the first use of a library.
        """
        chains = self.stages(arm, condition).values()
        return median(sum(row.seconds for row in chain) for chain in chains) if chains else None

    def seeds_of(self, arm: str, condition: str) -> Seeds:
        """How the seeds of an arm ended; one whose fit has not begun has not run."""
        if is_pattern(condition):
            return _together([self.seeds_of(arm, one) for one in self._all(condition)])
        key = (arm, condition)
        if key not in self._seeds:
            ends: dict[int, str] = {}
            for seed, chain in self.stages(arm, condition).items():
                states = {row.status for row in chain}
                if "pending" in states and not states & {"failed", "diverged"}:
                    continue
                if states != {"done"}:
                    ends[seed] = "failed" if "failed" in states else "diverged"
                elif any(row.stage == FIT for row in chain):
                    ends[seed] = "done"
            for record in self._records.get(arm, ()):
                if record.condition == condition:
                    ends.setdefault(record.seed, "done")
            by_end = {
                end: tuple(sorted(s for s, e in ends.items() if e == end))
                for end in ("done", "diverged", "failed")
            }
            self._seeds[key] = Seeds(**by_end)
        return self._seeds[key]

    def series(self, arm: str, condition: str) -> dict[Series, dict[int, float]]:
        """Every series of an arm in a condition: its values by seed.

        Of a pattern they are means over the conditions that it stands for, seed by seed.
        """
        if (arm, condition) not in self._series:
            self._series[arm, condition] = self._series_of(arm, condition)
        return self._series[arm, condition]

    def _series_of(self, arm: str, condition: str) -> dict[Series, dict[int, float]]:
        if is_pattern(condition):
            return _means([self.series(arm, one) for one in self._all(condition)], condition)
        done = set(self.seeds_of(arm, condition).done)
        found: dict[Series, dict[int, float]] = defaultdict(dict)
        for r in self._records.get(arm, ()):
            if r.condition == condition and r.seed in done and math.isfinite(r.value):
                found[Series(condition, r.split, r.target, r.metric, r.unit)][r.seed] = r.value
        return dict(found)

    def values(self, arm: str, series: Series) -> dict[int, float]:
        """The values of a series by seed; none where the arm was not measured so."""
        return self.series(arm, series.condition).get(series, {})

    def mean(self, arm: str, series: Series) -> float | None:
        """The mean over all seeds; None if one diverged, failed, or has no such number."""
        values = self.values(arm, series)
        seeds = self.seeds_of(arm, series.condition)
        if not values or not seeds.complete or len(values) < len(seeds.done):
            return None
        return math.fsum(values.values()) / len(values)

    def shared_means(self, arms: Iterable[str], series: Series) -> dict[str, float]:
        """Means over the seeds that all of the arms have, so that none has the easier splits.

        Arms without a mean are left out; where no seed is shared, each has the mean over its own.
        """
        found = {a: self.values(a, series) for a in arms if self.mean(a, series) is not None}
        shared = set.intersection(*map(set, found.values())) if found else set()
        return {
            arm: math.fsum(values[seed] for seed in shared or values) / len(shared or values)
            for arm, values in found.items()
        }

    def primary(self, condition: str, target: str) -> Series:
        """The series that carries the verdicts."""
        return Series(condition, TEST, target, self.metric, self.unit)

    @cached_property
    def targets(self) -> list[str]:
        """All targets that the primary metric is of; the empty name if nothing was measured."""
        found = {
            r.target
            for records in self._records.values()
            for r in records
            if r.metric == self.metric
        }
        return sorted(found) or [""]

    @cached_property
    def primary_targets(self) -> list[str]:
        """The targets that carry the verdicts: of several numbers a row, the mean over them."""
        return [ALL_TARGETS] if ALL_TARGETS in self.targets else self.targets


def _are_one(one: _Places, other: _Places) -> bool:
    """Whether two arms are one computation: under the same conditions, where both have the seed."""
    common = one.keys() & other.keys()
    fitted = any(is_fit for place in common for is_fit, _ in one[place])
    conditions = [{condition for condition, _ in places} for places in (one, other)]
    alike = fitted and conditions[0] == conditions[1]
    return alike and all(one[place] == other[place] for place in common)


def _together(parts: list[Seeds]) -> Seeds:
    """How seeds ended that went through all of several conditions."""
    failed = {seed for part in parts for seed in part.failed}
    diverged = {seed for part in parts for seed in part.diverged} - failed
    done = set.intersection(*(set(part.done) for part in parts)) if parts else set()
    return Seeds(tuple(sorted(done)), tuple(sorted(diverged)), tuple(sorted(failed)))


def _means(
    parts: list[dict[Series, dict[int, float]]], condition: str
) -> dict[Series, dict[int, float]]:
    """The means of series that several conditions have, by seed, where all have the seed."""
    moved = [{replace(s, condition=condition): v for s, v in part.items()} for part in parts]
    found: dict[Series, dict[int, float]] = {}
    for series in moved[0] if moved else ():
        values = [part.get(series, {}) for part in moved]
        seeds = set.intersection(*map(set, values))
        found[series] = {
            seed: math.fsum(each[seed] for each in values) / len(values) for seed in sorted(seeds)
        }
    return {series: values for series, values in found.items() if values}


def _within(outer: str, inner: str) -> bool:
    return pairs_of(outer).items() <= pairs_of(inner).items()


def _condition_order(condition: str) -> tuple[tuple[str, float, str], ...]:
    numbers = {value: as_number(value) for value in pairs_of(condition).values()}
    return tuple(
        (axis, math.inf if (number := numbers[value]) is None else number, value)
        for axis, value in pairs_of(condition).items()
    )
