"""Carrying out stages: one, or several that share a computation."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from nearfar.data import Dataset
from nearfar.plan.specs import FitSpec, ScoreSpec, SolveSpec, StageSpec
from nearfar.ranks.share import ALONE, Rank
from nearfar.records.stages import StageStore, write_stage
from nearfar.stages.context import StageContext, ended
from nearfar.stages.fit import Fitting, train
from nearfar.stages.prepare import write_preparation
from nearfar.stages.pretrain import pretrain
from nearfar.stages.score import judge
from nearfar.stages.solve import Solving, solve

Outcome = dict[str, Any]


Ranks = Callable[[StageSpec, Path], AbstractContextManager[Rank]]
"""(specification, folder) → within the context this is one rank of those that train the stage."""


@contextmanager
def by_itself(spec: StageSpec, folder: Path) -> Iterator[Rank]:
    """Train a stage in this process alone."""
    if spec.environment.devices > 1:
        raise ValueError(f"a stage of {spec.environment.devices} devices needs their processes")
    yield ALONE


def run_as_rank(
    spec: StageSpec, dataset: Dataset, store: StageStore, folder: Path, rank: Rank
) -> None:
    """Take part in the training of a stage that another process carries out in ``folder``."""

    def quiet(done: int, loss: float) -> None:
        pass

    _carry_out([StageContext.on(spec, dataset, store, folder, quiet, {}, rank)])


def run_stages(
    specs: Mapping[str, StageSpec],
    dataset: Dataset,
    store: StageStore,
    report: Callable[[str, int, float], None],
    ranks: Ranks = by_itself,
) -> dict[str, Outcome]:
    """Carry out stages (hash → specification) as one computation; publish their folders.

    Most often it is one. The caller sets the number of threads, and sees to it that the stages can
    share a computation (``plan/groups.py``). ``ranks`` brings the others where a stage takes
    several devices; it is alone in its bundle. Returns hash → outcome.

    Raises:
        StageBusy: another process is at one of them.
    """
    asked = [(spec, functools.partial(report, found)) for found, spec in specs.items()]
    with store.working_on(*specs) as folders:
        shared: dict[str, Any] = {}
        with ranks(next(iter(specs.values())), folders[0]) as rank:
            contexts = [
                StageContext.on(spec, dataset, store, folder, told, shared, rank)
                for (spec, told), folder in zip(asked, folders, strict=True)
            ]
            outcomes = _carry_out(contexts)
        for context, outcome in zip(contexts, outcomes, strict=True):
            if context.preparation is not None:
                write_preparation(context.folder, context.preparation)
            outcome["device"] = context.spec.environment.device
            outcome |= context.outputs.to_plain()
            write_stage(context.folder, context.spec.to_plain(), outcome)
    return dict(zip(specs, outcomes, strict=True))


def _carry_out(contexts: Sequence[StageContext]) -> list[Outcome]:
    """Return how the stages ended; several are fits that start from the same stage, or none."""
    spec = contexts[0].spec
    if isinstance(spec, FitSpec | SolveSpec):
        return _fit(contexts, spec)
    (context,) = contexts
    return [judge(context, spec) if isinstance(spec, ScoreSpec) else pretrain(context, spec)]


def _fit(contexts: Sequence[StageContext], spec: FitSpec | SolveSpec) -> list[Outcome]:
    """Train or solve heads, unless the pre-training before them diverged."""
    if spec.input is not None:
        before = contexts[0].store.read(spec.input.stage)["outcome"]
        if before["status"] != "done":
            reason = f"its pre-training diverged: {before['reason']}"
            return [ended("diverged", reason) for _ in contexts]
    if isinstance(spec, SolveSpec):
        return _solve(contexts)
    return train([Fitting.of(context) for context in contexts])


def _solve(contexts: Sequence[StageContext]) -> list[Outcome]:
    """Solve heads, those together that stand on the same features."""
    groups: dict[int, list[int]] = {}
    for place, context in enumerate(contexts):
        groups.setdefault(id(context.shared), []).append(place)
    outcomes: dict[int, Outcome] = {}
    for places in groups.values():
        found = solve(Solving.of([contexts[place] for place in places]))
        outcomes |= dict(zip(places, found, strict=True))
    return [outcomes[place] for place in range(len(contexts))]
