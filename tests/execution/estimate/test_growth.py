"""From few rows to all: what is measured of work of a known law is foretold for more rows."""

from collections.abc import Callable

import numpy as np
import pytest
from small_study import DIGEST, HERE, resolved, small

from nearfar.data import Split
from nearfar.execution.estimate.growth import Took, taken
from nearfar.execution.estimate.rehearsal import Measured
from nearfar.plan.chain import Step
from nearfar.plan.plan import make_plan

ROWS = (48, 192)


def steps() -> dict[str, Step]:
    """A stage of each arm, by the arm's name."""
    plan = make_plan(resolved(small(axes={})), DIGEST, HERE)
    return {cell.arm: plan.steps[cell.chain[-1]] for cell in plan.cells}


def split(rows: int) -> Split:
    index = np.arange(rows)
    train, tested = 8 * rows // 10, 9 * rows // 10
    return Split(index[:train], index[train:tested], index[tested:])


def foretold(
    step: Step,
    rest: Callable[[int], float],
    rows: int,
    *,
    rehearsed: tuple[int, ...] = ROWS,
    **others: float,
) -> Took:
    measured = [
        Measured(
            rows=n,
            trained=8 * n // 10,
            round=others.get("round", 0.0) * n,
            judging=others.get("judging", 0.0) * n,
            rest=rest(n),
            bytes=1000 + 10 * n,
            weights=1000,
            strain=1.0,
        )
        for n in rehearsed
    ]
    return taken(measured, (step,), [split(rows)])


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_a_solved_head_grows_by_its_own_power(power: float) -> None:
    took = foretold(steps()["forest"], lambda n: 1e-4 * n**power, 5000)
    assert took.seconds == pytest.approx(1e-4 * 5000**power)


def test_a_power_beyond_belief_is_not_believed() -> None:
    took = foretold(steps()["ridge"], lambda n: 1e-9 * n**6, 1920)
    assert took.seconds == pytest.approx(1e-9 * 192**6 * 10**2.5)


def test_of_a_trained_stage_a_part_stays_and_a_part_grows_with_rows() -> None:
    took = foretold(steps()["plain"], lambda n: 0.5 + 1e-3 * n, 4800)
    assert took.seconds == pytest.approx(0.5 + 4.8)
    assert took.bytes == pytest.approx(1000 + 48_000)


def test_what_was_rehearsed_once_keeps_its_weights_and_costs_a_step_for_a_row_at_most() -> None:
    once = foretold(steps()["plain"], lambda n: 2.0, 4800, rehearsed=(48,), round=1e-4)
    assert once.bytes == pytest.approx(1000 + 48_000)
    assert once.seconds == pytest.approx(2.0 + 1e-4 * (4800 + 3 * 3840))
    assert foretold(steps()["forest"], lambda n: 2.0, 4800, rehearsed=(48,)).seconds == 200.0


def test_rounds_count_as_often_as_there_are_and_for_as_many_rows() -> None:
    step = steps()["plain"]
    took = foretold(step, lambda n: 0.0, 4800, round=1e-4, judging=1e-5)
    assert took.seconds == pytest.approx(3 * 4800 * (1e-4 + 1e-5), rel=0.05)


def test_pretraining_is_judged_twenty_times_at_most() -> None:
    raw = small(axes={})
    raw["stages"]["rnc"]["epochs"] = 400
    plan = make_plan(resolved(raw), DIGEST, HERE)
    step = next(step for step in plan.steps.values() if step.length == 400)
    took = foretold(step, lambda n: 0.0, 4800, judging=1e-3)
    assert took.seconds == pytest.approx(20 * 4.8)


def test_all_rows_are_measured_exactly() -> None:
    took = foretold(steps()["forest"], lambda n: float(n), ROWS[-1])
    assert took.seconds == ROWS[-1]
