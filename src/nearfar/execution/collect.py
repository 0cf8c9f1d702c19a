"""From finished stages to the rows of results.csv and stages.csv. Loads no torch."""

from collections.abc import Iterable, Mapping
from typing import Any

from nearfar.records import Record, StageRow
from nearfar.records.run_plan import PlannedCell, PlannedStage
from nearfar.records.stages import StageStore


def collect(
    cells: Iterable[PlannedCell], store: StageStore, failures: Mapping[str, str], unit: str
) -> tuple[list[Record], list[StageRow]]:
    """Return records and stage rows of all cells.

    ``failures`` maps a stage to why it has none; ``unit`` is what this study calls the target's own
    unit: another one that shares the stage may have called it otherwise.
    """
    outcomes: dict[str, dict[str, Any] | None] = {}
    records: list[Record] = []
    stages: dict[StageRow, None] = {}
    for cell in cells:
        for planned in cell.chain:
            if planned.hash not in outcomes:
                outcomes[planned.hash] = store.outcome(planned.hash)
            failure = failures.get(planned.hash, "")
            stages[_stage_row(cell, planned, outcomes[planned.hash], failure)] = None
        last = cell.chain[-1].hash
        final = outcomes[last] if cell.counts else None
        if final is not None and final["status"] == "done":
            records += [
                Record(
                    cell.arm,
                    cell.seed,
                    cell.place,
                    **{**metric, "unit": metric["unit"] if metric["unit"] in {"", "z"} else unit},
                    stage=last,
                )
                for metric in final["metrics"]
            ]
    return records, list(stages)


def _stage_row(
    cell: PlannedCell, planned: PlannedStage, outcome: dict[str, Any] | None, failure: str
) -> StageRow:
    status = "failed" if failure else "pending"
    found = outcome or {"status": status, "reason": failure or "not run yet"}
    return StageRow(
        arm=cell.arm,
        seed=cell.seed,
        condition=planned.condition,
        stage=planned.stage,
        hash=planned.hash,
        status=found["status"],
        reason=found["reason"],
        epochs=found.get("epochs", 0),
        steps=found.get("steps", 0),
        seconds=float(found.get("seconds", 0.0)),
        parameters=found.get("parameters", 0),
        device=found.get("device", planned.device),
    )
