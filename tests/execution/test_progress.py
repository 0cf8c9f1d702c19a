"""What is said while a run goes on."""

import io

from rich.console import Console
from small_study import DIGEST, HERE, resolved, small

from nearfar.execution.events import Finished, Planned, Progress, Started
from nearfar.execution.progress import Display
from nearfar.plan.plan import make_plan


def test_names_and_reasons_with_brackets_are_told_whole() -> None:
    raw = small(axes={"width": {"role": "compare", "values": [1, 2]}})
    raw["arms"] |= {"wide": {"fit": {"encoder": {"mlp": {"hidden": "$width"}}}}}
    plan = make_plan(resolved(raw), DIGEST, HERE)
    told = io.StringIO()
    with Display(Console(file=told, width=200), rows=60) as display:
        display(Planned(plan, plan.steps))
        for stage_hash in plan.steps:
            display(Started(stage_hash))
            display(Finished(stage_hash))
        display(Started(stage_hash))
        display(Finished(stage_hash, "IndexError: [/3] of [1, 2]"))
    lines = told.getvalue().splitlines()
    assert any("wide [width=1] · seed 0" in line for line in lines)
    assert any("wide [width=2] · seed 0" in line for line in lines)
    assert "IndexError: [/3] of [1, 2]" in lines[-1]


def test_a_stage_shows_what_its_length_is_counted_in() -> None:
    raw = small(axes={})
    raw["arms"]["plain"]["fit"] = {"encoder": "mlp", "iterations": 300}
    plan = make_plan(resolved(raw), DIGEST, HERE)
    steps = {step.unit: step for step in plan.steps.values() if step.length in (3, 300)}
    with Display(Console(file=io.StringIO()), rows=60) as display:
        display(Planned(plan, plan.steps))
        for unit, done, length in (("epoch", 2, 3), ("iteration", 150, 300)):
            stage_hash = steps[unit].hash
            display(Started(stage_hash))
            display(Progress(stage_hash, done, 0.5))
            bar = display.bars.tasks[display.rows[stage_hash]]
            assert bar.fields["detail"] == f"{unit} {done}/{length} · loss 0.5"
            assert (bar.completed, bar.total) == (done, length)
        whole = display.bars.tasks[display.whole].completed
    assert whole == 2 / 3 * (3 + 1) + 150 / 300 * (300 + 1)
