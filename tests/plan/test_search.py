"""Choosing a point on validation rows: once on a fixed split, within each seed on re-splits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_study import DIGEST, HERE, Plain, resolved, small, write_small

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.results import rebuild_records
from nearfar.execution.run import carry_out, prepare
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.search import Choice, Try, point_name, ranked
from nearfar.plan.specs import FitSpec, StageSpec
from nearfar.records import read_results, read_stages
from nearfar.records.run import RunFolder
from nearfar.study.load import Resolved
from nearfar.study.overlay import merge

FIXED = {"kind": "random", "parts": [0.7, 0.15, 0.15], "resplit": False}
Score = Callable[[StageSpec], float | None]


def searching(**changes: Any) -> Resolved:
    """A study with two axes to choose along; arm ``plain`` uses both, ``ridge`` neither."""
    raw = small(**{"search": {"epochs": 2}, **changes})
    raw["arms"] = {
        "ridge": raw["arms"]["ridge"],
        "plain": {
            "fit": {
                "encoder": {"mlp": {"hidden": "$hidden"}},
                "optimizer": {"sgd": {"lr": "$lr"}},
                "epochs": 7,
                "batch": 16,
            }
        },
    }
    raw["stages"] = {}
    raw["axes"] = {
        "seed": {"role": "repeat", "values": 3},
        "hidden": {"role": "choose", "values": [4, 8]},
        "lr": {"role": "choose", "values": {"small": 0.01, "large": 0.1}},
    }
    return resolved(raw)


def settled_plan(
    study: Resolved, score: Score, measured: Callable[[StageSpec], str] = lambda spec: "mae"
) -> Plan:
    """Plan again and again, every stage ending with the validation error that ``score`` gives.

    ``measured`` names the metric that this is.
    """
    ended: dict[str, Plain] = {}
    plan = make_plan(study, DIGEST, HERE, ended.get)
    while missing := set(plan.steps) - set(ended):
        for stage_hash in missing:
            spec = plan.steps[stage_hash].spec
            value, name = score(spec), measured(spec)
            metric = {"split": "validation", "metric": name, "unit": "z", "value": value}
            ended[stage_hash] = {
                "status": "diverged" if value is None else "done",
                "metrics": [] if value is None else [metric],
                "epochs": 1,
                "seconds": 0.5,
            }
        plan = make_plan(study, DIGEST, HERE, ended.get)
    return plan


def said(spec: StageSpec) -> tuple[int, float, int, int]:
    """Width, learning rate, epochs and seed of a fit."""
    assert isinstance(spec, FitSpec)
    assert spec.encoder is not None
    epochs, rate = spec.recipe.epochs, spec.recipe.optimizer.lr
    assert epochs is not None
    return spec.encoder.options["hidden"], rate, epochs, spec.seed


def trained(spec: StageSpec) -> bool:
    return isinstance(spec, FitSpec)


def final(plan: Plan, arm: str = "plain") -> list[tuple[int, float, int, int]]:
    cells = [cell for cell in plan.cells if cell.arm == arm and not cell.search]
    return sorted(said(plan.steps[cell.chain[-1]].spec) for cell in cells)


def prefers(width: int, lr: float) -> Score:
    def score(spec: StageSpec) -> float:
        if not trained(spec):
            return 1.0
        hidden, rate, _, _ = said(spec)
        return 0.1 + abs(hidden - width) + 10 * abs(rate - lr)

    return score


@pytest.mark.parametrize(("width", "lr"), [(4, 0.1), (8, 0.01)])
def test_on_a_fixed_split_the_winner_is_chosen_once_and_repeated(width: int, lr: float) -> None:
    plan = settled_plan(searching(split=FIXED), prefers(width, lr))
    assert final(plan) == [(width, lr, 7, seed) for seed in (0, 1, 2)]
    searched = [cell for cell in plan.cells if cell.search]
    assert {cell.seed for cell in searched} == {0}
    budgets = {said(plan.steps[cell.chain[-1]].spec) for cell in searched}
    assert budgets == {(h, r, 2, 0) for h in (4, 8) for r in (0.01, 0.1)}
    (choice,) = plan.choices
    assert choice.seeds == (0, 1, 2)
    assert choice.chosen == {"hidden": str(width), "lr": "large" if lr == 0.1 else "small"}
    assert (choice.fallback, choice.reason) == (False, "")


def test_on_re_splits_each_seed_chooses_for_itself() -> None:
    def score(spec: StageSpec) -> float:
        wanted = 4 if spec.seed == 1 else 8
        return 1.0 + trained(spec) * abs(said(spec)[0] - wanted) if trained(spec) else 1.0

    plan = settled_plan(searching(), score)
    assert [(h, seed) for h, _, _, seed in final(plan)] == [(4, 1), (8, 0), (8, 2)]
    assert [choice.seeds for choice in plan.choices] == [(0,), (1,), (2,)]


def test_a_winner_that_diverges_on_the_final_budget_gives_way_to_the_runner_up() -> None:
    best = prefers(8, 0.1)

    def score(spec: StageSpec) -> float | None:
        fails = trained(spec) and said(spec) == (8, 0.1, 7, 2)
        return None if fails else best(spec)

    plan = settled_plan(searching(split=FIXED), score)
    assert final(plan) == [(8, 0.01, 7, seed) for seed in (0, 1, 2)]
    (choice,) = plan.choices
    assert choice.fallback
    assert choice.reason == "hidden=8, lr=large diverged in 1 of 3 final runs"
    assert Choice.from_plain(json.loads(json.dumps(choice.to_plain()))) == choice


def test_where_every_point_diverges_the_arm_has_diverged() -> None:
    plan = settled_plan(searching(split=FIXED), lambda spec: None if trained(spec) else 1.0)
    assert len(final(plan)) == 3
    assert "every point diverged" in plan.choices[0].reason
    assert not plan.choices[0].fallback


def test_a_point_without_a_value_of_the_metric_is_the_last_to_be_chosen() -> None:
    def measured(spec: StageSpec) -> str:
        return "rmse" if trained(spec) and said(spec)[0] == 8 else "mae"

    plan = settled_plan(searching(split=FIXED), prefers(8, 0.1), measured)
    (choice,) = plan.choices
    assert (choice.metric, choice.reason) == ("mae", "")
    assert choice.chosen == {"hidden": "4", "lr": "large"}


def test_where_no_point_has_a_value_of_the_metric_another_one_decides() -> None:
    plan = settled_plan(searching(split=FIXED), prefers(8, 0.1), lambda spec: "rmse")
    (choice,) = plan.choices
    assert choice.metric == "rmse"
    assert choice.chosen == {"hidden": "8", "lr": "large"}
    lacking = "none of the 4 points has a value of MAE on the validation rows, so RMSE decides"
    assert choice.reason == lacking
    assert not choice.fallback


def test_where_nothing_can_decide_the_first_point_is_taken_and_it_is_said_why() -> None:
    plan = settled_plan(searching(split=FIXED), prefers(8, 0.1), lambda spec: "of_a_plug_in")
    (choice,) = plan.choices
    assert choice.chosen == choice.tries[0].labels
    assert choice.reason == "no point has a value of MAE on the validation rows"
    assert len(final(plan)) == 3


def test_where_every_final_run_diverges_the_winner_stands() -> None:
    best = prefers(4, 0.1)
    plan = settled_plan(
        searching(split=FIXED),
        lambda spec: None if trained(spec) and said(spec)[2] == 7 else best(spec),
    )
    assert {row[:3] for row in final(plan)} == {(4, 0.1, 7)}
    assert "no other point is left" in plan.choices[0].reason


def test_without_a_budget_of_its_own_the_search_is_the_final_run() -> None:
    plan = settled_plan(searching(search=None), prefers(4, 0.1))
    assert len([step for step in plan.steps.values() if trained(step.spec)]) == 4 * 3


def test_nothing_is_chosen_before_every_point_has_ended() -> None:
    plan = make_plan(searching(split=FIXED), DIGEST, HERE)
    assert plan.choices[0].chosen is None
    assert not final(plan)
    guessed = make_plan(searching(split=FIXED), DIGEST, HERE, guess=True)
    assert len(final(guessed)) == 3
    assert set(plan.steps) < set(guessed.steps)


def test_other_arms_are_not_multiplied() -> None:
    plan = settled_plan(searching(split=FIXED), prefers(4, 0.1))
    assert [cell.seed for cell in plan.cells if cell.arm == "ridge"] == [0, 1, 2]


def test_of_equal_points_the_one_named_first_wins_and_accuracy_is_to_be_high() -> None:
    tries = [
        Try(
            {"a": name}, "done" if value else "diverged", {"accuracy": value} if value else {}, 1, 1
        )
        for name, value in (("x", 0.5), ("y", None), ("z", 0.7), ("w", 0.7))
    ]
    assert ranked(tries, "accuracy") == [2, 3, 0]


def test_a_search_runs_from_the_file_and_again_without_doing_anything(tmp_path: Path) -> None:
    raw = {**searching(split=FIXED).text}
    write_small(tmp_path)
    for key in ("profile",):
        raw.pop(key)
    path = write_small(tmp_path, **raw)
    request = Request(str(path), out=tmp_path / "runs", seeds=2)
    prepared = prepare(request)
    carry_out(prepared, 1, lambda event: None)
    folder = RunFolder.open(prepared.folder.path)
    summary = folder.path / "summary.json"
    results = read_results(folder.path / "results.csv")
    assert {record.seed for record in results} == {0, 1}
    rows = read_stages(folder.path / "stages.csv")
    searched = [row.stage for row in rows if row.stage.startswith("search:")]
    points = [f"hidden={h}, lr={lr}" for h in (4, 8) for lr in ("small", "large")]
    assert sorted(searched) == sorted(f"search:{point}/fit" for point in points)
    chosen = prepared.plan.choices[0].chosen
    assert chosen is not None
    assert point_name(chosen) in points
    before = (folder.path / "results.csv").read_bytes(), summary.read_bytes()
    again = prepare(request)
    assert not again.missing
    carry_out(again, 1, lambda event: None)
    assert ((folder.path / "results.csv").read_bytes(), summary.read_bytes()) == before
    summary.unlink()
    rebuild_records(folder)
    assert ((folder.path / "results.csv").read_bytes(), summary.read_bytes()) == before


def test_a_point_that_failed_fails_its_arm_and_nothing_is_chosen() -> None:
    study = searching(split=FIXED)
    plan = make_plan(study, DIGEST, HERE)
    broken = next(cell.chain[-1] for cell in plan.cells if cell.search == "hidden=8, lr=small")
    plan = make_plan(study, DIGEST, HERE, failed={broken})
    statuses = [tried.status for tried in plan.choices[0].tries]
    assert sorted(statuses) == ["failed", "pending", "pending", "pending"]
    assert plan.choices[0].chosen is None
    assert [cell.chain for cell in plan.cells if cell.arm == "plain" and not cell.search] == [
        (broken,)
    ]


def test_chains_of_a_point_that_was_given_up_are_not_begun() -> None:
    study, best = searching(split=FIXED), prefers(8, 0.1)
    ended: dict[str, Plain] = {}

    def finish(stage_hash: str, spec: StageSpec) -> None:
        diverged = trained(spec) and said(spec) == (8, 0.1, 7, 0)
        metric = {"split": "validation", "metric": "mae", "unit": "z", "value": best(spec)}
        ended[stage_hash] = {
            "status": "diverged" if diverged else "done",
            "metrics": [] if diverged else [metric],
            "epochs": 1,
            "seconds": 0.5,
        }

    for step in make_plan(study, DIGEST, HERE).steps.values():
        finish(step.hash, step.spec)
    final_runs = make_plan(study, DIGEST, HERE, ended.get).steps
    first = next(s for s in final_runs.values() if trained(s.spec) and said(s.spec)[2:] == (7, 0))
    finish(first.hash, first.spec)
    plan = make_plan(study, DIGEST, HERE, ended.get)
    begun = [said(s.spec) for s in plan.steps.values() if trained(s.spec) and said(s.spec)[2] == 7]
    assert sorted(begun) == [(8, 0.01, 7, 0), (8, 0.01, 7, 1), (8, 0.01, 7, 2), (8, 0.1, 7, 0)]


def test_the_cost_of_a_search_is_what_the_winner_does_not_use() -> None:
    (choice,) = settled_plan(searching(split=FIXED), prefers(4, 0.1)).choices
    assert (choice.epochs, choice.seconds) == (4, 2.0)
    for choice in settled_plan(searching(search=None), prefers(4, 0.1)).choices:
        assert (choice.epochs, choice.seconds) == (3, 1.5)


def test_an_axis_may_be_called_as_a_choice_is() -> None:
    raw = {**searching(split=FIXED).text}
    raw["axes"] = {
        "seed": {"role": "repeat", "values": 1},
        "optimizer": {"role": "choose", "values": {"a": {"adam": {}}, "b": {"adamw": {}}}},
    }
    raw["arms"]["plain"]["fit"] |= {"optimizer": "$optimizer", "encoder": "mlp"}
    values = {"axes": {"optimizer": {"values": {"c": {"adam": {"lr": 0.1}}}}}}
    labels = resolved(merge(raw, values)).study.axes["optimizer"].labelled()
    assert list(labels) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("entry", "phrase"),
    [
        ({"point": {"hiden": "4"}}, "role 'choose' is called 'hiden'; did you mean 'hidden'"),
        (
            {"condition": "lables=1"},
            "role 'condition' or 'score' is called 'lables'; allowed: nothing",
        ),
    ],
)
def test_published_points_and_conditions_name_axes(entry: Plain, phrase: str) -> None:
    numbers = {"arm": "plain", "provenance": "one run", "validation": {"mae": 0.1}}
    with pytest.raises(UserError, match=phrase):
        searching(split=FIXED, published=[{**numbers, **entry}])
