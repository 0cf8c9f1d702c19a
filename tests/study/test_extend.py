"""More arms and seeds extend a run; anything else is refused and shown."""

import copy
from typing import Any

import pytest
from small_study import Plain, changed, resolved, small

from nearfar.errors import UserError
from nearfar.study.extend import extend, prune, with_seeds


def text(**changes: Any) -> Plain:
    return resolved(small(**changes)).text


def many() -> Plain:
    """A study whose arms use different stages, axes, published numbers and claims."""
    raw = small(
        published=[
            {"arm": "tuned [n=8]", "provenance": "x", "test": {"mae": 0.2}},
            {"arm": "ridge", "provenance": "x", "test": {"mae": 0.2}},
        ],
        claims=[
            {"claim": "a", "arms": ["ridge"], "against": "mean", "expect": "better"},
            {"claim": "b", "arms": ["ridge"], "against": "forest", "expect": "better"},
            {"claim": "c", "arms": ["tuned [n=8]", "tuned [n=9]"], "expect": "better"},
        ],
    )
    raw["stages"]["other"] = {"encoder": "mlp", "objective": "rnc"}
    raw["stages"]["third"] = {"encoder": {"mlp": {"hidden": "$w"}}, "objective": "rnc"}
    raw["arms"]["tuned"] = {"pretrain": "other", "against": "frozen", "fit": {"batch": "$n"}}
    raw["arms"]["either"] = {"pretrain": "$stage", "fit": {"epochs": 1}}
    raw["arms"]["named"] = {"pretrain": {"stage": "$stage"}, "fit": {"epochs": 2}}
    raw["arms"]["tuned [not an axis]"] = {"fit": {"head": "mean"}}
    raw["axes"] |= {
        "n": {"role": "compare", "values": [8, 9]},
        "w": {"role": "condition", "values": [4, 5]},
        "stage": {"role": "compare", "values": {"a": "other", "b": {"stage": "third"}}},
    }
    raw["axes"]["stage"]["values"]["b"] = "third"
    return resolved(raw).text


PRUNED: dict[str, tuple[list[str], set[str], set[str], set[str], list[str], list[str]]] = {
    "solved alone": (["ridge"], {"ridge", "plain"}, set(), set(), ["ridge"], []),
    "with its other": (
        ["tuned"],
        {"tuned", "frozen", "plain"},
        {"rnc", "other"},
        {"n"},
        ["tuned [n=8]"],
        ["c"],
    ),
    "claim against another": (
        ["ridge", "mean"],
        {"ridge", "mean", "plain"},
        set(),
        set(),
        ["ridge"],
        ["a"],
    ),
    "stage from an axis": (
        ["either"],
        {"either", "plain"},
        {"other", "third"},
        {"stage", "w"},
        [],
        [],
    ),
    "stage by key": (["named"], {"named", "plain"}, {"other", "third"}, {"stage", "w"}, [], []),
    "like an axis": (
        ["tuned [not an axis]"],
        {"tuned [not an axis]", "plain"},
        set(),
        set(),
        [],
        [],
    ),
}


@pytest.mark.parametrize("case", PRUNED)
def test_an_arm_alone_stands_on_all_that_it_needs(case: str) -> None:
    arms, kept, stages, axes, published, claims = PRUNED[case]
    made = prune(many(), arms)
    assert set(made["arms"]) == kept
    assert list(made["arms"]) == [name for name in many()["arms"] if name in kept]
    assert set(made["stages"]) == stages
    assert set(made["axes"]) == {"seed", *axes}
    assert [entry["arm"] for entry in made["published"]] == published
    assert [claim["claim"] for claim in made["claims"]] == claims
    assert set(resolved(made).text["arms"]) == kept


def test_what_is_said_at_an_axis_of_other_arms_goes_with_them() -> None:
    said = {"provenance": "x", "test": {"mae": 0.2}}
    study = {**many(), "published": [{"arm": "ridge", "condition": "w=4", **said}]}
    study["claims"] = [
        {"claim": "a", "arms": ["ridge"], "expect": "better", "condition": condition}
        for condition in ("w=4", None)
    ]
    study = resolved(study).text
    made = prune(study, ["ridge"])
    assert made["published"] == []
    assert [claim["condition"] for claim in made["claims"]] == [None]
    assert "ridge" in resolved(made).text["arms"]
    assert len(prune(study, ["ridge", "either"])["claims"]) == 2


def test_what_is_said_of_an_arm_that_is_called_longer_goes_with_it() -> None:
    study = many()
    said = {"provenance": "x", "test": {"mae": 0.2}}
    study["published"] = [{"arm": "tuned [not an axis]", **said}, {"arm": "tuned [n=8]", **said}]
    study = resolved(study).text
    made = prune(study, ["tuned"])
    assert [entry["arm"] for entry in made["published"]] == ["tuned [n=8]"]
    assert resolved(made).text == made


def test_an_unknown_arm_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'rigde'; did you mean 'ridge'\?"):
        prune(text(), ["rigde"])


def test_the_same_request_changes_nothing() -> None:
    for asked in (text(), text(axes={}), many()):
        first = extend(None, asked, None)
        assert extend(first, asked, None) == first
        some = extend(None, asked, ["ridge"])
        assert extend(some, asked, ["ridge"]) == some


@pytest.mark.parametrize(
    ("values", "seeds"),
    [(2, 2), ([5, 3], [5, 3]), ({"a": 0, "b": 1}, 2), ({"a": 7}, [7])],
)
def test_seeds_are_remembered_as_numbers(values: Any, seeds: Any) -> None:
    asked = text(axes={"seed": {"role": "repeat", "values": values}})
    first = extend(None, asked, None)
    assert first["axes"]["seed"] == {"role": "repeat", "values": seeds}
    assert extend(first, asked, None)["arms"] == first["arms"]


def test_more_seeds_are_added_and_none_is_lost() -> None:
    asked = text()
    first = extend(None, with_seeds(asked, [0]), None)
    assert first["axes"]["seed"]["values"] == 1
    assert extend(first, with_seeds(asked, [0, 1, 2]), None)["axes"]["seed"]["values"] == 3
    assert extend(first, with_seeds(asked, [100, 4]), None)["axes"]["seed"]["values"] == [0, 4, 100]
    more = extend(None, with_seeds(asked, [0, 1, 2]), None)
    assert extend(more, with_seeds(asked, [0]), None)["axes"]["seed"]["values"] == 3


def test_more_arms_are_added_and_none_is_lost() -> None:
    asked = many()
    first = extend(None, asked, ["ridge"])
    second = extend(first, asked, ["tuned"])
    assert list(second["arms"]) == ["ridge", "plain", "frozen", "tuned"]
    assert extend(second, asked, ["ridge"]) == second
    assert extend(second, asked, None)["arms"] == asked["arms"]


@pytest.mark.parametrize(
    ("path", "new", "phrase"),
    [
        (
            ("arms", "ridge", "fit", "head", "ridge", "penalties"),
            9,
            "ridge.penalties: was 25, now 9",
        ),
        (("metric",), "rmse", "metric: was 'mae', now 'rmse'"),
        (("margin",), 0.5, "margin: was absent, now 0.5"),
        (("split", "parts"), [0.8, 0.1, 0.1], "split.parts: was [0.7, 0.15, 0.15]"),
        (("data", "unit"), "mm", "data.unit: was absent, now 'mm'"),
    ],
)
def test_a_study_that_differs_is_refused_with_the_difference(
    path: tuple[str, ...], new: Any, phrase: str
) -> None:
    first = extend(None, text(), ["ridge"])
    with pytest.raises(UserError) as caught:
        extend(first, changed(text(), path, new), ["ridge"])
    assert phrase in str(caught.value)


def test_a_study_may_be_called_otherwise() -> None:
    first = extend(None, text(), None)
    extended = extend(first, text(title="another", question="why?", minutes={"full": 3}), None)
    assert (extended["title"], extended["question"]) == ("another", "why?")


def test_arms_that_are_not_there_yet_may_differ() -> None:
    first = extend(None, text(), ["ridge"])
    other = changed(text(), ("arms", "forest", "fit", "head", "forest", "trees"), 9)
    assert extend(first, other, ["forest"])["arms"]["forest"] == other["arms"]["forest"]


def test_an_arm_that_is_gone_is_a_difference() -> None:
    asked = text()
    first = extend(None, asked, None)
    fewer = copy.deepcopy(asked)
    del fewer["arms"]["ridge"]
    with pytest.raises(UserError, match=r"arms\.ridge: was .*, now absent"):
        extend(first, fewer, None)


def test_many_differences_are_cut_short() -> None:
    first = extend(None, text(), None)
    other = text(threads=3, metric="rmse", margin=0.5, max_epochs=7)
    with pytest.raises(UserError) as caught:
        extend(first, other, None)
    assert str(caught.value).count("was") == 4
    assert "; …)" in str(caught.value)
