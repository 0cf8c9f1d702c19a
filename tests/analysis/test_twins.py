"""Arms that are one computation: one row, never compared with each other."""

from typing import Any

import pytest
from made_runs import BASE, MadeRun, shifted


def rows(summary: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(arm["arm"], arm["also"]) for arm in summary["arms"]]


def pairs(summary: dict[str, Any]) -> list[tuple[str, str]]:
    return [(c["arm"], c["against"]) for c in summary["comparisons"]]


def with_twins(**study: Any) -> MadeRun:
    """L1, A and its twins A2 and A3, and B."""
    run = MadeRun(**study).arm("L1", BASE).arm("A", shifted(-0.1, 0.01))
    for twin in ("A2", "A3"):
        run.arm(twin, shifted(-0.1, 0.01), twin_of="A")
    return run.arm("B", shifted(0.1, 0.01))


@pytest.mark.parametrize(
    ("profile", "note"), [("full", "the same computation as A"), ("quick", "the same as A in this")]
)
def test_twins_are_one_row_and_named_beside_it(profile: str, note: str) -> None:
    summary = with_twins().summary(profile)
    assert rows(summary) == [("L1", []), ("A", ["A2", "A3"]), ("B", [])]
    assert summary["twins"] == {"A2": "A", "A3": "A"}
    assert pairs(summary) == [("A", "L1"), ("B", "L1")]
    assert {c["family"] for c in summary["comparisons"]} == {"question"}
    told = [line for line in summary["notes"] if line.startswith(("A2: ", "A3: "))]
    assert [line[: 4 + len(note)] for line in told] == [f"A2: {note}", f"A3: {note}"]
    assert "A2" not in summary["answer"]
    assert {*summary["recommended"]["best"], *summary["recommended"]["left_out"]} <= {
        "L1", "A", "B"
    }  # fmt: skip


def test_a_twin_costs_no_adjustment() -> None:
    alone = MadeRun().arm("L1", BASE).arm("A", shifted(-0.1, 0.01)).arm("B", shifted(0.1, 0.01))
    assert alone.summary()["comparisons"] == with_twins().summary()["comparisons"]


def test_arms_of_which_one_condition_differs_are_no_twins() -> None:
    run = MadeRun()
    for condition in ("labels=0.5", "labels=1.0"):
        run.arm("L1", BASE, condition=condition).arm("A", BASE, condition=condition)
        run.arm("A2", BASE, condition=condition, twin_of="A" if condition == "labels=0.5" else "")
    assert run.summary()["twins"] == {}


@pytest.mark.parametrize(("own", "others", "first"), [(10, 5, "A"), (5, 10, "A2")])
def test_twins_with_unequal_seeds_are_one_row(own: int, others: int, first: str) -> None:
    """As in a run whose second arm came later, or took no part in a round."""
    values = shifted(-0.1, 0.01)
    run = MadeRun(folds=10).arm("L1", BASE).arm("A", values[:own], against="A2")
    summary = run.arm("A2", values[:others], twin_of="A").summary()
    (other,) = {"A", "A2"} - {first}
    assert summary["twins"] == {other: first}
    assert rows(summary) == [("L1", []), (first, [other])]
    assert [entry["runs"] for entry in summary["arms"]] == [10, 10]
    assert (first, other) not in pairs(summary)
    assert (other, first) not in pairs(summary)
    assert "Fewer seeds" not in " ".join(summary["notes"])


def test_arms_without_a_common_seed_are_no_twins() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", BASE, twin_of="L1")
    run.stages = [row for row in run.stages if (row.arm == "L1") == (row.seed < 5)]
    assert run.summary()["twins"] == {}


def test_equal_numbers_alone_make_no_twins() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", BASE)
    assert run.summary()["twins"] == {}
    assert pairs(run.summary()) == [("A", "L1")]


def test_twins_in_results_with_conditions() -> None:
    run = MadeRun()
    for condition in ("labels=0.5", "labels=1.0"):
        run.arm("L1", BASE, condition=condition)
        run.arm("A", shifted(-0.1, 0.01), condition=condition)
        run.arm("A2", shifted(-0.1, 0.01), condition=condition, twin_of="A")
    summary = run.summary()
    assert rows(summary) == [("L1", []), ("L1", []), ("A", ["A2"]), ("A", ["A2"])]
    places = [(c["arm"], c["condition"]) for c in summary["comparisons"]]
    assert places == [("A", "labels=0.5"), ("A", "labels=1.0")]
    assert "of 2 comparisons of the arm with the baseline over 2 conditions" in summary["answer"]
    assert "A2" not in summary["answer"]


def test_a_twin_with_a_baseline_of_its_own_is_compared_with_it_under_the_first_ones_name() -> None:
    run = MadeRun().arm("L1", BASE).arm("L2", shifted(0.1, 0.01)).arm("A", shifted(-0.1, 0.01))
    run.arm("A2", shifted(-0.1, 0.01), against="L2", twin_of="A")
    assert pairs(run.summary()) == [("L2", "L1"), ("A", "L1"), ("A", "L2")]


def test_twins_of_which_one_is_the_others_baseline_are_not_compared() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(-0.1, 0.01))
    run.arm("A2", shifted(-0.1, 0.01), against="A", twin_of="A")
    assert pairs(run.summary()) == [("A", "L1")]
    only = MadeRun().arm("L1", BASE).arm("L1 again", BASE, twin_of="L1").summary()
    assert (rows(only), pairs(only)) == ([("L1", ["L1 again"])], [])
    assert only["answer"].endswith("There is no other arm to compare it with.")


def test_a_baseline_that_is_the_twin_of_an_earlier_arm_stands_under_its_name() -> None:
    run = MadeRun(baseline="L1").arm("plain", BASE).arm("L1", BASE, twin_of="plain")
    summary = run.arm("A", shifted(-0.1, 0.01)).summary()
    assert summary["baseline"] == "plain"
    assert rows(summary) == [("plain", ["L1"]), ("A", [])]
    assert pairs(summary) == [("A", "plain")]
    assert " A is better than plain (" in summary["answer"]
    assert not any("was not run" in note for note in summary["notes"])


@pytest.mark.parametrize(
    ("claim", "verdict", "reason"),
    [
        ({"arms": ["A2"], "expect": "better"}, "supported", "better: A2"),
        ({"arms": ["A", "A2"], "expect": "better"}, "supported", "better: A, A2"),
        ({"arms": ["A3"], "expect": "worse", "against": "B"}, "not supported", "better: A3"),
        (
            {"arms": ["A2"], "expect": "better", "against": "A"},
            "not supported",
            "same: A2 (one computation with its rival)",
        ),
        (
            {"arms": ["A2"], "expect": "same", "against": "A3"},
            "supported",
            "same: A2 (one computation with its rival)",
        ),
    ],
)
def test_claims_about_twins(claim: dict[str, Any], verdict: str, reason: str) -> None:
    summary = with_twins(claims=[{"claim": "c", **claim}]).summary()
    assert summary["claims"] == [{"claim": "c", "verdict": verdict, "reason": reason}]


def test_a_claim_about_a_twin_goes_by_its_own_baseline() -> None:
    claims = [{"claim": "c", "arms": [arm], "expect": "worse"} for arm in ("A", "A2")]
    run = MadeRun(claims=claims).arm("L1", BASE).arm("L2", shifted(-0.2, 0.01))
    run.arm("A", shifted(-0.1, 0.01)).arm("A2", shifted(-0.1, 0.01), against="L2", twin_of="A")
    first, second = run.summary()["claims"]
    assert (first["verdict"], first["reason"]) == ("not supported", "better: A")
    assert (second["verdict"], second["reason"]) == ("supported", "worse: A2")


def test_a_claim_about_a_twin_over_several_conditions() -> None:
    claim = {"claim": "c", "arms": ["A2"], "expect": "better", "condition": "noise=*"}
    run = MadeRun(claims=[claim])
    for condition in ("noise=0", "noise=1"):
        run.arm("L1", BASE, condition=condition)
        run.arm("A", shifted(-0.1, 0.01), condition=condition)
        run.arm("A2", shifted(-0.1, 0.01), condition=condition, twin_of="A")
    summary = run.summary()
    assert summary["claims"][0]["reason"] == "better: A2"
    assert [c["arm"] for c in summary["comparisons"] if c["condition"] == "noise=*"] == ["A"]


def test_published_numbers_of_a_twin_stand_beside_what_was_measured() -> None:
    entry = {"provenance": "p", "unit": "z", "test": {"mae": 0.2}}
    run = with_twins(published=[{"arm": "A2", **entry}, {"arm": "A", **entry}])
    twin, first = run.summary()["published"]
    assert (twin["arm"], twin["measured"]) == ("A2", first["measured"])
    assert first["measured"] == pytest.approx(sum(shifted(-0.1, 0.01)) / 10)
