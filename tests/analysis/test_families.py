"""Families of comparisons: what is adjusted for what, and what adding an arm costs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_runs import BASE, MadeRun, shifted

from nearfar.analysis.estimate import Estimate
from nearfar.analysis.families import Families, adjusted
from nearfar.analysis.statistics import holm


def asking(arms: int = 3, controls: int = 0, **study: Any) -> MadeRun:
    """A study of arms of which some are near the border of a verdict, and of controls."""
    run = MadeRun(**study).arm("L1", BASE)
    for k in range(arms):
        run.arm(f"A{k}", shifted(-0.12 + 0.02 * k, 0.029))
    for k in range(controls):
        run.arm(f"control {k}", shifted(0.1 + 0.01 * k, 0.03), group="control")
    return run


def judged(summary: dict[str, Any], family: str) -> list[tuple[Any, ...]]:
    keys = ("arm", "p", "p_holm", "verdict", "reason")
    return [tuple(c[k] for k in keys) for c in summary["comparisons"] if c["family"] == family]


def test_controls_cost_the_question_nothing() -> None:
    without, beside = asking().summary(), asking(controls=4).summary()
    assert len(judged(without, "question")) == 3
    assert judged(beside, "question") == judged(without, "question")
    assert len(judged(beside, "controls")) == 4


def test_arms_that_ask_cost_a_control_nothing() -> None:
    few, many = asking(1, controls=1).summary(), asking(9, controls=1).summary()
    assert judged(few, "controls") == judged(many, "controls")
    assert len(judged(many, "question")) == 9


def test_another_arm_costs_the_others_what_holm_asks() -> None:
    before, after = asking(1).summary(), asking(2).summary()
    ((_, p, alone, verdict, _),) = judged(before, "question")
    assert (alone, verdict) == (p, "better")
    first, second = judged(after, "question")
    assert (first[1], first[2]) == (p, pytest.approx(2 * p))
    assert first[3] == second[3] == "undecided"


def test_what_only_claims_ask_for_is_a_family_of_its_own() -> None:
    claims = [
        {"claim": "pair", "arms": ["A0"], "expect": "better", "against": "A2"},
        {"claim": "mean", "arms": ["A1"], "expect": "better", "condition": "noise=*"},
    ]
    run = MadeRun(claims=claims)
    for condition in ("noise=0", "noise=1"):
        for name, by in (("L1", 0.0), ("A0", -0.12), ("A1", -0.1), ("A2", -0.08)):
            run.arm(name, shifted(by, 0.029 * bool(by)), condition=condition)
    run.study["axes"] = {"noise": {"role": "condition", "values": [0, 1]}}
    found = run.summary()
    claimed = [c for c in found["comparisons"] if c["family"] == "claims"]
    assert [(c["arm"], c["against"], c["condition"]) for c in claimed] == [
        ("A0", "A2", "noise=0"),
        ("A0", "A2", "noise=1"),
        ("A1", "L1", "noise=*"),
    ]
    assert [c["p_holm"] for c in claimed] == pytest.approx(holm([c["p"] for c in claimed]))
    run.study["claims"] = []
    assert judged(run.summary(), "question") == judged(found, "question")


def in_two_tables() -> MadeRun:
    """Arms and a control under four severities of two corruptions, reference: no blur at 0."""
    run = MadeRun()
    run.study["axes"] = {
        "severity": {"role": "score", "values": [0, 1, 2]},
        "blur": {"role": "condition", "values": ["no", "yes"]},
        "seed": {"role": "repeat", "values": 10},
    }
    for blur in ("no", "yes"):
        for severity in (0, 1, 2):
            condition = f"blur={blur};severity={severity}"
            run.arm("L1", BASE, condition=condition)
            run.arm("A", shifted(-0.1, 0.03), condition=condition)
            run.arm("control", shifted(0.1, 0.03), condition=condition, group="control")
    return run


def test_the_reference_is_the_question_and_every_table_of_other_conditions_one_family() -> None:
    found = in_two_tables().summary()
    families: dict[str, list[dict[str, Any]]] = {}
    for c in found["comparisons"]:
        families.setdefault(c["family"], []).append(c)
    sizes = {name: len(members) for name, members in families.items()}
    assert sizes == {
        "question": 1,
        "along severity": 2,
        "along severity, blur=yes": 3,
        "controls": 1,
        "controls along severity": 2,
        "controls along severity, blur=yes": 3,
    }
    (asked,) = families["question"]
    assert (asked["arm"], asked["condition"]) == ("A", found["reference"])
    for members in families.values():
        assert [c["p_holm"] for c in members] == pytest.approx(holm([c["p"] for c in members]))
    (note,) = (note for note in found["notes"] if note.startswith("Intervals are 95%"))
    assert "(Holm): question (1), along severity (2), along severity, blur=yes (3)" in note


def test_without_a_reference_all_conditions_are_the_question() -> None:
    families = Families("", ["noise=0", "noise=1"])
    rest = {"claimed": False, "single_target": False}
    assert families.of("noise=1", control=False, **rest) == "question"
    assert families.of("noise=1", control=True, **rest) == "controls"


def test_single_targets_are_one_family_whoever_asks() -> None:
    families = Families("noise=0", ["noise=0", "noise=1"])
    found = {
        families.of(condition, control=control, claimed=claimed, single_target=True)
        for condition in ("noise=0", "noise=1")
        for control in (True, False)
        for claimed in (True, False)
    }
    assert found == {"each target"}


def test_adjusting_leaves_out_what_was_not_tested() -> None:
    found = adjusted(["a", "b", "a", "a"], "wxyz", [0.01, 0.04, None, 0.02])
    assert found == [0.02, 0.04, None, 0.02]
    assert adjusted([], [], []) == []


def test_one_test_under_two_names_counts_once() -> None:
    found = adjusted(["a"] * 4, ["x", "x", "y", "z"], [0.01, 0.01, 0.04, None])
    assert found == [0.02, 0.02, 0.04, None]


def test_arms_that_face_each_other_and_conditions_that_change_nothing_cost_nothing() -> None:
    alone = MadeRun().arm("L1", BASE).arm("A", shifted(-0.1, 0.01)).arm("B", shifted(-0.2, 0.1))
    mutual = MadeRun().arm("L1", BASE, against="A").arm("A", shifted(-0.1, 0.01))
    mutual.arm("B", shifted(-0.2, 0.1))
    expected = {c["arm"]: c["p_holm"] for c in alone.summary()["comparisons"]}
    found = mutual.summary()
    assert {c["arm"]: c["p_holm"] for c in found["comparisons"]} == expected | {"L1": expected["A"]}
    assert any("question (2)" in note for note in found["notes"])


@pytest.mark.parametrize("depends", [True, False])
def test_a_condition_that_changes_neither_arm_is_one_test(depends: bool) -> None:
    run = MadeRun(axes={"noise": {"role": "condition", "values": [0, 1, 2]}})
    for k in range(3):
        run.arm("L1", BASE, condition=f"noise={k}")
        run.arm("A", shifted(-0.1, 0.03), condition=f"noise={k}")
    if not depends:
        run.stages = [replace(row, hash=f"{row.arm}{row.seed}") for row in run.stages]
    summary = run.summary()
    at, one, two = summary["comparisons"]
    assert (at["family"], one["family"], two["family"]) == ("question", *["along noise"] * 2)
    assert one["p_holm"] == two["p_holm"] == pytest.approx(one["p"] * (2 if depends else 1))
    assert any(f"along noise ({2})" in note for note in summary["notes"]) == depends


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1, np.inf])
def test_what_is_no_p_value_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, got"):
        holm([0.1, value])


@pytest.mark.parametrize("level", [95, 1.0, 0.0, -0.5])
def test_a_level_in_percent_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"level must be between 0 and 1, for instance 0\.95"):
        Estimate(0.1, 0.1, 9.0, 10).interval(level)
