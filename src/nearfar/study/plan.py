"""Arms × axes → stages. Equal stages are one, addressed by the hash of all that determines it."""

import functools
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nearfar import __version__
from nearfar.data.options import SplitOptions
from nearfar.objectives import OBJECTIVES
from nearfar.study.load import Point, Resolved
from nearfar.study.schema import Arm, ExactFit, Stage, Study, TrainedFit, Training
from nearfar.study.selection import Choice, Outcome, Try, point_name, ranked


@dataclass(frozen=True)
class Step:
    """One stage: its specification, and the hash of the stage it starts from."""

    name: str
    spec: dict[str, Any]
    hash: str
    needs: str | None = None

    @property
    def unit(self) -> str:
        """What the length is counted in: ``epoch`` or ``iteration``."""
        return "iteration" if "iterations" in self.spec.get("recipe", {}) else "epoch"

    @property
    def length(self) -> int:
        """Epochs or iterations to train; 0 for a head that is solved."""
        return int(self.spec.get("recipe", {}).get(f"{self.unit}s", 0))

    def epochs_over(self, rows: int) -> float:
        """Return about how many epochs are trained on a data set of ``rows`` rows."""
        if self.unit == "epoch":
            return float(self.length)
        batch: int = self.spec["recipe"]["batch"]
        return self.length * min(1.0, batch / rows)


@dataclass(frozen=True, order=True)
class Cell:
    """One arm under one seed and condition, and the hashes of its chain of stages.

    ``search`` names the point where the chain only serves to choose one; no number comes of it.
    """

    arm: str
    seed: int
    condition: str
    chain: tuple[str, ...]
    search: str = ""


@dataclass(frozen=True)
class PlannedArm:
    """An arm after its compare axes became part of its name; ``target`` None is the data's own."""

    group: str
    against: str
    target: str | None


@dataclass(frozen=True)
class Plan:
    """Every stage of a study, each once, in an order in which they can run; and who uses them.

    Where a choice is still to be made, what follows from it is not there yet.
    """

    steps: dict[str, Step]
    cells: list[Cell]
    arms: dict[str, PlannedArm]
    baseline: str
    choices: list[Choice]

    def epochs_over(self, rows: int) -> float:
        """Return about how many epochs all stages together are trained on ``rows`` rows."""
        return sum(step.epochs_over(rows) for step in self.steps.values())


@dataclass(frozen=True)
class Environment:
    """What beside the study determines numbers."""

    torch: str
    device: str
    nearfar: str = __version__


def stage_hash(spec: dict[str, Any]) -> str:
    """Return the address of a stage: 16 hexadecimal digits of the SHA-256 of its specification."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(
    resolved: Resolved,
    digest: str,
    environment: Environment,
    outcomes: Callable[[str], Outcome | None] = lambda address: None,
    *,
    failed: Collection[str] = (),
    guess: bool = False,
) -> Plan:
    """Plan a study on the data with this digest.

    ``outcomes`` tells how a stage ended, None where it has not: choices are made from what is
    known. Where a stage has ``failed``, so has its arm: nothing is chosen among fewer points. With
    ``guess`` the first point stands for the one to be chosen, to estimate the whole.
    """
    planner = _Planner(resolved, digest, environment, outcomes, failed, guess)
    for seed in resolved.seeds:
        for points in planner.places:
            for arm in resolved.study.arms:
                planner.add(arm, points, seed)
    first = resolved.names(resolved.points[0])
    return Plan(
        planner.steps,
        list(planner.cells),
        _arms(resolved),
        first[resolved.study.baseline],
        planner.choices,
    )


class _Planner:
    """Collects steps, cells and choices; ``places`` are points alike but for choose axes."""

    def __init__(
        self,
        resolved: Resolved,
        digest: str,
        environment: Environment,
        outcomes: Callable[[str], Outcome | None],
        failed: Collection[str],
        guess: bool,
    ) -> None:
        self.resolved, self.digest, self.environment = resolved, digest, environment
        self.outcomes, self.failed, self.guess = functools.cache(outcomes), failed, guess
        self.steps: dict[str, Step] = {}
        self.cells: dict[Cell, None] = {}
        self.choices: list[Choice] = []
        places: dict[tuple[Any, ...], list[Point]] = {}
        for point in resolved.points:
            place = (*point.along("compare").items(), None, *point.along("condition").items())
            places.setdefault(place, []).append(point)
        self.places = list(places.values())

    def add(self, arm: str, points: Sequence[Point], seed: int) -> None:
        """Add an arm at one place: its chain, or a search and what is chosen there so far."""
        used = self.resolved.axes_of(arm)
        distinct: dict[str, Point] = {}
        for point in points:
            labels = {axis: x for axis, x in point.along("choose").items() if axis in used}
            distinct.setdefault(point_name(labels), point)
        if len(distinct) == 1:
            self._use(arm, points[0], points[0].study, seed)
        elif self.resolved.study.split.resplit:
            self._choose(arm, distinct, (seed,))
        elif seed == self.resolved.seeds[0]:
            self._choose(arm, distinct, tuple(self.resolved.seeds))

    def _use(
        self, arm: str, point: Point, study: Study, seed: int, search: str = ""
    ) -> tuple[str, ...]:
        """Add a chain of stages and who uses it; return its hashes."""
        chain = self._stages(arm, study, seed)
        for step in chain:
            self.steps.setdefault(step.hash, step)
        name, condition = self.resolved.names(point)[arm], condition_of(point)
        addresses = tuple(step.hash for step in chain)
        self.cells.setdefault(Cell(name, seed, condition, addresses, search))
        return addresses

    def _choose(self, arm: str, points: Mapping[str, Point], seeds: tuple[int, ...]) -> None:
        used = self.resolved.axes_of(arm)
        tries = []
        for name, point in points.items():
            labels = {axis: x for axis, x in point.along("choose").items() if axis in used}
            chain = self._use(arm, point, point.search, seeds[0], search=name)
            tried = Try.of(labels, [self.outcomes(address) for address in chain])
            if set(chain) & set(self.failed):
                tried = replace(tried, status="failed")
                self._use(arm, point, point.search, seeds[0])
            tries.append(tried)
        first = next(iter(points.values()))
        metric, place = first.study.metric, (self.resolved.names(first)[arm], condition_of(first))
        choice = Choice(*place, seeds, metric, tuple(tries))
        if all(tried.status in {"done", "diverged"} for tried in tries):
            self.choices.append(self._chosen(arm, list(points.items()), choice))
            return
        self.choices.append(choice)
        if self.guess:
            for seed in seeds:
                self._use(arm, first, first.study, seed)

    def _chosen(self, arm: str, points: list[tuple[str, Point]], choice: Choice) -> Choice:
        """Return the choice of the best point whose final runs have not diverged so far."""
        order = ranked(choice.tries, choice.metric)
        given_up: list[str] = []
        for k in order:
            name, point = points[k]
            chains = [self._stages(arm, point.study, seed) for seed in choice.seeds]
            ends = [self.outcomes(chain[-1].hash) for chain in chains]
            lost = sum(end is not None and end["status"] != "done" for end in ends)
            if not lost:
                break
            given_up.append(f"{name} diverged in {lost} of {len(ends)} final runs")
            for seed, end in zip(choice.seeds, ends, strict=True):
                if end is not None:
                    self._use(arm, point, point.study, seed, search=f"{name}, final budget")
        else:
            k = order[0] if order else 0
            given_up.append("no other point is left" if order else "every point diverged")
        fallback = bool(order) and k != order[0]
        name, point = points[k]
        used = {a for seed in choice.seeds for a in self._use(arm, point, point.study, seed)}
        chains = [self._stages(arm, other.search, choice.seeds[0]) for _, other in points]
        spent = {step.hash for chain in chains for step in chain} - used
        costs = [self.outcomes(address) or {} for address in sorted(spent)]
        return replace(
            choice,
            chosen=choice.tries[k].labels,
            fallback=fallback,
            reason="; ".join(given_up),
            epochs=sum(cost.get("epochs", 0) for cost in costs),
            seconds=sum(cost.get("seconds", 0.0) for cost in costs),
        )

    def _stages(self, arm: str, study: Study, seed: int) -> tuple[Step, ...]:
        return _chain(study, study.arms[arm], seed, self.digest, self.environment)


def _arms(resolved: Resolved) -> dict[str, PlannedArm]:
    """Return the arms in the study's order, those of one compare axis beside each other."""
    arms: dict[str, PlannedArm] = {}
    for base in resolved.study.arms:
        for point in resolved.points:
            names, arm = resolved.names(point), point.study.arms[base]
            against = arm.against or point.study.baseline
            planned = PlannedArm(arm.group, names[against], arm.fit.target)
            arms.setdefault(names[base], planned)
    return arms


def condition_of(point: Point) -> str:
    """Return the values of the condition axes as records have them."""
    return ";".join(f"{name}={label}" for name, label in point.along("condition").items())


def _chain(
    study: Study, arm: Arm, seed: int, digest: str, environment: Environment
) -> tuple[Step, ...]:
    data = {"digest": digest, "split": _split(study.split, seed)}
    labelled = {**data, "labels": study.labels} if study.labels < 1 else data
    common = {
        "data": labelled,
        "seed": seed,
        "environment": {
            "nearfar": environment.nearfar,
            "torch": environment.torch,
            "device": environment.device,
            "threads": study.threads,
        },
    }
    chain: list[Step] = []
    if arm.pretrain is not None:
        stage = study.stages[arm.pretrain.stage]
        reads = OBJECTIVES[stage.objective.name].reads_labels
        spec = {**common, "data": labelled if reads else data, **_pretrain_spec(stage)}
        chain.append(Step(f"pretrain:{arm.pretrain.stage}", spec, stage_hash(spec)))
    fit = {**common, **_fit_spec(arm.fit, study.metric)}
    if study.data.task == "reconstruction":
        fit |= {"task": study.data.task, "data": data}
    if arm.fit.target is not None:
        classes = [list(pair) for pair in study.targets[arm.fit.target].items()]
        fit["target"] = {"name": arm.fit.target, "classes": classes}
    if arm.pretrain is not None:
        fit["input"] = {"stage": chain[0].hash, "epoch": arm.pretrain.epoch}
    chain.append(Step("fit", fit, stage_hash(fit), chain[0].hash if chain else None))
    return tuple(chain)


def _split(options: SplitOptions, seed: int) -> dict[str, Any]:
    return {**options.model_dump(mode="json"), "seed": seed if options.resplit else None}


def _pretrain_spec(stage: Stage) -> dict[str, Any]:
    return {
        "kind": "pretrain",
        "encoder": stage.encoder.model_dump(mode="json"),
        "objective": stage.objective.model_dump(mode="json"),
        "recipe": stage.recipe("last").to_plain(),
        "keep": list(stage.keep),
        **_augment(stage),
    }


def _fit_spec(fit: TrainedFit | ExactFit, metric: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"kind": "fit", "head": fit.head.model_dump(mode="json")}
    if fit.encoder is not None:
        spec["encoder"] = fit.encoder.model_dump(mode="json")
    if fit.weights is not None:
        spec["weights"] = fit.weights
    if isinstance(fit, ExactFit):
        return spec
    return {
        **spec,
        "train": fit.train,
        "loss": fit.loss,
        "standardise": fit.standardise,
        "encoder_lr": fit.encoder_lr,
        "batch_norm": fit.batch_norm,
        "recipe": fit.recipe(fit.select).to_plain(),
        "metric": metric,
        **_augment(fit),
        **({"frozen_views": fit.frozen_views} if fit.frozen_views else {}),
    }


def _augment(training: Training) -> dict[str, Any]:
    views = [view.model_dump(mode="json") for view in training.augment]
    return {"augment": views} if views else {}
