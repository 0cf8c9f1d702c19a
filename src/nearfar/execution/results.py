"""Tables, summary and samples of a run, from its stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nearfar.analysis.notes import straddling
from nearfar.analysis.row_scores import kept_row_differences
from nearfar.analysis.summary import summarise
from nearfar.data import Dataset, split_rows, straddling_groups
from nearfar.data.shown import shown_rows, thumbnails_of
from nearfar.data.targets import ALL_TARGETS
from nearfar.execution.collect import collect
from nearfar.execution.prepared import Prepared
from nearfar.records import Record, StageRow, write_results, write_stages
from nearfar.stages.reconstructions import IMAGE


def write_records(prepared: Prepared) -> None:
    """Write results.csv, stages.csv and summary.json from the stages that are there."""
    records, stages = _write_tables(prepared)
    prepared.folder.write_json("summary.json", summarise_run(prepared, records, stages))


def _write_tables(prepared: Prepared) -> tuple[list[Record], list[StageRow]]:
    """Write results.csv and stages.csv; before the first stage they say what the run refers to."""
    reasons = {stage_hash: reason for stage_hash, (reason, _) in prepared.failures.items()}
    folder = prepared.folder
    records, stages = collect(
        prepared.plan, folder.store, reasons, prepared.dataset.unit or "target"
    )
    write_results(folder.path / "results.csv", records)
    write_stages(folder.path / "stages.csv", stages)
    return records, stages


def _samples(dataset: Dataset) -> dict[str, list[Any]]:
    """What the page shows of every row; pictures of the shown rows alone."""
    rows = shown_rows(dataset)
    shown = set(rows.tolist())
    columns: dict[str, list[Any]] = {
        "id": dataset.ids,
        "name": dataset.names,
        "shown": [row in shown for row in range(len(dataset))],
    }
    if dataset.smiles:
        columns["smiles"] = dataset.smiles
    if dataset.classes:
        columns["class"] = dataset.targets[:, 0].astype(int).tolist()
    pictures = thumbnails_of(dataset, rows)
    if pictures is not None:
        picture_of = dict(zip(rows.tolist(), pictures, strict=True))
        columns["thumbnail"] = [picture_of.get(row) for row in range(len(dataset))]
    return columns


def summarise_run(
    prepared: Prepared, records: Sequence[Record], stages: Sequence[StageRow]
) -> dict[str, Any]:
    """Summarise a prepared study from the records of its stages; see :func:`summarise`."""

    plan, study, dataset = prepared.plan, prepared.resolved.study, prepared.dataset
    arms = {
        name: {
            "group": arm.group,
            "against": arm.against if arm.against != name else None,
            "target": arm.target,
        }
        for name, arm in plan.arms.items()
    }
    seed = prepared.resolved.seeds[0] if study.split.resplit else 0
    split = split_rows(dataset, study.split, seed)
    summary = summarise(
        {
            **prepared.resolved.text,
            "arms": arms,
            "baseline": plan.baseline,
            "split": {"resplit": study.split.resplit},
        },
        records,
        stages,
        profile=study.profile,
        kind=dataset.inputs.kind,
        rows={part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        row_differences=kept_row_differences(prepared.folder.store.root, records, study.metric),
        choices=plan.choices,
    )
    images = study.data.task == "reconstruction"
    several = len(dataset.target_names) > 1
    own = IMAGE if images else ALL_TARGETS if several else dataset.target_names[0]
    for arm in summary["arms"]:
        arm["target"] = plan.arms[arm["arm"]].target or own
        found = study.targets.get(arm["target"])
        arm["classes"] = list(
            dict.fromkeys(found.values()) if found else () if images else dataset.classes
        )
    summary["classes"] = list(dataset.classes)
    summary["targets"] = list(dataset.target_names) if several else []
    summary["notes"] += [note for note in [straddling(straddling_groups(dataset, split))] if note]
    return summary
