"""Searches: seeded, resumed from stages alone, within each split, the same for any workers."""

import math
from pathlib import Path
from typing import Any

import pytest
from small_study import DIGEST, HERE, Plain, resolved, small, write_small

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare
from nearfar.plan import proposals
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.specs import FitSpec, StageSpec
from nearfar.report.load import read_run
from nearfar.report.page.sections.choices import choices_section
from nearfar.study.axis import Axis
from nearfar.study.load import Resolved

LR: Plain = {"role": "choose", "from": 1e-4, "to": 1e-1, "log": True, "trials": 30}
HIDDEN: Plain = {"role": "choose", "from": 4, "to": 64, "step": 4}


def optuna() -> None:
    pytest.importorskip("optuna", reason="the extra optuna is not installed")


def searching(seeds: int = 2, **axes: Plain) -> Plain:
    raw = small(search={"epochs": 2})
    fit = {"encoder": {"mlp": {"hidden": "$hidden"}}, "optimizer": {"adam": {"lr": "$lr"}}}
    raw["arms"] = {"ridge": raw["arms"]["ridge"], "plain": {"fit": {**fit, "epochs": 7}}}
    raw["stages"] = {}
    given = {"lr": LR, "hidden": HIDDEN, **axes}
    return {**raw, "axes": {"seed": {"role": "repeat", "values": seeds}, **given}}


def place(spec: StageSpec) -> tuple[float, int]:
    assert isinstance(spec, FitSpec)
    assert spec.encoder is not None
    return spec.recipe.optimizer.lr, spec.encoder.options["hidden"]


def error(spec: StageSpec) -> float:
    """A bowl whose lowest point is at lr 1e-2 and 32 units, shifted a little by the split."""
    if not isinstance(spec, FitSpec):
        return 1.0
    rate, hidden = place(spec)
    return (math.log10(rate) + 2) ** 2 + (hidden / 32 - 1) ** 2 + 0.1 * spec.seed


def ended(value: float | None, name: str = "mae") -> Plain:
    metric = {"split": "validation", "metric": name, "unit": "z", "value": value}
    status = "diverged" if value is None else "done"
    return {
        "status": status,
        "metrics": [metric] if value is not None else [],
        "epochs": 1,
        "seconds": 1.0,
    }


def rounds(
    study: Resolved,
    score: Any = error,
    workers: int | None = None,
    measured: Any = lambda spec: "mae",
) -> list[Plan]:
    """Plan until nothing is open; ``workers`` stages end between two plans, or all."""
    outcomes: dict[str, Plain] = {}
    plans = [make_plan(study, DIGEST, HERE, outcomes.get)]
    while missing := [one for one in plans[-1].steps if one not in outcomes]:
        for stage_hash in missing[:workers]:
            spec = plans[-1].steps[stage_hash].spec
            outcomes[stage_hash] = ended(score(spec), measured(spec))
        plans.append(make_plan(study, DIGEST, HERE, outcomes.get))
    return plans


def test_it_finds_what_a_grid_of_the_same_cost_does_not() -> None:
    optuna()
    *_, plan = rounds(resolved(searching()))
    assert len(plan.choices) == 2
    grid = [10 ** (-4 + k * 0.6) for k in range(6)]
    best = min(
        (math.log10(rate) + 2) ** 2 + (hidden / 32 - 1) ** 2
        for rate in grid
        for hidden in (4, 16, 28, 40, 64)
    )
    for choice in plan.choices:
        assert len(choice.tries) <= 30
        found = min(tried.values["mae"] for tried in choice.tries) - 0.1 * choice.seeds[0]
        assert found < 2 * best + 0.02
        chosen = {tuple(t.labels.values()): t.values["mae"] for t in choice.tries}
        assert choice.chosen is not None
        assert chosen[tuple(choice.chosen.values())] == min(chosen.values())
    final = [plan.steps[c.chain[-1]].spec for c in plan.cells if c.arm == "plain" and not c.search]
    assert {spec.recipe.epochs for spec in final} == {7}  # type: ignore[union-attr]


@pytest.mark.parametrize("workers", [1, 4])
def test_choices_do_not_depend_on_how_many_end_between_two_plans(workers: int) -> None:
    optuna()
    study = resolved(searching(seeds=1, lr={**LR, "trials": 17}))
    assert rounds(study, workers=workers)[-1].choices == rounds(study)[-1].choices


def test_the_first_group_is_all_that_is_proposed_before_an_outcome() -> None:
    optuna()
    first, second, *_ = rounds(resolved(searching(seeds=1)))
    assert len([c for c in first.cells if c.search]) == proposals.FIRST
    assert len([c for c in second.cells if c.search]) == proposals.FIRST + proposals.TOGETHER


def test_another_split_searches_elsewhere_and_another_arm_too() -> None:
    optuna()
    raw = searching()
    raw["arms"]["other"] = raw["arms"]["plain"]
    plan = make_plan(resolved(raw), DIGEST, HERE)
    drawn = [tuple(sorted(map(str, (t.labels for t in c.tries)))) for c in plan.choices]
    assert len(drawn) == 4
    assert len(set(drawn)) == 4


def test_points_that_diverge_are_avoided_and_none_is_chosen() -> None:
    optuna()

    def score(spec: StageSpec) -> float | None:
        return None if isinstance(spec, FitSpec) and place(spec)[0] > 3e-3 else error(spec)

    *_, plan = rounds(resolved(searching(seeds=1)), score)
    (choice,) = plan.choices
    assert choice.chosen is not None
    assert float(choice.chosen["lr"]) <= 3e-3
    late = [tried.status for tried in choice.tries[proposals.FIRST :]]
    assert late.count("diverged") < len(late) / 2


def test_points_without_a_value_of_the_metric_are_avoided_and_none_is_chosen() -> None:
    optuna()

    def measured(spec: StageSpec) -> str:
        return "rmse" if isinstance(spec, FitSpec) and place(spec)[0] > 3e-3 else "mae"

    *_, plan = rounds(resolved(searching(seeds=1)), measured=measured)
    (choice,) = plan.choices
    assert choice.metric == "mae"
    assert choice.reason == ""
    assert choice.chosen is not None
    assert float(choice.chosen["lr"]) <= 3e-3
    late = ["mae" in tried.values for tried in choice.tries[proposals.FIRST :]]
    assert late.count(False) < len(late) / 2
    assert any(cell.arm == "plain" and not cell.search for cell in plan.cells)


@pytest.mark.parametrize("workers", [None, 1])
def test_where_no_point_has_a_value_of_the_metric_another_one_guides_the_search(
    workers: int | None,
) -> None:
    optuna()
    study = resolved(searching(seeds=1))
    *_, plan = rounds(study, workers=workers, measured=lambda spec: "rmse")
    *_, like = rounds(study)
    (choice,), (other,) = plan.choices, like.choices
    assert choice.metric == "rmse"
    assert choice.reason == (
        "none of the first 10 points has a value of MAE on the validation rows, so RMSE decides"
    )
    assert choice.chosen == other.chosen
    assert [tried.labels for tried in choice.tries] == [tried.labels for tried in other.tries]


def test_values_are_inside_their_range_whole_and_in_steps() -> None:
    optuna()
    raw = searching(seeds=1, lr={**LR, "log": False, "step": 0.01, "from": 0.01, "trials": 10})
    for cell in make_plan(resolved(raw), DIGEST, HERE).cells:
        if cell.search:
            said = dict(pair.split("=") for pair in cell.search.split(", "))
            assert int(said["hidden"]) in range(4, 65, 4)
            assert round(float(said["lr"]) * 100, 6) in range(1, 11)


def test_values_of_a_list_are_proposed_where_trials_are_asked_for() -> None:
    optuna()
    layers = {"role": "choose", "values": {"small": 4, "large": 64}, "trials": 12}
    plan = make_plan(resolved(searching(seeds=1, hidden=layers)), DIGEST, HERE)
    (choice,) = plan.choices
    assert {tried.labels["hidden"] for tried in choice.tries} == {"small", "large"}


def test_the_whole_search_is_counted_in_what_is_expected() -> None:
    optuna()
    plan = make_plan(resolved(searching(seeds=1)), DIGEST, HERE, guess=True)
    assert len({cell.chain for cell in plan.cells if cell.search}) >= 25


def test_without_optuna_a_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    axis = Axis.model_validate({**LR, "to": 0.123})
    with pytest.raises(UserError, match=r"axes \(lr\).*pip install 'nearfar\[optuna\]'"):
        proposals.proposed(proposals.Space((("lr", axis),)), 0, "lower", lambda values: 0.0)


def test_a_run_that_is_stopped_goes_on_with_the_same_choices(tmp_path: Path) -> None:
    optuna()
    axis = {**LR, "trials": 12}
    raw = searching(seeds=1, lr=axis)
    raw["arms"]["plain"]["fit"]["epochs"] = 2
    study = str(write_small(tmp_path, **raw))
    whole, broken = Request(study, out=tmp_path / "a"), Request(study, out=tmp_path / "b")
    prepared = prepare(whole)
    carry_out(prepared, 1, lambda event: None)

    def stop(event: Any) -> None:
        if len(list((tmp_path / "b/stages").glob("*/done"))) > 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(prepare(broken), 1, stop)
    again = prepare(broken)
    carry_out(again, 1, lambda event: None)
    results = [(tmp_path / out / "small-full/results.csv").read_bytes() for out in "ab"]
    assert results[0] == results[1]
    (choice,) = again.folder.read_json("summary.json")["choices"]
    assert choice["space"]["lr"] == axis
    assert choice["chosen"]
    assert choice["seconds"] > 0
    page = choices_section(read_run(again.folder.path))
    assert "Searched: hidden from 4 to 64, in steps of 4; lr from 0.0001 to 0.1, in even" in page
    assert page.count("<tr>") == 1 + len(choice["points"])
    assert "✓" in page.split("<tbody>")[1].split("</tr>")[0]
