"""Ranges of axes to choose along: what is wrong with one is said in a line, before any stage."""

from typing import Any

import pytest
from small_study import Plain, planned, resolved, small

from nearfar.errors import UserError
from nearfar.plan import proposals
from nearfar.study.axis import Axis


def study(axis: Any, **more: Any) -> Plain:
    raw = small()
    raw["arms"]["plain"]["fit"]["optimizer"] = {"adam": {"lr": "$lr"}}
    return {**raw, "axes": {"lr": axis, **more}}


RANGE: Plain = {"role": "choose", "from": 1e-4, "to": 1e-1}


@pytest.mark.parametrize(
    ("axis", "line"),
    [
        ({"role": "choose"}, "axes.lr.values: is missing"),
        ({"role": "choose", "from": 0.1}, "to: is missing"),
        ({"role": "choose", "to": 0.1}, "from: is missing"),
        ({**RANGE, "to": 1e-4}, "from: has to be below to (given: 0.0001 and 0.0001)"),
        ({**RANGE, "to": 1e-5}, "from: has to be below to"),
        ({**RANGE, "from": 0.0, "log": True}, "above 0 where log is true"),
        ({**RANGE, "step": 0.01, "log": True}, "step: goes without log"),
        ({**RANGE, "step": 0}, "step: from above 0"),
        ({**RANGE, "step": 1.0}, "step: from above 0"),
        ({**RANGE, "trials": 0}, "trials: from 1 to 1,000 (given: 0)"),
        ({**RANGE, "trials": 5000}, "trials: from 1 to 1,000"),
        ({**RANGE, "trials": 2.5}, "axes.lr.trials"),
        ({**RANGE, "values": [0.1, 0.2]}, "has values and a range (from, to)"),
        ({**RANGE, "role": "compare"}, "from, to: are for the role 'choose'"),
        ({"role": "condition", "values": [0.1], "trials": 3}, "trials: are for the role 'choose'"),
        ({**RANGE, "from": "1e-4x"}, "axes.lr.from: needs a number, not '1e-4x'"),
        ({**RANGE, "from": True}, "axes.lr.from: needs a number, not True"),
        ({**RANGE, "to": float("nan")}, "axes.lr.to: needs a number"),
        ({**RANGE, "to": float("inf")}, "axes.lr.to: needs a number"),
        ({**RANGE, "to": [1]}, "axes.lr.to: needs a number"),
        ({**RANGE, "log": "yes"}, "log"),
        ({**RANGE, "form": 1}, "unknown key 'form'; did you mean 'from'? allowed: from, log"),
        ({**RANGE, "from": -1.0}, "lr"),
    ],
)
def test_a_mistake_is_a_line(axis: Plain, line: str) -> None:
    with pytest.raises(UserError) as raised:
        resolved(study(axis))
    lines = str(raised.value).splitlines()
    assert any(line in found for found in lines), lines


def test_of_seeds_there_is_no_range() -> None:
    with pytest.raises(UserError, match="are for the role 'choose'"):
        resolved(study(RANGE, seed={"role": "repeat", "from": 0, "to": 3}))


def test_what_is_written_is_read_again_the_same() -> None:
    once = resolved(study({**RANGE, "log": True, "trials": 7}))
    assert once.text["axes"]["lr"] == {**RANGE, "log": True, "trials": 7}
    assert resolved(once.text).text == once.text


def test_a_range_is_checked_at_both_ends() -> None:
    raw = study({"role": "choose", "from": 8, "to": 100_000})
    raw["arms"]["plain"]["fit"] = {"encoder": {"mlp": {"hidden": "$lr"}}}
    with pytest.raises(UserError, match="at most"):
        resolved(raw)


def test_whole_numbers_are_asked_for_where_a_key_takes_no_others() -> None:
    pytest.importorskip("optuna", reason="the extra optuna is not installed")
    raw = study(RANGE, layers={"role": "choose", "from": 1.0, "to": 3.0})
    raw["arms"]["plain"]["fit"]["encoder"] = {"mlp": {"layers": "$layers"}}
    with pytest.raises(UserError, match=r"axes.layers: is tried in whole .*: from: 1, to: 3"):
        planned(resolved(raw))


@pytest.mark.parametrize(
    ("given", "last"),
    [
        ({"from": 0.01, "to": 0.1, "step": 0.04}, 0.09),
        ({"from": 0.1, "to": 0.5, "step": 0.1}, 0.5),
        ({"from": 1, "to": 10, "step": 4}, 9),
    ],
)
def test_steps_end_before_the_upper_end_where_they_do_not_meet_it(given: Plain, last: Any) -> None:
    assert Axis.model_validate({"role": "choose", **given}).last_step == last


@pytest.mark.parametrize(
    ("given", "distinct"),
    [
        ({"from": 10000.5, "to": 10010.5, "step": 0.5}, 5),
        ({"from": 0.1, "to": 0.1000001}, 8),
        ({"from": 0.01, "to": 0.1, "step": 0.04}, 2),
    ],
)
def test_values_of_a_narrow_range_differ_and_lie_in_it(given: Plain, distinct: int) -> None:
    pytest.importorskip("optuna", reason="the extra optuna is not installed")
    axis = Axis.model_validate({"role": "choose", "trials": 10, **given})
    found: list[float] = []

    def outcome(values: Any, number: int) -> None:
        found.append(values["lr"][1])

    proposals.proposed(proposals.Space((("lr", axis),)), 0, "lower", outcome)
    assert len(set(found)) >= distinct
    assert all(given["from"] <= value <= given["to"] for value in found)
