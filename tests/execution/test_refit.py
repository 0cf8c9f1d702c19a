"""How long an arm is trained once more, where there are no rows left to choose an epoch by."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_study import planned, small

from nearfar.execution.refit import Length, length_of_best
from nearfar.plan.specs import FitSpec, SolveSpec
from nearfar.records.stage_files import write_curves
from nearfar.records.stages import StageStore, write_stage

STEPS = [step.spec for step in planned(small()).steps.values()]
FIT = next(spec for spec in STEPS if isinstance(spec, FitSpec) and spec.recipe.select == "best")


def with_recipe(**changes: Any) -> FitSpec:
    return replace(FIT, recipe=FIT.recipe.model_copy(update=changes))


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({"epochs": 40}, Length("epochs", 12)),
        ({"epochs": None, "iterations": 300}, Length("iterations", 90)),
        ({"epochs": 40, "select": "last"}, None),
    ],
)
def test_it_is_as_long_as_the_best_epoch_took(
    recipe: dict[str, Any], expected: Length | None, tmp_path: Path
) -> None:
    store, spec = StageStore(tmp_path), with_recipe(**recipe)
    for name, selected in (("aa", 12), ("bb", 20.5), ("cc", 3)):
        with store.working_on(name) as (folder,):
            write_curves(folder, [(k, "train", "loss", 1.0) for k in range(1, 41)])
            write_stage(folder, spec.to_plain(), {"status": "done", "selected_epoch": selected})
    assert length_of_best([spec] * 3, ["aa", "bb", "cc"], store) == expected


def test_of_what_is_solved_nothing_was_chosen(tmp_path: Path) -> None:
    spec = next(spec for spec in STEPS if isinstance(spec, SolveSpec))
    assert length_of_best([spec], ["aa"], StageStore(tmp_path)) is None


def test_it_is_said_in_words() -> None:
    assert Length("epochs", 1).words == "1 epoch"
    assert Length("iterations", 90).words == "90 iterations"
