"""A run folder and its stages, read for display."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.metrics import METRICS
from nearfar.numbers import counted, finite
from nearfar.records import StageRow, read_stages
from nearfar.records.conditions import shortened
from nearfar.records.samples import Samples, read_samples

MANY_CONDITIONS = 2


@dataclass(frozen=True)
class Run:
    """The files of one run, read once; ``arms`` are those of the summary, in display order."""

    folder: Path
    summary: dict[str, Any]
    stages: list[StageRow]
    samples: Samples
    study: str
    provenance: dict[str, Any]

    @cached_property
    def arms(self) -> list[dict[str, Any]]:
        """The summary's arms in the study's order, those of one target and group together.

        Of many conditions only the reference's: the others are shown along their axes.
        """
        arms = sorted(self.summary["arms"], key=lambda arm: arm.get("order", 0))
        if self.reference is not None:
            alone = [arm for arm in arms if arm["condition"] == self.reference]
            arms = [{**arm, "label": arm["arm"]} for arm in alone]
        groups = list(dict.fromkeys(arm.get("group", "") for arm in arms))
        targets = list(dict.fromkeys(map(self.target_of, arms)))

        def place(arm: dict[str, Any]) -> tuple[int, int]:
            return targets.index(self.target_of(arm)), groups.index(arm.get("group", ""))

        return sorted(arms, key=place)

    @cached_property
    def reference(self) -> str | None:
        """The condition that stands for many; None where there are few enough to show them all."""
        there = {str(arm.get("condition", "")) for arm in self.summary["arms"]}
        found = self.summary.get("reference")
        return str(found) if len(there) > MANY_CONDITIONS and found in there else None

    @property
    def place(self) -> str:
        """What tells the reference from the other conditions; empty where all are shown."""
        conditions = (str(arm.get("condition", "")) for arm in self.summary["arms"])
        return "" if self.reference is None else shortened(self.reference, conditions)

    @cached_property
    def targets(self) -> list[str]:
        """What is predicted by some arm, in the order of the arms."""
        return list(dict.fromkeys(map(self.target_of, self.arms)))

    @property
    def several(self) -> list[str]:
        """The targets of every row whose mean is compared; empty where a row has one."""
        return [str(name) for name in self.summary.get("targets") or []]

    def target_of(self, arm: Mapping[str, Any]) -> str:
        """What an arm predicts."""
        return str(arm.get("target") or self.summary.get("target") or "")

    def classes_of(self, arm: Mapping[str, Any]) -> list[str]:
        """The names of the classes that an arm tells apart; empty where it predicts a number."""
        found = arm.get("classes")
        return [
            str(name) for name in (self.summary.get("classes") if found is None else found) or []
        ]

    def stage_folder(self, digest: str) -> Path:
        return self.folder.parent / "stages" / digest

    def chain(self, arm: Mapping[str, Any], seed: int) -> list[dict[str, str]]:
        """The stages of an arm for one seed, first to last; empty if it did not run."""
        return list((arm.get("stages") or {}).get(str(seed), []))

    def trained(self, arm: Mapping[str, Any], seed: int) -> list[dict[str, str]]:
        """The chain up to the fit, without a stage that only judges it."""
        return [link for link in self.chain(arm, seed) if link["stage"] != "score"]

    def stage_row(self, digest: str) -> StageRow | None:
        """The state and budget of a stage, whichever arms use it."""
        return self._rows.get(digest)

    @cached_property
    def _rows(self) -> dict[str, StageRow]:
        return {row.hash: row for row in self.stages}


def arm_label(arm: Mapping[str, Any]) -> str:
    """The arm's name with its condition, where it has one that is not that of all arms shown."""
    if "label" in arm:
        return str(arm["label"])
    condition = arm.get("condition", "")
    return f"{arm['arm']} · {condition}" if condition else str(arm["arm"])


def seed_counts(arms: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """The fewest and the most seeds that any of the arms ran with; 0 of none."""
    counts = [int(arm.get("runs") or 0) for arm in arms]
    return min(counts, default=0), max(counts, default=0)


def over_seeds(arms: Iterable[Mapping[str, Any]], noun: str) -> str:
    """``1 seed``, ``10 seeds``, or ``5 to 10 seeds`` where arms have different numbers of them."""
    fewest, most = seed_counts(arms)
    return counted(most, noun) if fewest == most else f"{fewest} to {counted(most, noun)}"


def same_seeds(arms: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all of the arms ran with the same seeds."""
    return len({(arm.get("runs"), frozenset(arm.get("stages") or ())) for arm in arms}) <= 1


def against(run: Run) -> str:
    """What the column of differences is called: one baseline by name, several together."""
    baseline = run.summary.get("baseline", "baseline")
    found = [comparison_of(run, arm) for arm in run.arms]
    several = any(c is not None and c["against"] != baseline for c in found)
    return "against its baseline" if several else f"against {baseline}"


def other_baseline(run: Run, comparison: Mapping[str, Any]) -> str:
    """Names a baseline that is not the study's; empty if it is, or if there is no comparison."""
    name = comparison.get("against") or run.summary.get("baseline")
    return "" if name == run.summary.get("baseline") else f"against {name}"


def metric_of(
    arm: Mapping[str, Any], split: str, metric: str, *, scaled: bool, target: str = ""
) -> dict[str, Any] | None:
    """An arm's entry for a metric, in z units (``scaled``) or in any other unit.

    It is of ``target``, by default of what the arm is compared by.
    """
    for entry in entries_of(arm, target):
        sought = (entry["split"], entry["metric"]) == (split, metric)
        if sought and (entry.get("unit") == "z") is scaled:
            return within(entry)
    return None


def within(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry whose interval ends where the values of its metric do: accuracy at 1.

    What lies beyond cannot be true, so the interval holds the truth as often without it. The
    difference of two such values ends at their distance. ``summary.json`` keeps the ends as they
    were computed.
    """
    known, found = METRICS.built_in.get(str(entry.get("metric"))), dict(entry)
    if known is None:
        return found
    ends = (known.least, known.most)
    if "difference" in found:
        ends = (known.least - known.most, known.most - known.least)
    for key in ("low", "high"):
        if (end := finite(found.get(key))) is not None:
            found[key] = min(max(end, ends[0]), ends[1])
    return found


def entries_of(arm: Mapping[str, Any], target: str = "") -> list[dict[str, Any]]:
    """An arm's metrics of ``target``, by default of what the arm is compared by."""
    sought = target or arm.get("target")
    entries = arm.get("metrics") or []
    return [entry for entry in entries if not sought or entry.get("target", sought) == sought]


def own_unit(run: Run, target: str = "") -> str:
    """The target's own unit, as the metrics name it; empty if unknown."""
    metric = run.summary["metric"]
    for arm in run.arms:
        entry = metric_of(arm, "test", metric, scaled=False, target=target)
        if entry is not None:
            return str(entry.get("unit") or "")
    return ""


def comparison_of(run: Run, arm: Mapping[str, Any], target: str = "") -> dict[str, Any] | None:
    """The arm's comparison with its own baseline; None for the study's baseline.

    It is the first of the summary's comparisons of that arm (and target, where one is named): those
    that only a claim asks for follow. An arm may also be compared with none: see
    :func:`is_baseline`.
    """
    if arm["arm"] == run.summary.get("baseline"):
        return None
    return first_comparison(run, arm["arm"], arm.get("condition", ""), target)


def first_comparison(run: Run, arm: str, condition: str, target: str = "") -> dict[str, Any] | None:
    """The summary's first comparison of an arm under a condition, also of the baseline."""
    comparisons = run.summary.get("comparisons") or []
    found = (c for c in comparisons if (c["arm"], c["condition"]) == (arm, condition))
    return next((within(c) for c in found if not target or c.get("target") == target), None)


def recommended(run: Run, arm: Mapping[str, Any]) -> str:
    """What the summary recommends of an arm: ``use this``, with a reservation, or nothing."""
    advice = _advice_on(run, arm)
    if advice.get("arm") != arm["arm"]:
        return ""
    if not advice.get("best"):
        return "use for now"
    return "use this, if any" if advice.get("unbeaten") else "use this"


def may_be_best(run: Run, arm: Mapping[str, Any]) -> bool:
    """Whether an arm is among those that contain the best one with 95%."""
    return arm["arm"] in (_advice_on(run, arm).get("best") or [])


def _advice_on(run: Run, arm: Mapping[str, Any]) -> Mapping[str, Any]:
    """The summary's recommendation if it is about the arm's condition and target; else nothing."""
    advice = run.summary.get("recommended") or {}
    told = (str(advice.get("condition") or ""), str(advice.get("target") or ""))
    return advice if told == (arm.get("condition", ""), run.target_of(arm)) else {}


def is_baseline(run: Run, arm: Mapping[str, Any]) -> bool:
    """Whether it is the study's baseline, or any arm is compared with it."""
    others = {str(c["against"]) for c in run.summary.get("comparisons") or []}
    return arm["arm"] in others | {run.summary.get("baseline")}


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        UserError: the folder has no ``summary.json``, or it cannot be read.
    """
    path = folder / "summary.json"
    if not path.is_file():
        raise UserError(f"{folder} is not a finished run: it has no summary.json")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        summary["arms"][:]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    stages = folder / "stages.csv"
    return Run(
        folder=folder,
        summary=summary,
        stages=read_stages(stages) if stages.is_file() else [],
        samples=read_samples(folder),
        study=_text(folder / "study.yaml"),
        provenance=json.loads(_text(folder / "provenance.json") or "{}"),
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
