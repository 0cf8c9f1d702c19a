"""Axes: how they name arms, which make no sense, and the seeds."""

from typing import Any

import pytest
from axis_examples import AXES
from small_study import Plain, resolved, small, with_arms

from nearfar.errors import UserError


def names(raw: Plain) -> list[dict[str, str]]:
    study = resolved(raw)
    return [study.names(point) for point in study.points]


def test_an_arm_is_named_by_the_compare_axes_that_it_depends_on() -> None:
    raw = with_arms(
        a={"fit": {"encoder": {"mlp": {"hidden": "$x"}}, "batch": "$y"}},
        b={"fit": {"encoder": "mlp", "batch": "$y"}},
        c={"fit": {"encoder": "mlp", "epochs": "$z"}},
    )
    raw["axes"] |= {
        "y": {"role": "compare", "values": {"few": 8, "more": 9}},
        "x": {"role": "compare", "values": [3]},
        "z": {"role": "condition", "values": [1, 2]},
    }
    found = names(raw)
    assert len(found) == 4
    assert [n["a"] for n in found] == ["a [x=3, y=few]"] * 2 + ["a [x=3, y=more]"] * 2
    assert [n["b"] for n in found] == ["b [y=few]"] * 2 + ["b [y=more]"] * 2
    assert {n["c"] for n in found} == {"c"}
    assert {n["plain"] for n in found} == {"plain"}


def test_an_arm_depends_on_the_axes_of_its_stage() -> None:
    raw = small()
    raw["stages"]["rnc"]["encoder"]["mlp"]["hidden"] = "$x"
    raw["axes"]["x"] = {"role": "compare", "values": [3, 4]}
    assert {n["tuned"] for n in names(raw)} == {"tuned [x=3]", "tuned [x=4]"}
    chosen = AXES["stages"]
    assert {n["new"] for n in names(chosen)} == {"new [p=rnc]", "new [p=other]"}
    assert {n["tuned"] for n in names(chosen)} == {"tuned"}


BAD_AXES: dict[str, tuple[Plain, str]] = {
    "unused": ({"x": {"role": "compare", "values": [1]}}, "axes.x: is not used"),
    "repeat by another name": ({"fold": {"role": "repeat", "values": 2}}, "only an axis called"),
    "no seeds": ({"seed": {"role": "repeat", "values": 0}}, "has no values"),
    "no seeds in a list": ({"seed": {"role": "repeat", "values": []}}, "has no values"),
    "a seed twice": ({"seed": {"role": "repeat", "values": [1, 1]}}, "different whole numbers"),
    "a seed twice by name": (
        {"seed": {"role": "repeat", "values": {"a": 1, "b": 1}}},
        "different whole numbers",
    ),
    "a negative seed": ({"seed": {"role": "repeat", "values": [-1]}}, "from 0 up"),
    "a seed in words": ({"seed": {"role": "repeat", "values": ["one"]}}, "whole numbers"),
    "a seed that is true": ({"seed": {"role": "repeat", "values": [0, True]}}, "whole numbers"),
    "a blank label": ({"n": {"role": "compare", "values": {" ": 8}}}, "no line of text"),
    "a label of two lines": ({"n": {"role": "compare", "values": {"a\nb": 8}}}, "no line of text"),
    "a number of values": ({"n": {"role": "compare", "values": 800}}, "needs a list"),
    "no values": ({"n": {"role": "compare", "values": []}}, "has no values"),
    "a value twice": ({"n": {"role": "compare", "values": [8, 8]}}, "a value twice"),
    "unnamed structure": ({"n": {"role": "compare", "values": [{"a": 1}]}}, "need names"),
    "an unclear label": ({"n": {"role": "condition", "values": {"a;b": 8}}}, "give it another"),
    "a label of several": ({"n": {"role": "condition", "values": {"a|b": 8}}}, "give it another"),
    "a label of any": ({"n": {"role": "condition", "values": {"*": 8}}}, "give it another"),
}


@pytest.mark.parametrize("case", BAD_AXES)
def test_an_axis_that_makes_no_sense_is_refused(case: str) -> None:
    axes, phrase = BAD_AXES[case]
    raw = small(axes=axes)
    if "n" in axes:
        raw["arms"]["plain"]["fit"]["batch"] = "$n"
    with pytest.raises(UserError) as caught:
        resolved(raw)
    lines = str(caught.value).split("\n")
    assert len(lines) == 1, lines
    assert phrase in lines[0]


@pytest.mark.parametrize(
    ("key", "value", "phrase"),
    [
        ("batch", "$lenght", r"\$lenght: no axis has this name; did you mean 'length'\?"),
        ("batch", "$seed", "the repeat axis cannot stand"),
    ],
)
def test_a_placeholder_without_its_axis_is_refused(key: str, value: str, phrase: str) -> None:
    raw = small()
    raw["axes"]["length"] = {"role": "compare", "values": [3, 4]}
    raw["arms"]["tuned"]["fit"]["epochs"] = "$length"
    raw["arms"]["plain"]["fit"][key] = value
    with pytest.raises(UserError, match=phrase):
        resolved(raw)


@pytest.mark.parametrize("key", ["against", "group"])
def test_an_axis_does_not_change_what_an_arm_is_compared_with(key: str) -> None:
    raw = with_arms(new={key: "$x", "fit": {"head": "mean"}})
    raw["axes"]["x"] = {"role": "compare", "values": ["mean", "plain"]}
    with pytest.raises(UserError, match=rf"arms\.new\.{key}: is the same"):
        resolved(raw)


@pytest.mark.parametrize(
    ("values", "seeds"),
    [(3, [0, 1, 2]), ([7, 5], [7, 5]), ({"a": 4, "b": 2}, [4, 2])],
)
def test_seeds(values: Any, seeds: list[int]) -> None:
    assert resolved(small(axes={"seed": {"role": "repeat", "values": values}})).seeds == seeds


def test_without_an_axis_there_is_one_seed() -> None:
    assert resolved(small(axes={})).seeds == [0]
