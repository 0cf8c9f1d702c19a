"""Several seeds a point: which points are given up, and that it is the same whoever trains them."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from small_study import DIGEST, HERE, Plain, resolved, small

from nearfar.errors import UserError
from nearfar.plan.plan import Plan, make_plan
from nearfar.plan.racing import is_worse, raced
from nearfar.plan.search import Choice, Try, ranked
from nearfar.plan.specs import FitSpec, StageSpec
from nearfar.study.load import Resolved

SEEDS = 6


@pytest.fixture(autouse=True)
def _with_optuna() -> None:
    pytest.importorskip("optuna", reason="the extra optuna is not installed")


def raw_study(search: Plain, *, resplit: bool = True, trials: int = 15) -> Plain:
    raw = small(search=search)
    raw["split"]["resplit"] = resplit
    fit = {"encoder": {"mlp": {"hidden": "$hidden"}}, "optimizer": {"adam": {"lr": "$lr"}}}
    raw["arms"] = {"plain": {"fit": {**fit, "epochs": 3}}}
    raw["stages"] = {}
    raw["axes"] = {
        "seed": {"role": "repeat", "values": 2},
        "lr": {"role": "choose", "from": 1e-4, "to": 1e-1, "log": True, "trials": trials},
        "hidden": {"role": "choose", "from": 4, "to": 64},
    }
    return raw


def error(spec: StageSpec) -> float:
    """A bowl; what a seed adds is the same for all points, and larger than what most differ by."""
    assert isinstance(spec, FitSpec)
    assert spec.encoder is not None
    rate, hidden = spec.recipe.optimizer.lr, spec.encoder.options["hidden"]
    noise = math.sin(10 * (spec.seed + 7 * (spec.data.split_seed or 0)))
    own = 0.01 * math.sin(1000 * rate + hidden + spec.seed)
    return 10 + (math.log10(rate) + 2) ** 2 + (hidden / 32 - 1) ** 2 + noise + own


def settled(
    study: Resolved,
    score: Callable[[StageSpec], float | None] = error,
    at_once: int | None = None,
    measured: Callable[[StageSpec], str] = lambda spec: "mae",
) -> Plan:
    """Plan until nothing is open; ``at_once`` stages end between two plans, or all."""
    ended: dict[str, Plain] = {}
    plan = make_plan(study, DIGEST, HERE, ended.get)
    while missing := [one for one in plan.steps if one not in ended]:
        for stage_hash in missing[:at_once]:
            spec = plan.steps[stage_hash].spec
            value, name = score(spec), measured(spec)
            metric = {"split": "validation", "metric": name, "unit": "z", "value": value}
            ended[stage_hash] = {
                "status": "diverged" if value is None else "done",
                "metrics": [] if value is None else [metric],
                "epochs": 1,
                "seconds": 1.0,
            }
        plan = make_plan(study, DIGEST, HERE, ended.get)
    return plan


def test_worse_points_are_given_up_and_the_best_has_all_its_seeds() -> None:
    plan = settled(resolved(raw_study({"seeds": SEEDS})))
    whole = settled(resolved(raw_study({"seeds": SEEDS, "prune": 0})))
    for choice, other in zip(plan.choices, whole.choices, strict=True):
        counts = {len(t.each) for t in choice.tries if t.status == "pruned"}
        assert counts <= set(range(4, SEEDS))
        assert counts
        best = choice.tries[ranked(choice.tries, "mae")[0]]
        assert (best.status, len(best.each)) == ("done", SEEDS)
        assert best.labels == choice.chosen
        done = sum(len(t.each) for t in choice.tries)
        assert choice.trainings["done"] == done
        assert choice.trainings["saved"] == SEEDS * len(choice.tries) - done > 0
        assert other.trainings["saved"] == 0
        assert all(t.status == "done" for t in other.tries)
        assert choice.epochs < other.epochs


def test_seeds_are_paired_in_one_split_and_the_first_is_the_splits_own() -> None:
    plan = settled(resolved(raw_study({"seeds": SEEDS})))
    for split in (0, 1):
        specs = [plan.steps[c.chain[-1]].spec for c in plan.cells if c.search and c.seed == split]
        assert {spec.data.split_seed for spec in specs} == {split}  # type: ignore[union-attr]
        assert {spec.seed for spec in specs} == set(range(split, split + SEEDS))


def test_on_a_fixed_split_the_studys_own_seeds_are_trained_once() -> None:
    study = resolved(raw_study({"seeds": SEEDS}, resplit=False))
    plan = settled(study)
    (choice,) = plan.choices
    final = {c.chain for c in plan.cells if not c.search}
    tried = {c.chain for c in plan.cells if c.search}
    assert choice.seeds == (0, 1)
    assert final <= tried


@pytest.mark.parametrize("at_once", [1, 3])
def test_the_same_points_are_given_up_whoever_trains_them(at_once: int) -> None:
    raw = raw_study({"seeds": SEEDS}, trials=12)
    raw["axes"]["seed"]["values"] = 1
    assert settled(resolved(raw), at_once=at_once).choices == settled(resolved(raw)).choices


def test_a_point_that_diverges_with_one_seed_is_not_trained_with_the_others() -> None:
    def score(spec: StageSpec) -> float | None:
        value = error(spec)
        return None if spec.seed == 2 and value > 11.5 else value

    raw = raw_study({"seeds": SEEDS})
    raw["axes"]["seed"]["values"] = 1
    (choice,) = settled(resolved(raw), score).choices
    lost = [t for t in choice.tries if t.status == "diverged"]
    assert lost
    assert all(len(t.each) == 2 and not t.values for t in lost)
    assert choice.chosen not in [t.labels for t in lost]


def test_a_point_without_a_value_with_one_seed_is_not_trained_with_the_others() -> None:
    def measured(spec: StageSpec) -> str:
        return "rmse" if spec.seed == 2 and error(spec) > 11.5 else "mae"

    raw = raw_study({"seeds": SEEDS})
    raw["axes"]["seed"]["values"] = 1
    (choice,) = settled(resolved(raw), measured=measured).choices
    lacking = [t for t in choice.tries if t.lacks("mae")]
    assert lacking
    assert all(len(t.each) == 2 and not t.values for t in lacking)
    assert choice.chosen is not None
    assert choice.chosen not in [t.labels for t in lacking]


def test_laps_wait_for_one_another_and_the_leader_goes_first() -> None:
    asked: list[tuple[int, int]] = []

    def outcome(point: int, number: int) -> float | None:
        asked.append((point, number))
        return float(point) if number == 0 or point == 1 else None

    given: Any = {"seeds": 5, "prune": 0.1, "best": None, "better": "higher"}
    assert raced(3, outcome, **given) is None
    assert asked == [(0, 0), (1, 0), (2, 0), (2, 1)]
    asked.clear()
    assert raced(3, outcome, **{**given, "better": "lower"}) is None
    assert asked[3] == (0, 1)


@pytest.mark.parametrize(("better", "leader"), [("lower", 2), ("higher", 0)])
def test_a_point_that_diverges_at_once_does_not_decide_who_leads(better: Any, leader: int) -> None:
    asked: list[tuple[int, int]] = []

    def outcome(point: int, number: int) -> float | None:
        asked.append((point, number))
        return (3.0, math.nan, 1.0, 2.0)[point] if number == 0 else None

    assert raced(4, outcome, seeds=5, prune=0.1, best=None, better=better) is None
    assert asked[4] == (leader, 1)


@pytest.mark.parametrize(("better", "sign"), [("lower", 1.0), ("higher", -1.0)])
def test_the_test_is_paired_one_sided_and_keeps_what_is_better_on_average(
    better: Any, sign: float
) -> None:
    best = tuple(sign * value for value in (1.0, 5.0, 2.0, 8.0, 3.0))
    worse = tuple(value + sign * 0.1 * (k + 1) for k, value in enumerate(best))
    assert not is_worse(worse[:3], best, 0.1, better)
    assert is_worse(worse[:4], best, 0.1, better)
    assert not is_worse(worse[:4], best, 0.05, better)
    assert not is_worse(worse, best, 0.0, better)
    assert not is_worse(worse, None, 0.1, better)
    assert not is_worse(tuple(value - sign for value in best), best, 0.1, better)
    assert not is_worse(best, best, 0.1, better)


def test_what_was_given_up_stands_behind_what_was_done() -> None:
    done = Try({"a": "1"}, "done", {"mae": 2.0}, 1, 1.0, (2.0, 2.0))
    early = Try({"a": "2"}, "pruned", {"mae": 1.0}, 1, 1.0, (1.0,))
    assert ranked([early, done], "mae") == [1, 0]
    plain = Choice("arm", "", (0,), "mae", (early, done)).to_plain()
    assert Choice.from_plain(plain).tries == (early, done)


@pytest.mark.parametrize(
    ("search", "line"),
    [
        ({"seeds": 1}, "search.seeds"),
        ({"seeds": 101}, "search.seeds"),
        ({}, "search: needs 'epochs', or 'seeds', or both"),
        ({"epochs": 2, "prune": 0.1}, "'prune' goes with 'seeds'"),
        ({"seeds": 4, "prune": 0.1}, "saves nothing with 4 seeds: before the last p is 0.125"),
        ({"seeds": 5, "prune": 0.9}, "search.prune"),
        ({"seeds": 5, "prune": -0.1}, "search.prune"),
    ],
)
def test_a_mistake_in_seeds_is_a_line(search: Plain, line: str) -> None:
    with pytest.raises(UserError) as raised:
        resolved(raw_study(search))
    assert line in str(raised.value)


def test_seeds_are_for_searches_and_a_grid_says_so() -> None:
    raw = raw_study({"seeds": 5})
    raw["axes"]["lr"] = {"role": "choose", "values": [0.1, 0.2]}
    raw["axes"]["hidden"] = {"role": "choose", "values": [4, 8]}
    with pytest.raises(UserError, match=r"search.seeds: .*give an axis 'trials'"):
        resolved(raw)


def test_too_few_seeds_to_prune_are_all_trained() -> None:
    raw = raw_study({"seeds": 3}, trials=11)
    raw["axes"]["seed"]["values"] = 1
    (choice,) = settled(resolved(raw)).choices
    assert choice.trainings["prune"] == 0
    assert {len(t.each) for t in choice.tries} == {3}
