"""What is said while a run goes on."""

import io

from rich.console import Console
from small_study import DIGEST, HERE, resolved, small

from nearfar.execution.events import Finished, Planned, Progress, Started
from nearfar.execution.progress import Display
from nearfar.plan.plan import make_plan


def test_names_and_reasons_with_brackets_are_told_whole() -> None:
    raw = small(axes={"width": {"role": "compare", "values": [1, 2]}})
    raw["arms"] |= {":dog:": {"fit": {"encoder": {"mlp": {"hidden": "$width"}}}}}
    plan = make_plan(resolved(raw), DIGEST, HERE)
    told, bars = io.StringIO(), set()
    with Display(Console(file=told, width=200), rows=60) as display:
        display(Planned(plan, plan.steps))
        for stage_hash in plan.steps:
            display(Started(stage_hash))
            bars.add(str(display.bars.columns[0](display.bars.tasks[-1])))
            display(Finished(stage_hash))
        display(Started(stage_hash))
        display(Finished(stage_hash, "IndexError: [/3] :cat:"))
    lines = told.getvalue().splitlines()
    assert any(":dog: [width=1] · seed 0" in line for line in lines)
    assert any(":dog: [width=2] · seed 0" in line for line in lines)
    assert "IndexError: [/3] :cat:" in lines[-1]
    assert {":dog: [width=1] · seed 0", ":dog: [width=2] · seed 0"} <= bars


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


def test_a_stage_that_begins_again_has_one_bar() -> None:
    plan = make_plan(resolved(small(axes={})), DIGEST, HERE)
    stage_hash = next(iter(plan.steps))
    with Display(Console(file=io.StringIO()), rows=60) as display:
        display(Planned(plan, plan.steps))
        for _ in range(3):
            display(Started(stage_hash))
        assert len(display.bars.tasks) == 2
        display(Finished(stage_hash))
        assert len(display.bars.tasks) == 1


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_in_a_pipe_a_long_stage_says_once_a_minute_where_it_is() -> None:
    raw = small(axes={})
    raw["arms"]["plain"]["fit"] |= {"epochs": 100}
    plan = make_plan(resolved(raw), DIGEST, HERE)
    (stage_hash,) = [a for a, step in plan.steps.items() if step.length == 100]
    told, clock = io.StringIO(), Clock()
    with Display(Console(file=told, width=60), rows=60, clock=clock) as display:
        display(Planned(plan, plan.steps))
        display(Started(stage_hash))
        for epoch in range(1, 100):
            clock.now += 10
            display(Progress(stage_hash, epoch, 1 / epoch))
        lines = told.getvalue().splitlines()
        assert len(lines) == 990 // 60
        assert lines[0] == "plain · seed 0: epoch 6 of 100, loss 0.1667, about 16 min still"
        assert lines[-1] == "plain · seed 0: epoch 96 of 100, loss 0.01042, about 40 s still"
        display(Finished(stage_hash))
    assert told.getvalue().splitlines()[-1] == "1 of 8: plain · seed 0"


def test_a_line_on_a_stage_that_ended_counts_for_the_minute() -> None:
    plan = make_plan(resolved(small(axes={})), DIGEST, HERE)
    first, second, *_ = [a for a, step in plan.steps.items() if step.length]
    told, clock = io.StringIO(), Clock()
    with Display(Console(file=told, width=200), rows=60, clock=clock) as display:
        display(Planned(plan, plan.steps))
        display(Started(first))
        display(Started(second))
        clock.now = 59
        display(Finished(first))
        clock.now = 61
        display(Progress(second, 1, 0.5))
        assert len(told.getvalue().splitlines()) == 1
        clock.now = 119
        display(Progress(second, 2, 0.5))
    assert len(told.getvalue().splitlines()) == 2


def test_a_terminal_has_bars_and_no_such_lines() -> None:
    plan = make_plan(resolved(small(axes={})), DIGEST, HERE)
    stage_hash = next(a for a, step in plan.steps.items() if step.length)
    told, clock = io.StringIO(), Clock()
    console = Console(file=told, width=200, force_terminal=True)
    with Display(console, rows=60, clock=clock) as display:
        display(Planned(plan, plan.steps))
        display(Started(stage_hash))
        clock.now = 1000
        display(Progress(stage_hash, 1, 0.5))
        assert "still" not in told.getvalue()
