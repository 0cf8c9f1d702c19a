"""Arms × axes → stages. Equal stages are one, addressed by the hash of all that determines it."""

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nearfar.data.read.locate import locate
from nearfar.encoders import ENCODERS
from nearfar.metrics import METRICS
from nearfar.plan.chain import (
    ExternalEncoder,
    FileContents,
    Step,
    chain_of,
    encoder_named,
    no_external,
    scoring_of,
)
from nearfar.plan.deciding import decided, deciding, stands_for, trainings, without_values
from nearfar.plan.environment import Environment
from nearfar.plan.importance import importance_of
from nearfar.plan.proposals import Space, Values, proposed, seed_of
from nearfar.plan.search import Choice, Outcome, Try, point_name, ranked
from nearfar.records.conditions import joined, pairs_of
from nearfar.study.load import Point, Resolved
from nearfar.study.points import point_at
from nearfar.study.schema import Arm, Study
from nearfar.weight_files import known_file


@dataclass(frozen=True, order=True)
class Cell:
    """One arm under one seed and condition, and the hashes of its chain of stages.

    ``search`` names the point where the chain only serves to choose one; no number comes of it.
    ``scored`` holds the values of the score axes: how the fit is judged, after the condition under
    which it was trained.
    """

    arm: str
    seed: int
    condition: str
    chain: tuple[str, ...]
    search: str = ""
    scored: str = ""

    @property
    def place(self) -> str:
        """The condition as records have it, score axes among the others."""
        return joined({**pairs_of(self.condition), **pairs_of(self.scored)})


@dataclass(frozen=True)
class PlannedArm:
    """An arm after its compare axes became part of its name; ``target`` None is the data's own.

    ``pretrained``: a stage trains its encoder first, or the encoder brings weights.
    """

    group: str
    against: str
    target: str | None
    pretrained: bool


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


AskedFor = Callable[[str, str, int], bool]
"""(arm in the study, its name in records, seed) → whether it is trained with that seed."""


def make_plan(
    resolved: Resolved,
    digest: str,
    environment: Environment,
    outcomes: Callable[[str], Outcome | None] = lambda stage_hash: None,
    *,
    external: ExternalEncoder = no_external,
    failed: Collection[str] = (),
    guess: bool = False,
    asked: AskedFor | None = None,
    files: FileContents = MappingProxyType({}),
) -> Plan:
    """Plan a study on the data with this digest.

    ``outcomes`` tells how a stage ended, None where it has not: choices are made from what is
    known. ``external`` finds the encoders of other runs. Where a stage has ``failed``, so has its
    arm: nothing is chosen among fewer points. With ``guess`` the first point stands for the one to
    be chosen, to estimate the whole. ``asked`` says with which of the seeds an arm is trained, by
    default all. ``files`` says what the files of embeddings hold.
    """
    files = {**files, **weight_files_of(resolved)}
    given = (resolved, digest, environment, outcomes, external, failed, guess, asked, files)
    planner = _Planner(*given)
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


def weight_files_of(resolved: Resolved) -> dict[str, dict[str, Any]]:
    """Return hash and place of the files of weights that a study names, by their paths there.

    Encoders that are built in this process afterwards find them.

    Raises:
        UserError: one is not there.
    """
    places = {path: locate(path, resolved.folder)[0] for path in resolved.weight_files}
    return {path: {"digest": known_file(it), "place": it} for path, it in places.items()}


class _Planner:
    """Collects steps, cells and choices; ``places`` are points alike but for choose axes."""

    def __init__(
        self,
        resolved: Resolved,
        digest: str,
        environment: Environment,
        outcomes: Callable[[str], Outcome | None],
        external: ExternalEncoder,
        failed: Collection[str],
        guess: bool,
        asked: AskedFor | None,
        files: FileContents,
    ) -> None:
        self.resolved, self.digest, self.environment = resolved, digest, environment
        self.outcomes, self.external = functools.cache(outcomes), external
        self.failed, self.guess, self.asked, self.files = failed, guess, asked, files
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
        seeds = self._seeds_of(arm, points[0])
        if seed not in seeds:
            return
        varies = self.resolved.study.split.varies
        if (space := self._space(arm)) is not None:
            if varies or seed == seeds[0]:
                self._search(arm, points[0], space, (seed,) if varies else tuple(seeds))
            return
        distinct: dict[str, Point] = {}
        for point in points:
            distinct.setdefault(point_name(self._choosable(arm, point)), point)
        if len(distinct) == 1:
            self._use(arm, points[0], points[0].study, seed)
        elif varies:
            self._grid(arm, distinct, (seed,))
        elif seed == seeds[0]:
            self._grid(arm, distinct, tuple(seeds))

    def _seeds_of(self, arm: str, point: Point) -> list[int]:
        """The seeds that an arm is trained with."""
        if self.asked is None:
            return self.resolved.seeds
        name = self.resolved.names(point)[arm]
        return [seed for seed in self.resolved.seeds if self.asked(arm, name, seed)]

    def _use(
        self, arm: str, point: Point, study: Study, seed: int, search: str = "", further: int = 0
    ) -> tuple[str, ...]:
        """Add a chain of stages and who uses it; return its hashes."""
        chain = self._stages(arm, study, seed, further)
        for step in chain:
            self.steps.setdefault(step.hash, step)
        name, condition = self.resolved.names(point)[arm], condition_of(point)
        stage_hashes = tuple(step.hash for step in chain)
        if search:
            self.cells.setdefault(Cell(name, seed, condition, stage_hashes, search))
            return stage_hashes
        for scoring in self.resolved.scorings:
            scored, judged = joined(scoring.labels), stage_hashes
            if scoring.test.changes:
                score = scoring_of(chain[-1], scoring.test, seed)
                self.steps.setdefault(score.hash, score)
                judged = (*stage_hashes, score.hash)
            self.cells.setdefault(Cell(name, seed, condition, judged, scored=scored))
        return stage_hashes

    def _space(self, arm: str) -> Space | None:
        """Return where an arm's points are proposed, None where they are a grid or one point."""
        used = self.resolved.axes_of(arm)
        axes = [
            (name, axis)
            for name, axis in sorted(self.resolved.study.axes.items())
            if axis.role == "choose" and name in used
        ]
        if not any(axis.searched for _, axis in axes):
            return None
        budget = self.resolved.study.search
        if budget is None or budget.seeds is None:
            return Space(tuple(axes))
        return Space(tuple(axes), budget.seeds, budget.threshold)

    def _search(self, arm: str, like: Point, space: Space, seeds: tuple[int, ...]) -> None:
        """Add the points of a search that are proposed so far, and what is chosen in the end."""
        place = (self.resolved.names(like)[arm], condition_of(like), seeds[0])
        points: dict[str, Point] = {}
        trained: dict[str, set[int]] = {}

        def tried(values: Values, number: int) -> Try:
            point = point_at(self.resolved, like, values)
            name = point_name(self._choosable(arm, point))
            points.setdefault(name, point)
            trained.setdefault(name, set()).add(number)
            return self._tried(arm, name, point, seeds[0], number)

        drawn = space, seed_of(*place)
        metric, reason = decided(*drawn, like.study.metric, tried)

        def outcome(values: Values, number: int) -> float | None:
            ended = tried(values, number)
            known = ended.status in {"done", "diverged"}
            return ended.values.get(metric, math.nan) if known else None

        asked = *drawn, METRICS[metric].better, outcome
        found = proposed(*asked)
        if self.guess and not found.complete:
            proposed(*asked, at_once=True)
        pruned = {point_name({axis: label for axis, (label, _) in p.items()}) for p in found.pruned}
        tries = [
            Try.over(
                [self._tried(arm, name, point, seeds[0], k) for k in sorted(trained[name])],
                space.seeds,
                metric,
                pruned=name in pruned,
            )
            for name, point in points.items()
        ]
        spent = {
            step.hash
            for name, point in points.items()
            for number in trained[name]
            for step in self._stages(arm, point.search, seeds[0], number)
        }
        choice = Choice(*place[:2], seeds, metric, tuple(tries), reason=reason)
        choice = replace(choice, space=space.to_plain(), trainings=trainings(space, trained, tries))
        self._choose(arm, points, choice, spent, complete=found.complete)

    def _tried(self, arm: str, name: str, point: Point, seed: int, number: int = 0) -> Try:
        """Add the chain of a point of a search, with its so many-th seed; return how it ended."""
        search = f"{name}, seed {seed + number}" if number else name
        chain = self._use(arm, point, point.search, seed, search, number)
        ends = [self.outcomes(stage_hash) for stage_hash in chain]
        tried = Try.of(self._choosable(arm, point), ends)
        if not set(chain) & set(self.failed):
            return tried
        self._use(arm, point, point.search, seed)
        return replace(tried, status="failed")

    def _grid(self, arm: str, points: Mapping[str, Point], seeds: tuple[int, ...]) -> None:
        """Add the points of a grid, and what is chosen among them."""
        tries = [self._tried(arm, name, point, seeds[0]) for name, point in points.items()]
        first = next(iter(points.values()))
        place = (self.resolved.names(first)[arm], condition_of(first))
        metric = deciding(tries, first.study.metric)
        reason = stands_for(metric, first.study.metric, f"the {len(tries)} points")
        chains = [self._stages(arm, other.search, seeds[0]) for other in points.values()]
        spent = {step.hash for chain in chains for step in chain}
        choice = Choice(*place, seeds, metric, tuple(tries), reason=reason)
        self._choose(arm, points, choice, spent)

    def _choose(
        self,
        arm: str,
        points: Mapping[str, Point],
        choice: Choice,
        spent: Collection[str],
        *,
        complete: bool = True,
    ) -> None:
        """Add a choice, made where all is known; ``spent`` are the stages that served it."""
        ended = {"done", "diverged", "pruned"}
        if complete and all(tried.status in ended for tried in choice.tries):
            self.choices.append(self._chosen(arm, list(points.items()), choice, spent))
            return
        self.choices.append(choice)
        if self.guess:
            first = next(iter(points.values()))
            for seed in choice.seeds:
                self._use(arm, first, first.study, seed)

    def _chosen(
        self,
        arm: str,
        points: list[tuple[str, Point]],
        choice: Choice,
        spent: Collection[str],
    ) -> Choice:
        """Return the choice of the best point whose final runs have not diverged so far."""
        order = ranked(choice.tries, choice.metric)
        given_up = [choice.reason] if choice.reason else []
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
            given_up.append("no other point is left" if order else without_values(choice))
        fallback = bool(order) and k != order[0]
        name, point = points[k]
        used = {a for seed in choice.seeds for a in self._use(arm, point, point.study, seed)}
        costs = [self.outcomes(stage_hash) or {} for stage_hash in sorted(set(spent) - used)]
        return replace(
            choice,
            chosen=choice.tries[k].labels,
            fallback=fallback,
            reason="; ".join(given_up),
            epochs=sum(cost.get("epochs", 0) for cost in costs),
            seconds=sum(cost.get("seconds", 0.0) for cost in costs),
            importance=importance_of(choice),
        )

    def _choosable(self, arm: str, point: Point) -> dict[str, str]:
        """Return axis → label of the choose axes that the arm depends on."""
        used = self.resolved.axes_of(arm)
        return {axis: label for axis, label in point.along("choose").items() if axis in used}

    def _stages(self, arm: str, study: Study, seed: int, further: int = 0) -> tuple[Step, ...]:
        given = (self.digest, self.environment, self.external, self.files)
        return chain_of(study, study.arms[arm], seed, *given, further=further)


def _arms(resolved: Resolved) -> dict[str, PlannedArm]:
    """Return the arms in the study's order, those of one compare axis beside each other."""
    arms: dict[str, PlannedArm] = {}
    for base in resolved.study.arms:
        for point in resolved.points:
            names, arm = resolved.names(point), point.study.arms[base]
            against = arm.against or point.study.baseline
            planned = PlannedArm(arm.group, names[against], arm.fit.target, _pretrained(arm))
            arms.setdefault(names[base], planned)
    return arms


def _pretrained(arm: Arm) -> bool:
    named = encoder_named(arm.fit.encoder, {})
    brings = named is not None and ENCODERS[named.name].pretrained(named.options)
    return brings or arm.pretrain is not None


def condition_of(point: Point) -> str:
    """Return the values of the condition axes as records have them."""
    return joined(point.along("condition"))
