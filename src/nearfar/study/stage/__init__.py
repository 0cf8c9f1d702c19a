"""Carrying out one stage: from its specification to a folder with weights, curves, predictions."""

from collections.abc import Mapping
from typing import Any

from nearfar.data import Dataset
from nearfar.records.stages import StageStore, write_stage
from nearfar.study.chain import SCORE
from nearfar.study.stage.fitting import Fitting
from nearfar.study.stage.judging import judge
from nearfar.study.stage.pretraining import pretrain
from nearfar.study.stage.solving import Solving
from nearfar.study.stage.work import Report, Work, ended


def run_stage(
    address: str, spec: Mapping[str, Any], dataset: Dataset, store: StageStore, report: Report
) -> dict[str, Any]:
    """Carry out a stage and publish its folder; return its outcome.

    The caller sets the number of threads. Raises ``StageBusy`` where another process is at it.
    """
    with store.working_on(address) as folder:
        work = Work.on(spec, dataset, store, folder, report)
        outcome = {"pretrain": pretrain, "fit": fit, SCORE: judge}[spec["kind"]](work)
        publish(work, outcome)
    return outcome


def publish(work: Work, outcome: dict[str, Any]) -> None:
    """Write what the stage was and how it ended; ``outcome`` is completed."""
    outcome["device"] = work.spec["environment"]["device"]
    outcome |= work.outputs.to_plain()
    write_stage(work.folder, dict(work.spec), outcome)


def fit(work: Work) -> dict[str, Any]:
    """Train or solve a head, unless the pre-training before it diverged."""
    if "input" in work.spec:
        before = work.store.read(work.spec["input"]["stage"])["outcome"]
        if before["status"] != "done":
            return ended("diverged", f"its pre-training diverged: {before['reason']}")
    if "train" in work.spec:
        fitting = Fitting.of(work)
        return fitting.end(fitting.train())
    solving = Solving.of(work)
    return solving.end(solving.solve())
