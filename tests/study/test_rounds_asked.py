"""Rounds in a study file and on the command line: what they mean, and what does not go together."""

from typing import Any

import pytest
from small_study import resolved, small

from nearfar.errors import UserError
from nearfar.study.rounds import asked_rounds, seconds_of


def test_rounds_bring_the_seeds_that_they_can_need() -> None:
    study = resolved(small(rounds=2, axes={}))
    assert (study.study.rounds, study.seeds) == (2, list(range(30)))
    assert resolved(study.text).text == study.text
    assert resolved(small()).study.rounds is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rounds": 2}, "rounds: go up to 30 trainings, and axes.seed says 2: give it 30"),
        ({"rounds": 0, "axes": {}}, "rounds"),
        ({"rounds": 7, "axes": {}}, "rounds"),
    ],
)
def test_rounds_that_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolved(small(**changes))


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("90s", 90.0), ("30m", 1800.0), ("2h", 7200.0), ("1h30m", 5400.0), (" 1h1m1s ", 3661.0)],
)
def test_budgets(budget: str, seconds: float) -> None:
    assert seconds_of(budget) == seconds


@pytest.mark.parametrize("budget", ["", "30", "m", "0m", "1.5h", "30 m", "-5m", "30m2h"])
def test_budgets_that_are_none(budget: str) -> None:
    with pytest.raises(UserError, match="--budget"):
        seconds_of(budget)


def test_options_that_go_together() -> None:
    assert asked_rounds(None, None, 5) == (False, None)
    assert asked_rounds("decided", None, None) == (True, None)
    assert asked_rounds("decided", "2m", None) == (True, 120.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((None, "30m", None), "--budget goes with --until decided"),
        (("done", None, None), "--until: unknown value 'done'; allowed: decided"),
        (("decided", None, 10), "leave out --seeds"),
        (("decided", None, None, ["rounds=2"]), "leave out --set rounds"),
        (("decided", None, None, ["a=1", "axes.seed.values=3"]), "leave out --set axes.seed.valu"),
        (("decided", None, None, ["split.repeats=2"]), "leave out --set split.repeats"),
    ],
)
def test_options_that_do_not(given: tuple[Any, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        asked_rounds(*given)
