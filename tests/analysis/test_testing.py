"""Studies in rounds: what is told holds whichever look was the last, and what goes on."""

from typing import Any

import pytest
from made_runs import BASE, MadeRun, shifted

from nearfar.analysis.compare import Rules, paired_estimate
from nearfar.analysis.results import RunResults
from nearfar.analysis.sequential import (
    Looks,
    sequential_interval,
    sequential_p,
    sequential_same_p,
)
from nearfar.study.rounds import MOST, SIZE

THRICE = [*BASE, *BASE[::-1], *BASE[5:], *BASE[:5]]


def in_rounds(rounds: int | None, *, by: float = -0.06, noise: float = 0.02) -> MadeRun:
    """A study of five folds that were all tested once in each of ``rounds``."""
    n = SIZE * (rounds or 1)
    run = MadeRun(folds=5, rounds=rounds).arm("L1", THRICE[:n])
    moved = [
        b + m - old for b, m, old in zip(THRICE, 3 * shifted(by, noise), 3 * BASE, strict=True)
    ]
    return run.arm("A", moved[:n])


def only(run: MadeRun, spread: float = 0.02, noise: float = 0.05) -> dict[str, Any]:
    (found,) = run.summary(scores=run.scores(spread=spread, noise=noise))["comparisons"]
    return dict(found)


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_what_is_told_holds_at_every_look(rounds: int) -> None:
    run = in_rounds(rounds)
    scores = run.scores()
    found, at_once = only(run), only(_without_rounds(run))
    results = RunResults(run.study, run.records, run.stages)
    series = results.primary("", "y")
    rules = Rules(True, {}, scores=scores, folds=5)
    estimate = paired_estimate(results, "A", "L1", series, rules)
    assert estimate is not None
    looks = Looks(5, 30)
    assert found["p"] == pytest.approx(sequential_p(estimate, looks))
    assert (found["low"], found["high"]) == pytest.approx(sequential_interval(estimate, looks))
    assert at_once["p"] == pytest.approx(estimate.p_value())
    assert found["p"] > at_once["p"]
    assert found["low"] < at_once["low"]
    assert found["high"] > at_once["high"]
    original = found["original"]
    assert original["high"] / found["high"] == pytest.approx(2.0)
    for key in ("difference", "error", "df"):
        assert found[key] == pytest.approx(at_once[key])
    margin = found["smallest_margin"]
    assert sequential_same_p(estimate, margin, looks) == pytest.approx(0.05, abs=1e-3)
    assert margin > at_once["smallest_margin"]


def _without_rounds(run: MadeRun) -> MadeRun:
    again = MadeRun(folds=5)
    again.study = {**run.study, "rounds": None}
    again.records, again.stages = run.records, run.stages
    return again


def test_the_first_look_asks_more_of_no_difference_too() -> None:
    run = in_rounds(1, by=0.0, noise=0.02)
    early, at_once = only(run, noise=0.02), only(_without_rounds(run), noise=0.02)
    assert (early["verdict"], at_once["verdict"]) == ("undecided", "same")
    assert early["open"]


def test_what_is_undecided_goes_on_and_what_is_decided_does_not() -> None:
    run = in_rounds(2, by=0.0, noise=0.04)
    run.arm("B", [2 * value for value in THRICE[:10]])
    scores = run.scores(spread=0.0, noise=0.05)
    found = {c["arm"]: c for c in run.summary(scores=scores)["comparisons"]}
    assert (found["A"]["verdict"], found["A"]["open"]) == ("undecided", True)
    assert (found["B"]["verdict"], found["B"]["open"]) == ("worse", False)


def test_what_more_trainings_cannot_decide_does_not_go_on() -> None:
    """Rows whose effects stay are known after two rotations: trainings add nothing to them."""
    run = in_rounds(2, by=0.0, noise=0.0)
    run.study["margin"] = 1e-3
    stuck, moving = only(run, spread=0.3, noise=0.001), only(run, spread=0.0, noise=0.3)
    assert (stuck["verdict"], stuck["open"], stuck["undecidable"]) == ("undecided", False, True)
    assert moving["verdict"] == "undecided"
    assert stuck["parts"]["shared"] > 10 * moving["parts"]["shared"]


def test_nothing_goes_on_after_the_last_round_or_without_rounds() -> None:
    assert (SIZE, MOST) == (5, 30)
    last = only(in_rounds(6, by=0.0, noise=0.1), noise=0.3)
    assert (last["n"], last["verdict"], last["open"]) == (30, "undecided", False)
    before = only(in_rounds(5, by=0.0, noise=0.1), noise=0.3)
    assert (before["n"], before["verdict"]) == (25, "undecided")
    without = only(_without_rounds(in_rounds(2, by=0.0, noise=0.1)), spread=0.0)
    assert (without["verdict"], without["open"]) == ("undecided", False)


def test_a_withheld_or_untested_comparison_is_not_open() -> None:
    run = in_rounds(1)
    run.arm("B", [None, *BASE[1:5]])
    found = {c["arm"]: c for c in run.summary()["comparisons"]}
    assert (found["B"]["verdict"], found["B"]["open"]) == ("withheld", False)


def test_a_summary_says_how_many_rounds_there_were() -> None:
    assert in_rounds(2).summary()["rounds"] == 2
    assert in_rounds(None).summary()["rounds"] is None
