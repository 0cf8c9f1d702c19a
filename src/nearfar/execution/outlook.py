"""What a study will find: from the variances of its run, or before any from its solved arms alone.

Nothing is trained by gradient descent here, and nothing is written but stages that are solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median
from typing import Any

import numpy as np

from nearfar.analysis.families import QUESTION, reference_of
from nearfar.analysis.outlook import (
    Asked,
    Compared,
    Cost,
    Outlook,
    Solved,
    best_of,
    guess_rows,
    has_row_scores,
    look_ahead,
    parts_before_training,
    unit_of,
    with_row_scores,
)
from nearfar.analysis.row_scores import KeptScores
from nearfar.analysis.variance import Parts, single_unit
from nearfar.errors import UserError
from nearfar.execution.collect import collect
from nearfar.execution.events import Event
from nearfar.execution.prepared import Prepared, external_encoders
from nearfar.execution.run import carry_out_stages
from nearfar.execution.run_plan import groups_of, run_plan
from nearfar.plan.plan import Cell, Plan, make_plan
from nearfar.plan.specs import ScoreSpec, SolveSpec
from nearfar.records import StageRow
from nearfar.study.extend import with_seeds
from nearfar.study.load import resolve

CONTROL = "control"
CONSTANT_HEAD = "mean"
MOST, LEAST = 5, 3
"""How many trainings of the solved arms tell what rows contribute."""


def outlook_of_run(prepared: Prepared, jobs: int) -> Outlook | None:
    """Look ahead from what the run found so far; None where it has tested nothing yet.

    ``jobs`` processes share the seconds that its stages take.
    """
    summary = prepared.folder.read_json("summary.json")
    asked = [c for c in summary.get("comparisons") or () if c.get("family") == QUESTION]
    tested = [c for c in asked if c.get("parts")]
    if not tested:
        return None
    errors = [c["baseline_mean"] for c in tested]
    compared = [
        Compared(
            Parts(**c["parts"]),
            c["arm"],
            c["against"],
            c["verdict"],
            c["trainings_to_decide"],
            c["undecidable"],
        )
        for c in tested
    ]
    rivals = dict.fromkeys(c["against"] for c in tested)
    question = Asked(
        study=summary["study"],
        profile=summary["profile"],
        metric=summary["metric"],
        unit=summary["unit"],
        trainings=len(summary["seeds"]),
        comparisons=len({_pair(c) for c in asked if c.get("p") is not None}),
        reference=fmean(errors),
        reference_arm=next(iter(rivals)) if len(rivals) == 1 else "the baselines",
        margin=median(c["margin"] for c in tested),
        cost=cost_of_run(prepared.folder.stage_rows(), jobs),
    )
    return look_ahead(question, compared, "run", ())


def _pair(comparison: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is one test, in whichever direction it is asked."""
    arms = frozenset((comparison["arm"], comparison["against"]))
    return arms, comparison.get("condition"), comparison.get("target")


def cost_of_run(rows: Iterable[StageRow], jobs: int) -> Cost | None:
    """Return what a run's stages took: once where several seeds share one, else for each seed."""
    seconds: dict[str, float] = {}
    users: dict[str, set[int]] = {}
    seeds = set()
    for row in rows:
        seeds.add(row.seed)
        seconds[row.hash] = row.seconds
        users.setdefault(row.hash, set()).add(row.seed)
    if not sum(seconds.values()):
        return None
    shared = {a for a, some in users.items() if len(some) > 1}
    once = sum(seconds[a] for a in shared)
    each = sum(seconds[a] for a in seconds if a not in shared) / len(seeds)
    return Cost(once / 60 / jobs, each / 60 / jobs)


def solved_alone(prepared: Prepared) -> Prepared:
    """Return of a study the arms that are solved without gradient descent, in a few trainings.

    A study without any gets one that predicts a constant. They are those under the first values of
    all axes, and that predict what the baseline does.

    Raises:
        UserError: the study's metric has no row scores.
    """
    study, text = prepared.resolved.study, prepared.resolved.text
    if not has_row_scores(study.metric):
        _refuse(prepared)
    seeds = [*dict.fromkeys([*prepared.resolved.seeds[:MOST], *range(MOST)])]
    text = with_seeds(text, seeds[: max(min(len(prepared.resolved.seeds), MOST), LEAST)])
    found = _planned(prepared, text)
    if not found.plan.cells:
        target = prepared.plan.arms[prepared.plan.baseline].target
        fit = {"head": CONSTANT_HEAD, **({"target": target} if target else {})}
        arm = {"group": CONTROL, "fit": fit}
        name = next(n for n in _names("constant") if n not in text["arms"])
        found = _planned(prepared, {**text, "arms": {**text["arms"], name: arm}})
    return found


def _refuse(prepared: Prepared) -> None:
    metric = prepared.resolved.study.metric
    after = (
        "; after a run with at least 3 seeds it needs none" if run_plan(prepared).resplit else ""
    )
    raise UserError(
        f"metric: {metric} has no scores of single rows, which plan needs before a run{after}; "
        f"metrics that have: {', '.join(with_row_scores(metric))}"
    )


def _names(name: str) -> Iterable[str]:
    while True:
        yield name
        name += "'"


def _planned(prepared: Prepared, text: Mapping[str, Any]) -> Prepared:
    """Return the solved part of the study that ``text`` describes, with a plan of it alone."""
    where = prepared.folder.path / "study.yaml"
    resolved = resolve(text, where, modules=text.get("modules") or ())
    given = (resolved, prepared.dataset.digest, prepared.environment, prepared.folder.store.outcome)
    external = external_encoders(prepared.folder, resolved, prepared.dataset)
    files = prepared.dataset.file_contents
    plan = make_plan(*given, external=external, files=files)
    target = plan.arms[plan.baseline].target
    cells = [
        cell
        for cell in plan.cells
        if cell.place == reference_of(resolved.text["axes"])
        and not cell.search
        and plan.arms[cell.arm].target == target
        and _is_solved(cell, plan)
    ]
    used = {stage_hash for cell in cells for stage_hash in cell.chain}
    steps = {stage_hash: step for stage_hash, step in plan.steps.items() if stage_hash in used}
    return replace(
        prepared, resolved=resolved, plan=replace(plan, cells=cells, steps=steps), failures={}
    )


def _is_solved(cell: Cell, plan: Plan) -> bool:
    specs = [plan.steps[stage_hash].spec for stage_hash in cell.chain]
    return all(isinstance(spec, SolveSpec | ScoreSpec) for spec in specs)


def outlook_before(
    prepared: Prepared,
    solved: Prepared,
    jobs: int,
    watch: Callable[[Event], None],
    cost: Cost | None = None,
) -> Outlook | None:
    """Carry out the solved arms of :func:`solved_alone`, and look ahead from their row scores.

    ``cost`` is that of the whole study, None where it is not known. The outlook is None where
    stages failed and nothing is left; ``solved.failures`` say why.

    Raises:
        UserError: the solved arms differ nowhere, and so say nothing of any difference; or all
            tested rows are of one group.
    """
    carry_out_stages(solved, jobs, watch)
    scores = _scores(solved)
    arms = _scored_arms(solved, scores)
    if not arms:
        return None
    study = prepared.resolved.study
    every = [trainings for arm in arms for trainings in arm.scores.values()]
    if one := single_unit(every, scores.groups):
        raise UserError(
            f"{study.study}: {one}; test several, by another split or without data: group, or run "
            "the study: its numbers stand without a test"
        )
    guess = guess_rows(arms, scores.groups, scores.n_rows)
    if guess is None:
        raise UserError(
            f"{study.study}: every tested row has the same {study.metric} under every solved arm "
            f"({', '.join(arm.name for arm in arms)}); add one that differs, for instance "
            "{encoder: identity, head: ridge}, or run the study first"
        )
    plan = run_plan(prepared)
    tested = [t.rows for arm in arms for t in arm.scores.values()]
    rows = np.unique(np.concatenate(tested))
    of_any = rows if scores.groups is None else np.unique(scores.groups[rows])
    whole = scores.n_rows if scores.groups is None else len(np.unique(scores.groups))
    folds = plan.folds or 0
    parts = parts_before_training(
        guess.own,
        "folds" if folds else "resplits" if plan.resplit else "fixed",
        rotation=folds,
        overlap=fmean(map(len, tested)) / scores.n_rows,
        units=whole if folds else len(of_any),
    )
    asked = _asked(prepared, arms, cost)
    return look_ahead(asked, [Compared(parts)], guess.source, guess.arms)


def _scores(solved: Prepared) -> KeptScores:
    """Row scores of the solved arms, as the summary of a run would read them."""
    dataset, study = solved.dataset, solved.resolved.study
    plan_of_run, store = run_plan(solved), solved.folder.store
    records, _ = collect(plan_of_run.cells, store, solved.reasons, plan_of_run.unit)
    groups = groups_of(dataset, study.split)
    classes = plan_of_run.classes_by_target
    return KeptScores(store.root, records, study.metric, dataset.ids, groups, classes)


def _scored_arms(solved: Prepared, scores: KeptScores) -> list[Solved]:
    """The solved arms that have row scores, those that are one computation once."""
    plan, predicts = solved.plan, run_plan(solved).arms
    reference = reference_of(solved.resolved.text["axes"])
    found = []
    for arm in dict.fromkeys(_twins(plan, reference).values()):
        tested = scores.tested(arm, reference, predicts[arm].predicts)
        first = next(cell for cell in plan.cells if cell.arm == arm)
        spec = plan.steps[first.chain[0]].spec
        assert isinstance(spec, SolveSpec)
        if tested is not None and len(tested) > 1:
            found.append(Solved(arm, spec.head.name == CONSTANT_HEAD, tested))
    return found


def _twins(plan: Plan, reference: str) -> dict[str, str]:
    """Return arm → the first arm that is the same computation under a condition, maybe itself."""
    chains: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for cell in plan.cells:
        if cell.place == reference and not cell.search:
            chains.setdefault(cell.arm, []).append((cell.seed, cell.chain))
    first: dict[tuple[tuple[int, tuple[str, ...]], ...], str] = {}
    return {arm: first.setdefault(tuple(chain), arm) for arm, chain in chains.items()}


def _asked(prepared: Prepared, arms: Sequence[Solved], cost: Cost | None) -> Asked:
    resolved, study = prepared.resolved, prepared.resolved.study
    of_baseline = [arm for arm in arms if arm.name == prepared.plan.baseline]
    best = best_of(of_baseline or arms, study.metric)
    trainings = len(resolved.seeds)
    return Asked(
        study=study.study,
        profile=study.profile,
        metric=study.metric,
        unit=unit_of(study.metric),
        trainings=trainings,
        comparisons=_comparisons(prepared.plan, reference_of(resolved.text["axes"])),
        reference=best.mean,
        reference_arm=best.name,
        margin=study.margin,
        cost=cost,
        untested=_untested(prepared),
    )


def _untested(prepared: Prepared) -> str:
    """Why the run so far tested nothing; empty where there is none."""
    summary = prepared.folder.read_json("summary.json")
    asked = (c for c in summary.get("comparisons") or () if c["family"] == QUESTION)
    reasons = (c["reason"] for c in asked if c["reason"])
    return next(reasons, "nothing was compared") if summary.get("arms") else ""


def _comparisons(plan: Plan, reference: str) -> int:
    """How many comparisons the study's question has: of arms that are no controls, each once."""
    twins = _twins(plan, reference)
    pairs = set()
    for name, arm in plan.arms.items():
        pair = twins.get(name, name), twins.get(arm.against, arm.against)
        alike = plan.arms[arm.against].target == arm.target
        if arm.group != CONTROL and alike and pair[0] != pair[1]:
            pairs.add(frozenset(pair))
    return max(len(pairs), 1)
