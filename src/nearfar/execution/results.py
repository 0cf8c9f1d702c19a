"""Tables and summary of a run, from its stages and its ``plan.json``. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nearfar.analysis.notes import (
    copied,
    dropped,
    few_tested,
    lacking,
    latest_tested,
    leaking,
    not_tested,
    other_views,
    straddling,
)
from nearfar.analysis.row_scores import KeptScores
from nearfar.analysis.summary import summarise
from nearfar.errors import UserError
from nearfar.execution.collect import collect
from nearfar.plan.search import Choice
from nearfar.records import Record, StageRow, write_results, write_stages
from nearfar.records.run import RunFolder
from nearfar.records.run_plan import RunPlan
from nearfar.records.samples import read_rows


def write_records(folder: RunFolder, failures: Mapping[str, str]) -> None:
    """Write results.csv, stages.csv and summary.json from the stages that are there.

    ``failures`` maps a stage to why there is none.
    """
    plan = folder.plan()
    records, stages = write_tables(folder, plan, failures)
    folder.write_json("summary.json", summarise_run(folder, plan, records, stages))


def rebuild_records(folder: RunFolder) -> None:
    """Write the records of a finished or interrupted run again, as its stages are now.

    Raises:
        UserError: the run does not say what it consists of, or nothing of it is finished.
    """
    hashes = {planned.hash for cell in folder.plan().cells for planned in cell.chain}
    if not any(map(folder.store.is_done, hashes)):
        raise UserError(f"{folder.path}: no stage of this run is finished")
    rows = folder.stage_rows()
    write_records(folder, {row.hash: row.reason for row in rows if row.status == "failed"})


def write_tables(
    folder: RunFolder, plan: RunPlan, failures: Mapping[str, str]
) -> tuple[list[Record], list[StageRow]]:
    """Write results.csv and stages.csv; before the first stage they say what the run refers to."""
    records, stages = collect(plan.cells, folder.store, failures, plan.unit)
    write_results(folder.path / "results.csv", records)
    write_stages(folder.path / "stages.csv", stages)
    return records, stages


def summarise_run(
    folder: RunFolder, plan: RunPlan, records: Sequence[Record], stages: Sequence[StageRow]
) -> dict[str, Any]:
    """Summarise a run from the records of its stages; see :func:`summarise`."""
    text = folder.study()
    assert text is not None
    arms = {
        name: {
            "group": arm.group,
            "against": arm.against,
            "target": arm.own_target,
            "pretrained": arm.pretrained,
        }
        for name, arm in plan.arms.items()
    }
    ids, groups = read_rows(folder.path)
    split = {"resplit": plan.resplit, "folds": plan.folds}
    summary = summarise(
        {**text, "arms": arms, "baseline": plan.baseline, "split": split},
        records,
        stages,
        profile=text["profile"],
        kind=plan.kind,
        rows=plan.rows,
        scores=KeptScores(
            folder.store.root, records, text["metric"], ids, groups, plan.classes_by_target
        ),
        choices=[Choice.from_plain(choice) for choice in plan.choices],
    )
    for arm in summary["arms"]:
        planned = plan.arms[arm["arm"]]
        arm["target"], arm["classes"] = planned.predicts, list(planned.classes)
    summary["classes"] = list(plan.classes)
    summary["targets"] = list(plan.targets)
    data = folder.read_json("provenance.json").get("data") or {}
    latest = latest_tested(data) if _is_predefined(text["split"]) else ""
    first = [leaking(plan.leaks), copied(plan.copies, plan.rows["test"])]
    named = text["data"].get("group") is not None
    shared = straddling(plan.straddling, "" if named or plan.kind == "vector" else plan.kind)
    added = [dropped(data), latest, shared, lacking(plan.known)]
    added.append(other_views({name: arm.views for name, arm in plan.arms.items()}))
    added.append(few_tested(plan.rare, labels=not plan.classes))
    added.append(not_tested(plan.not_tested, {cell.seed for cell in plan.cells}))
    summary["notes"] = [note for note in (*first, *summary["notes"], *added) if note]
    return summary


def _is_predefined(split: Any) -> bool:
    """Tell whether a study's split is that of the data; one of an axis is the axis' name."""
    return isinstance(split, dict) and split["kind"] == "predefined"
