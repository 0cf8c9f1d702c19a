"""From finished stages to the rows of results.csv and stages.csv."""

from typing import Any

from nearfar.plan.plan import Cell, Plan
from nearfar.plan.specs import ScoreSpec
from nearfar.records import SEARCH, Record, StageRow
from nearfar.records.stages import StageStore


def collect(
    plan: Plan, store: StageStore, failures: dict[str, str], unit: str
) -> tuple[list[Record], list[StageRow]]:
    """Return records and stage rows of all cells.

    ``failures`` maps a stage to why it has none; ``unit`` is what this study calls the target's own
    unit: another one that shares the stage may have called it otherwise.
    """
    outcomes = {stage_hash: store.outcome(stage_hash) for stage_hash in plan.steps}
    records: list[Record] = []
    stages: dict[StageRow, None] = {}
    for cell in plan.cells:
        for stage_hash in cell.chain:
            outcome = outcomes.get(stage_hash)
            stages[_stage_row(cell, plan, stage_hash, outcome, failures.get(stage_hash, ""))] = None
        final = None if cell.search else outcomes.get(cell.chain[-1])
        if final is not None and final["status"] == "done":
            records += [
                Record(
                    cell.arm,
                    cell.seed,
                    cell.place,
                    **{**metric, "unit": metric["unit"] if metric["unit"] in {"", "z"} else unit},
                    stage=cell.chain[-1],
                )
                for metric in final["metrics"]
            ]
    return records, list(stages)


def _stage_row(
    cell: Cell, plan: Plan, stage_hash: str, outcome: dict[str, Any] | None, failure: str
) -> StageRow:
    step = plan.steps[stage_hash]
    status = "failed" if failure else "pending"
    found = outcome or {"status": status, "reason": failure or "not run yet"}
    return StageRow(
        arm=cell.arm,
        seed=cell.seed,
        condition=cell.place if isinstance(step.spec, ScoreSpec) else cell.condition,
        stage=f"{SEARCH}{cell.search}/{step.name}" if cell.search else step.name,
        hash=stage_hash,
        status=found["status"],
        reason=found["reason"],
        epochs=found.get("epochs", 0),
        steps=found.get("steps", 0),
        seconds=float(found.get("seconds", 0.0)),
        parameters=found.get("parameters", 0),
        device=found.get("device", step.spec.environment.device),
    )
