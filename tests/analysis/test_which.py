"""Which arm is recommended, and how often the best one is among those that are said to hold it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from given_scores import GivenScores
from made_runs import BASE, LOST, MadeRun, shifted

from nearfar.analysis.compare import Rules
from nearfar.analysis.results import RunResults
from nearfar.analysis.variance import Tested as Training
from nearfar.analysis.which import recommend
from nearfar.records import Record

ROWS = 120
NAMES = [f"A{k}" for k in range(8)]


def recommended(run: MadeRun, **more: Any) -> dict[str, Any]:
    return dict(run.summary(**more)["recommended"])


def test_the_only_clear_winner_is_used() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(-0.2, 0.005)).arm("B", shifted(0.1, 0.005))
    assert recommended(run) == {
        "condition": "",
        "target": "y",
        "arm": "A",
        "leader": "A",
        "best": ["A"],
        "left_out": ["L1", "B"],
        "unbeaten": [],
    }


def test_an_arm_that_saw_only_easier_splits_is_not_the_best() -> None:
    splits = [*np.linspace(0.19, 0.21, 5), *np.linspace(0.29, 0.31, 5)]
    worse = [value * (1.1 + 0.001 * k) for k, value in enumerate(splits[:5])]
    for arms in ({"L1": splits, "A": worse}, {"L1": worse, "A": splits}):
        run = MadeRun()
        for name, values in arms.items():
            run.arm(name, values)
        found, best = run.summary(), "L1" if arms["L1"] == splits else "A"
        advice = found["recommended"]
        assert (advice["arm"], advice["leader"], advice["best"]) == (best, best, [best])
        assert f"Use {best}: its mean test MAE, 0.250" in found["answer"]
        assert "is the lowest on the trainings that arms share" in found["answer"]


def test_arms_that_cannot_be_told_apart_are_ranked_on_the_seeds_that_they_share() -> None:
    splits = [*np.linspace(0.19, 0.21, 5), *np.linspace(0.29, 0.31, 5)]
    close = [value + 0.002 * (-1) ** k + 0.0005 for k, value in enumerate(splits[:5])]
    run = MadeRun(margin=1e-6).arm("L1", splits).arm("A", close)
    assert recommended(run)["best"] == ["L1", "A"]


def test_where_higher_is_better_the_highest_mean_leads() -> None:
    run = MadeRun("r2").arm("L1", BASE).arm("A", shifted(-0.2, 0.005))
    found = recommended(run.arm("B", shifted(0.1, 0.005)))
    assert (found["arm"], found["best"], found["left_out"]) == ("B", ["B"], ["L1", "A"])


def near(**seconds: float) -> MadeRun:
    """Arms that cannot be told apart, each a little higher than the one before."""
    run = MadeRun()
    for k, (name, cost) in enumerate(seconds.items()):
        run.arm(name, shifted(0.02 * k, 0.03 * k), seconds=cost)
    return run


def test_of_those_that_may_be_best_the_cheapest_within_the_margin_is_used() -> None:
    run = near(L1=10, A=4, B=4.5, C=1)  # means rise by 2% an arm
    assert recommended(run)["best"] == ["L1", "A", "B", "C"]
    assert recommended(run)["arm"] == "C"
    run.study["margin"] = 0.045 * float(np.mean(BASE))
    assert recommended(run)["arm"] == "A", "C lies beyond the margin; B costs about as much as A"
    assert recommended(run)["leader"] == "L1"
    run.study["margin"] = 1e-9
    assert recommended(run)["arm"] == "L1"


def test_costs_that_are_about_equal_decide_nothing() -> None:
    assert recommended(near(L1=4.9, A=4.0))["arm"] == "L1"
    assert recommended(near(L1=5.1, A=4.0))["arm"] == "A"


def test_costs_of_about_a_second_decide_nothing() -> None:
    assert recommended(near(L1=1.2, A=0.01))["arm"] == "L1"
    assert recommended(near(L1=1.3, A=0.01))["arm"] == "A"


@pytest.mark.parametrize("late", ["L1", "A"])
def test_one_training_that_took_long_decides_nothing(late: str) -> None:
    run = near(L1=4.0, A=4.0)
    at = next(k for k, row in enumerate(run.stages) if row.arm == late)
    run.stages[at] = replace(run.stages[at], seconds=100.0)
    assert recommended(run)["arm"] == "L1"


def test_a_cheaper_arm_that_is_surely_worse_is_not_used() -> None:
    run = MadeRun().arm("L1", BASE, seconds=100).arm("A", shifted(0.05, 0.005), seconds=1)
    found = recommended(run)
    assert (found["arm"], found["left_out"]) == ("L1", ["A"]), "within the margin, yet worse"


def test_controls_are_never_recommended_and_those_not_beaten_are_named_first() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(0.02, 0.02), seconds=1)
    run.arm("shuffled", shifted(-0.01, 0.02), group="control", seconds=1)
    run.arm("mean", shifted(2.0, 0.1), group="control", seconds=1)
    summary = run.summary()
    found = summary["recommended"]
    assert (found["arm"], found["unbeaten"]) == ("L1", ["shuffled"])
    assert not {"shuffled", "mean"} & {*found["best"], *found["left_out"]}
    assert summary["answer"].startswith(
        "No arm is shown to be better than the control shuffled; if one is to be used, use L1: its "
        "mean test MAE, 0.255 z-scored (0.511 log mol/L) over 10 trainings, is the lowest among "
        "the others. "
    )
    run.arm("noise", shifted(0.0, 0.02), group="control")
    assert "than the controls shuffled and noise; if" in run.summary()["answer"]


def test_controls_with_too_few_trainings_for_a_test_are_told() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(0.02, 0.02))
    run.arm("mean", shifted(2.0, 0.1)[:1], group="control")
    told = "the control mean (fewer than 3 trainings: too few for a test); if one is"
    assert told in run.summary()["answer"]
    run.arm("noise", shifted(0.0, 0.02), group="control")
    told = "the controls mean and noise (fewer than 3 trainings of mean: too few for a test); if"
    assert told in run.summary()["answer"]


def test_controls_that_any_arm_beats_are_not_unbeaten() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(0.02, 0.02))
    assert recommended(run.arm("mean", shifted(2.0, 0.1), group="control"))["unbeaten"] == []


def test_a_single_arm_two_arms_and_none() -> None:
    run = MadeRun().arm("L1", BASE)
    assert (recommended(run)["arm"], recommended(run)["best"]) == ("L1", ["L1"])
    run.arm("A", shifted(-0.1, 0.01))
    assert recommended(run)["best"] == ["A"]
    only = MadeRun().arm("mean", BASE, group="control")
    only.arm("noise", shifted(0.1, 0.01), group="control")
    assert only.summary()["recommended"] is None
    assert "There is no arm to use: only controls finished" in only.summary()["answer"]
    assert MadeRun().summary()["recommended"] is None


def test_under_three_trainings_the_best_mean_is_named_and_nothing_more() -> None:
    run = MadeRun().arm("L1", BASE[:2], seconds=1).arm("A", [0.24, 0.25], seconds=99)
    run.arm("mean", [0.1, 0.1], group="control")
    found = recommended(run)
    assert (found["arm"], found["best"], found["unbeaten"]) == ("A", [], [])


def test_a_diverged_arm_is_no_candidate() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", [LOST, *shifted(-0.3, 0.01)[1:]])
    run.arm("B", shifted(0.1, 0.01)).arm("mean", [LOST, *[0.1] * 9], group="control")
    found = recommended(run)
    assert (found["best"], found["left_out"], found["unbeaten"]) == (["L1"], ["B"], [])


def test_arms_that_tie_on_every_row_are_both_among_the_best() -> None:
    run = MadeRun(folds=10).arm("L1", BASE, seconds=9).arm("A", BASE, seconds=1)
    run.arm("B", shifted(0.2, 0.01), seconds=1)
    scores = run.scores()
    scores.scores["A", "", "y"] = scores.scores["L1", "", "y"]
    found = recommended(run, scores=scores)
    assert (found["best"], found["arm"]) == (["L1", "A"], "A")
    assert recommended(run)["best"] == ["L1", "A"], "no test of the two, yet one of the third"


def test_looking_after_every_round_asks_for_more_evidence() -> None:
    run = MadeRun(folds=10).arm("L1", BASE[:5]).arm("A", shifted(0.11, 0.02)[:5])
    scores = run.scores()
    assert recommended(run, scores=scores)["left_out"] == ["A"]
    run.study["rounds"] = 1
    assert recommended(run, scores=scores)["left_out"] == []


def one_study(draw: np.random.Generator, gain: float, folds: int = 5) -> tuple[str, ...]:
    """The best set of a study of eight arms over folds, of which the last is better by ``gain``.

    An arm's score of a row is 1 + the row's difficulty (of deviation 0.3), the arm's own effect on
    the row (0.05), what the arm's training of that fold adds (0.15), and noise (0.2): what counts
    are the trainings, of which t-tests are exact.
    """
    easy = draw.normal(1, 0.3, ROWS)
    own = draw.normal(0, 0.05, (len(NAMES), ROWS))
    order = np.array_split(draw.permutation(ROWS), folds)
    scores: dict[tuple[str, str, str], dict[int, Training]] = {}
    records = []
    for k, arm in enumerate(NAMES):
        by_seed = scores[arm, "", "y"] = {}
        for seed, fold in enumerate(order):
            rows = np.sort(fold)
            score = easy[rows] + own[k, rows] + draw.normal(0, 0.15)
            score += draw.normal(0, 0.2, len(rows)) - gain * (arm == NAMES[-1])
            by_seed[seed] = Training(rows, score)
            records.append(Record(arm, seed, "", "test", "y", "mae", "z", score.mean(), "s"))
    results = RunResults({"arms": {arm: {} for arm in NAMES}, "metric": "mae"}, records, [])
    rules = Rules(True, {"test": 12}, scores=GivenScores(ROWS, scores), folds=folds)
    found = recommend(results, results.primary("", "y"), rules, {})
    assert found is not None
    return found.best


@pytest.mark.parametrize("gain", [0.0, 0.6])
def test_the_best_arm_is_among_the_best_in_95_percent_of_studies(gain: float) -> None:
    """Eight arms, equal or one of them best. 200 studies: 95% and two standard errors is 92%."""
    draw = np.random.default_rng(round(1000 * gain))
    found = [one_study(draw, gain) for _ in range(200)]
    held = np.mean([NAMES[-1] in best for best in found])
    assert held >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / len(found))
    sizes = [len(best) for best in found]
    assert np.mean(sizes) < 4 if gain else np.mean(sizes) > 7
