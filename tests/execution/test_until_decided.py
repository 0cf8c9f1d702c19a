"""Rounds: what is decided stops, what is open goes on, and their number makes the run again."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.rounds import Rounds, open_arms, seconds_of_round
from nearfar.plain_yaml import from_yaml
from nearfar.records import StageRow, read_results
from nearfar.study.extend import extend, in_rounds

FOLDS = {"kind": "folds", "folds": 10}
ARMS = {
    "ridge": {"fit": {"encoder": "identity", "head": "ridge"}},
    "constant": {"fit": {"head": "mean"}},
    "forest": {"fit": {"encoder": "identity", "head": {"forest": {"trees": 3}}}},
    "mean": {"group": "control", "fit": {"head": "mean"}},
}


def write(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    given = {"split": FOLDS, "arms": ARMS, "stages": {}, "baseline": "ridge", "axes": {}}
    return write_small(folder, **{**given, **changes})


def trainings(folder: Path) -> dict[str, int]:
    """Arm → how many seeds it has."""
    pairs = {(r.arm, r.seed) for r in read_results(folder / "results.csv")}
    return dict(Counter(arm for arm, _ in pairs))


def until(study: Path, out: Path, budget: float | None = None) -> Any:
    return run_whole(Request(str(study), out=out, until_decided=True, budget=budget))


def test_what_is_decided_stops_and_the_recorded_number_gives_the_same_bytes(tmp_path: Path) -> None:
    study = write(tmp_path / "data")
    first = until(study, tmp_path / "runs").folder.path
    counts = trainings(first)
    assert counts["constant"] < counts["forest"] == counts["ridge"] <= 30
    assert counts["constant"] == counts["mean"], "the same computation has the same trainings"
    summary = from_yaml((first / "study.yaml").read_text())
    assert summary["rounds"] == counts["ridge"] // 5 > 1
    again = run_whole(Request(str(first / "study.yaml"), out=tmp_path / "again")).folder.path
    assert (again / "results.csv").read_bytes() == (first / "results.csv").read_bytes()
    same = until(study, tmp_path / "runs").folder.path
    assert trainings(same) == counts, "nothing is open, so nothing is added"


def test_a_budget_that_is_spent_begins_no_other_round(tmp_path: Path) -> None:
    study = write(tmp_path / "data")
    run = until(study, tmp_path / "runs", budget=1e-9).folder
    assert set(trainings(run.path).values()) == {5}
    text = run.study()
    assert text is not None
    assert text["rounds"] == 1
    more = until(study, tmp_path / "runs").folder.path
    assert max(trainings(more).values()) > 5, "the same command goes on"


def test_more_seeds_of_a_finished_run_are_taken_up(tmp_path: Path) -> None:
    study = write(tmp_path / "data")
    run_whole(Request(str(study), out=tmp_path / "runs", seeds=5))
    whole = until(study, tmp_path / "runs").folder.path
    fresh = until(study, tmp_path / "fresh").folder.path
    assert (whole / "results.csv").read_bytes() == (fresh / "results.csv").read_bytes()


def comparison(arm: str, family: str = "question", *, is_open: bool = True) -> dict[str, Any]:
    return {"arm": arm, "against": "L1", "family": family, "open": is_open}


@pytest.mark.parametrize(
    ("comparisons", "arms"),
    [
        ([comparison("A"), comparison("B", is_open=False)], {"A", "L1"}),
        ([comparison("A"), comparison("mean", "controls")], {"A", "L1", "mean"}),
        ([comparison("mean", "controls"), comparison("A", is_open=False)], set()),
        ([comparison("A", "each target")], set()),
        ([comparison("A", "along labels")], {"A", "L1"}),
        ([comparison("A", "claims")], {"A", "L1"}),
    ],
)
def test_questions_keep_a_study_going_and_controls_do_not(
    comparisons: list[dict[str, Any]], arms: set[str]
) -> None:
    assert open_arms({"comparisons": comparisons}) == arms


def test_the_last_round_is_the_last() -> None:
    rounds = Rounds(6, until=True, budget=None)
    summary = {"comparisons": [comparison("A")], "twins": {"B": "A"}}
    for _ in range(5):
        assert rounds.goes_on(summary, [])
    assert (rounds.current, rounds.goes_on(summary, [])) == (6, False)
    assert [rounds.allowed(arm) for arm in ("A", "B", "L1", "C")] == [30, 30, 30, 5]


def test_the_recorded_rounds_are_made_whatever_the_clock_says() -> None:
    rounds = Rounds(3, until=False, budget=0.0)
    summary = {"comparisons": [comparison("A")], "twins": {}}
    assert [rounds.goes_on(summary, []) for _ in range(3)] == [True, True, False]


def test_a_run_in_rounds_stays_one_when_it_is_asked_for_plainly(tmp_path: Path) -> None:
    from small_study import resolved

    text = resolved(small(split=FOLDS, arms=ARMS, stages={}, baseline="ridge")).text
    before = {**in_rounds(text), "rounds": 3}
    assert extend(before, text, None)["rounds"] == 3
    assert extend(before, in_rounds(text), None)["rounds"] == 3
    assert extend(None, in_rounds(text), None)["rounds"] == 1
    with pytest.raises(UserError, match="another study"):
        extend(before, {**text, "metric": "rmse"}, None)


def row(arm: str, seed: int, digest: str, seconds: float) -> StageRow:
    return StageRow(arm, seed, "", "fit", digest, "done", "", 1, 1, seconds, 1, "cpu")


def test_a_round_is_expected_to_cost_what_its_arms_did() -> None:
    """A stage that two arms share counts once."""
    rows = [row(arm, seed, f"p{seed}", 4.0) for arm in ("A", "B") for seed in range(5)]
    rows += [row("A", seed, f"a{seed}", 2.0) for seed in range(5)] + [row("C", 0, "c", 99.0)]
    assert seconds_of_round({"A", "B"}, rows) == pytest.approx(30.0)
    assert seconds_of_round({"A", "B"}, []) == 0
    rounds = Rounds(1, until=True, budget=20.0)
    summary = {"comparisons": [comparison("A")], "twins": {}}
    assert rounds.goes_on(summary, rows, jobs=2)
    assert not Rounds(1, until=True, budget=10.0).goes_on(summary, rows, jobs=2)


def test_seeds_do_not_go_with_rounds(tmp_path: Path) -> None:
    study = write(tmp_path / "data", rounds=1)
    with pytest.raises(UserError, match="--seeds: this study runs in rounds"):
        run_whole(Request(str(study), out=tmp_path / "runs", seeds=10))
