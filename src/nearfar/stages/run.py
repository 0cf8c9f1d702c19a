"""Carrying out stages: one, or several that share a computation."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nearfar.data import Dataset
from nearfar.plan.chain import SCORE
from nearfar.records.stages import StageStore, write_stage
from nearfar.stages.context import Work, ended
from nearfar.stages.fit import Fitting, train
from nearfar.stages.pretrain import pretrain
from nearfar.stages.score import judge
from nearfar.stages.solve import Solving, solve

Outcome = dict[str, Any]


def run_stages(
    specs: Mapping[str, Mapping[str, Any]],
    dataset: Dataset,
    store: StageStore,
    report: Callable[[str, int, float], None],
) -> dict[str, Outcome]:
    """Carry out stages (address → specification) as one computation; publish their folders.

    Most often it is one. The caller sets the number of threads, and sees to it that the stages can
    share a computation (``plan/groups.py``). Returns address → outcome.

    Raises:
        StageBusy: another process is at one of them.
    """
    with store.working_on(*specs) as folders:
        shared: dict[str, Any] = {}
        works = [
            Work.on(spec, dataset, store, folder, functools.partial(report, address), shared)
            for (address, spec), folder in zip(specs.items(), folders, strict=True)
        ]
        outcomes = _carry_out(works)
        for work, outcome in zip(works, outcomes, strict=True):
            outcome["device"] = work.spec["environment"]["device"]
            outcome |= work.outputs.to_plain()
            write_stage(work.folder, dict(work.spec), outcome)
    return dict(zip(specs, outcomes, strict=True))


def _carry_out(works: Sequence[Work]) -> list[Outcome]:
    """Return how the stages ended; several are fits that start from the same stage, or none."""
    spec = works[0].spec
    if spec["kind"] == "fit":
        return _fit(works)
    (work,) = works
    return [judge(work) if spec["kind"] == SCORE else pretrain(work)]


def _fit(works: Sequence[Work]) -> list[Outcome]:
    """Train or solve heads, unless the pre-training before them diverged."""
    spec, store = works[0].spec, works[0].store
    if "input" in spec:
        before = store.read(spec["input"]["stage"])["outcome"]
        if before["status"] != "done":
            reason = f"its pre-training diverged: {before['reason']}"
            return [ended("diverged", reason) for _ in works]
    if "train" not in spec:
        return solve(Solving.of(works))
    return train([Fitting.of(work) for work in works])
