"""Studies in rounds: what is told holds whichever look was the last, and what goes on."""

from typing import Any

import numpy as np
import pytest
from made_runs import BASE, MadeRun, shifted

from nearfar.analysis.compare import Rules, paired_estimate
from nearfar.analysis.estimate import estimate_rows
from nearfar.analysis.results import RunResults
from nearfar.analysis.sequential import (
    Looks,
    sequential_interval,
    sequential_p,
    sequential_same_p,
)
from nearfar.analysis.testing import Testing as Rule
from nearfar.analysis.variance import Tested as Training
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


@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-3, 1e-9])
def test_the_trainings_that_decide_are_those_of_a_look_that_does(alpha: float) -> None:
    draw, testing = np.random.default_rng(0), Rule(Looks(5, 30))
    means = (0.02, 0.15, 0.10, 0.06, 0.19)
    trainings = [Training(np.arange(300), m + 0.02 * draw.normal(size=300)) for m in means]
    now = estimate_rows(trainings, 1000)
    assert now is not None
    said = testing.trainings_to_decide(now, 1e-3, alpha)
    assert said is not None

    def ahead(n: int) -> float:
        later = now.at(n, 0.0)
        return min(testing.p(later), testing.same_p(later, 1e-3))

    before = (said - 1) if said > 30 else said - 5
    assert ahead(said) <= alpha * 1.01
    assert before == 5 or ahead(before) > alpha
    assert said % 5 == 0 or said > 30
    at_once = Rule().trainings_to_decide(now, 1e-3, alpha)
    assert at_once is not None
    assert at_once <= said
    assert at_once < said or said > 30


def test_a_reason_counts_the_trainings_that_looks_ask_for() -> None:
    run = in_rounds(1, by=-0.06, noise=0.04)
    run.study["margin"] = 1e-3
    found, at_once = (only(r, spread=0.0, noise=0.1) for r in (run, _without_rounds(run)))
    assert found["verdict"] == "undecided"
    assert found["trainings_to_decide"] % SIZE == 0
    assert found["trainings_to_decide"] > (at_once["trainings_to_decide"] or 5)


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
