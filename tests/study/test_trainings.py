"""Repeats of folds become seeds; both may not say different numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_study import Plain, planned, resolved, small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.records import read_results
from nearfar.records.run_plan import RunPlan
from nearfar.study.load import Resolved, resolve

FIVE: Plain = {"kind": "folds", "folds": 5}


def told(profile: str | None = None, *settings: str, **changes: Any) -> Resolved:
    return resolve(small(**changes), Path("small.yaml"), profile, settings)


def complaint(*settings: str, **changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        told(None, *settings, **changes)
    return str(caught.value)


def varied(**splits: Plain) -> Plain:
    raw = small(axes={"split": {"role": "condition", "values": splits}})
    del raw["split"]
    return raw


@pytest.mark.parametrize(
    ("split", "trainings"),
    [(FIVE, 5), ({"kind": "folds"}, 10), ({**FIVE, "repeats": 3}, 15)],
)
def test_without_an_axis_there_is_a_seed_for_every_fold(split: Plain, trainings: int) -> None:
    study = told(split=split, axes={})
    assert study.seeds == list(range(trainings))
    assert study.text["axes"] == {"seed": {"role": "repeat", "values": trainings}}
    assert "repeats" not in study.text["split"]
    assert resolved(study.text).text == study.text


@pytest.mark.parametrize("values", [10, [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]])
def test_an_axis_that_says_the_same_stays(values: Any) -> None:
    axes = {"seed": {"role": "repeat", "values": values}}
    study = told(split={**FIVE, "repeats": 2}, axes=axes)
    assert study.text["axes"] == axes
    assert "repeats" not in study.text["split"]


@pytest.mark.parametrize("values", [3, [100, 101]])
def test_without_repeats_the_axis_says_how_many(values: Any) -> None:
    study = told(split=FIVE, axes={"seed": {"role": "repeat", "values": values}})
    assert study.seeds == ([0, 1, 2] if values == 3 else values)


def test_two_different_numbers_are_refused() -> None:
    said = complaint(split={**FIVE, "repeats": 2})
    assert said.splitlines() == [
        "small.yaml: split.repeats: 2 means 10 trainings, and axes.seed has 2 seeds: leave out one"
        " of the two"
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": {**FIVE, "repeats": 0}}, "split.repeats: has to be at least 1"),
        ({"split": {**FIVE, "repeats": "2"}}, "split.repeats: needs a whole number"),
        ({"split": {**FIVE, "repeats": True}}, "split.repeats: needs a whole number"),
        ({"split": {"kind": "folds", "folds": [5]}}, "split.folds: needs a whole number"),
        ({"split": {**FIVE, "repeats": 2}, "axes": [1]}, "axes: needs names"),
        (
            {"split": {**FIVE, "repeats": 1}, "axes": {"seed": []}},
            "axes.seed: needs a block of keys",
        ),
        ({"split": {"kind": "random", "repeats": 2}}, "'repeats' goes with kind 'folds'"),
    ],
)
def test_what_is_unsound_in_itself_is_told_as_elsewhere(changes: Plain, words: str) -> None:
    assert words in complaint(**{"axes": {}, **changes})


def test_splits_along_an_axis_agree() -> None:
    study = resolved(varied(a={**FIVE, "repeats": 2}, b={**FIVE, "by": "group", "repeats": 2}))
    assert study.seeds == list(range(10))
    assert "repeats" not in str(study.text)
    assert resolved(study.text).text == study.text
    by = {"by": {"role": "condition", "values": ["rows", "group"]}}
    assert told(split={**FIVE, "by": "$by"}, axes=by).seeds == list(range(5))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"kind": "folds"}, "equally many folds, or none .*5 folds, 10 folds"),
        ({"kind": "random"}, "equally many folds, or none .*5 folds, no folds"),
        ({"kind": "predefined"}, "draw new splits for seeds, or none"),
        ({**FIVE, "repeats": 2}, "same at every value of an axis .*given: 1, 2"),
    ],
)
def test_splits_that_a_seed_does_not_divide_alike_are_refused(other: Plain, words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolved(varied(a={**FIVE, **({"repeats": 1} if "repeats" in other else {})}, b=other))


def test_another_kind_of_split_replaces_the_one_below() -> None:
    profiles = {"quick": {"split": FIVE}}
    below = {"kind": "random", "parts": [0.7, 0.2, 0.1], "resplit": True}
    quick = told("quick", split=below, profiles=profiles)
    assert quick.text["split"] == {**FIVE, "validation": 0.1, "by": "rows"}
    assert quick.seeds == [0, 1]
    assert told(split=below, profiles=profiles).text["split"] == below
    back = told("quick", "split.kind=random", split=below, profiles=profiles)
    assert back.text["split"]["parts"] == [0.8, 0.1, 0.1]
    more = told("quick", "split.folds=4", split=below, profiles=profiles)
    assert more.text["split"]["folds"] == 4
    assert told(None, "split.resplit=false", split=below).text["split"]["parts"] == [0.7, 0.2, 0.1]


def test_what_is_laid_over_decides_the_number_of_trainings() -> None:
    twice = {**FIVE, "repeats": 2}
    seeds = {"axes": {"seed": {"role": "repeat", "values": 3}}}
    assert told("quick", split=twice, axes={}, profiles={"quick": seeds}).seeds == [0, 1, 2]
    assert len(told(None, "split.kind=folds", "split.repeats=2").seeds) == 20
    last = told(None, "split={kind: folds, repeats: 2}", "axes.seed.values=3", axes={})
    assert last.seeds == [0, 1, 2]


def test_stages_do_not_depend_on_the_number_of_repeats() -> None:
    once, twice = (told(split={**FIVE, "repeats": r}, axes={}) for r in (1, 2))
    assert set(planned(once).steps) < set(planned(twice).steps)
    tested = {
        (step.spec.data.split_seed, step.spec.seed)
        for step in planned(once).steps.values()
        if step.name == "fit"
    }
    assert tested == {(seed, seed) for seed in range(5)}


def test_a_run_of_folds_is_extended(tmp_path: Path) -> None:
    arms = {name: small()["arms"][name] for name in ("mean", "ridge", "plain")}
    text = {**small(arms=arms, stages={}, axes={}), "split": {**FIVE, "repeats": 2}}
    study = write_small(tmp_path)
    study.write_text(yaml.safe_dump(text), encoding="utf-8")
    first = run_whole(Request(str(study), out=tmp_path / "runs", seeds=5, device="cpu"))
    folder = first.folder
    assert {r.seed for r in read_results(folder.path / "results.csv")} == set(range(5))
    plan = folder.plan()
    assert (plan.folds, plan.resplit) == (5, True)
    older = {key: value for key, value in plan.to_plain().items() if key != "folds"}
    assert RunPlan.from_plain(older) == replace(plan, folds=None)
    summary = json.loads((folder.path / "summary.json").read_text(encoding="utf-8"))
    assert summary["folds"] == 5
    assert plan.rows == {"train": 43, "validation": 5, "test": 12}
    whole = run_whole(Request(str(study), out=tmp_path / "runs", device="cpu"))
    assert len(whole.plan.steps) == 2 * len(first.plan.steps) == 30
    assert {r.seed for r in read_results(folder.path / "results.csv")} == set(range(10))
    assert rows_under_test(whole, "plain", range(5)) == sorted(range(1, 61))
    assert rows_under_test(whole, "plain", range(5, 10)) == sorted(range(1, 61))


def rows_under_test(prepared: Any, arm: str, seeds: range) -> list[int]:
    """The ids of the rows that an arm predicts as test rows under these seeds, sorted."""
    found: list[int] = []
    for cell in prepared.plan.cells:
        if cell.arm == arm and cell.seed in seeds:
            path = prepared.folder.store.root / cell.chain[-1] / "predictions.csv"
            lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
            found += [int(line[0]) for line in lines if line[1] == "test"]
    return sorted(found)


@pytest.mark.parametrize("kind", ["folds", "random", "group"])
def test_parts_that_no_split_takes_are_refused(kind: str) -> None:
    data = {**small()["data"], "part": "part", "group": "g"}
    assert complaint(data=data, split={"kind": kind}, axes={}) == (
        "small.yaml: data: data option 'part' goes with split: {kind: predefined}, not with kind "
        f"'{kind}', which would not read it: leave out 'part', or change the kind"
    )
    assert told(data=data, split={"kind": "predefined"}).text["data"]["part"] == "part"


def test_parts_may_be_taken_at_one_value_of_an_axis() -> None:
    data = {**small()["data"], "part": "part"}
    kinds = varied(own={"kind": "predefined"}, other={"kind": "random", "resplit": False})
    assert len(resolved({**kinds, "data": data, "split": "$split"}).points) == 2
