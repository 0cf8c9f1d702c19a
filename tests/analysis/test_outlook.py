"""What a study will find: against studies that are simulated, and where it must not promise."""

import math

import numpy as np
import pytest

from nearfar.analysis import variance
from nearfar.analysis.estimate import ALPHA, Estimate, estimate_rows
from nearfar.analysis.outlook import (
    TRAININGS,
    Asked,
    Compared,
    Cost,
    Guess,
    Outlook,
    Solved,
    expected,
    finds,
    guess_rows,
    look_ahead,
    parts_before_training,
    same_within,
)
from nearfar.analysis.variance import Design, Parts

ROWS, TESTED, FOLDS = 300, 30, 10
STAYS, NEW, NOISE = 1.0, 1.0, 0.2
"""Deviations of a row's persistent part, of what each training draws anew, and of a training."""
STUDIES = 600


def rows_of(design: Design, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The rows that each of ``n`` trainings tests."""
    if design == "fixed":
        return [np.arange(TESTED)] * n
    if design == "resplits":
        return [np.sort(rng.permutation(ROWS)[:TESTED]) for _ in range(n)]
    order = rng.permutation(ROWS).reshape(FOLDS, TESTED)
    return [np.sort(order[s % FOLDS]) for s in range(n)]


def truth(design: Design) -> Parts:
    """The parts of the variance of what :func:`simulated` draws."""
    own = (STAYS**2 + NEW**2) / TESTED
    overlap = {"folds": 0.0, "resplits": TESTED / ROWS, "fixed": 1.0}[design]
    shared = overlap * STAYS**2 / TESTED
    n = FOLDS
    return Parts(
        design,
        n,
        TESTED if design == "fixed" else ROWS,
        between=own - shared + NOISE**2,
        own=own,
        shared=shared,
        training=NOISE**2,
        rows=shared + (own - shared) / n,
        overlap=overlap,
        rotation=FOLDS if design == "folds" else 1,
    )


def simulated(design: Design, n: int, mean: float, rng: np.random.Generator) -> Estimate:
    """A study whose true difference is ``mean``.

    What one data set cannot show, the rest of the factor on what rows contribute, moves all its
    trainings alike.
    """
    parts = truth(design).at(n)
    unseen = math.sqrt((parts.factor - 1) * parts.rows) * rng.normal()
    rows = STAYS * rng.normal(size=ROWS)
    trainings = [
        variance.Tested(
            tested,
            mean + unseen + rows[tested] + NEW * rng.normal(size=TESTED) + NOISE * rng.normal(),
        )
        for tested in rows_of(design, n, rng)
    ]
    found = estimate_rows(trainings, ROWS)
    assert found is not None
    return found


@pytest.mark.parametrize("design", ["folds", "resplits", "fixed"])
def test_what_is_to_be_found_is_found_four_times_in_five(design: Design) -> None:
    rng, n = np.random.default_rng(0), 10
    size = finds(truth(design), n)
    found = [simulated(design, n, size, rng).p_value() <= ALPHA for _ in range(STUDIES)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("design", ["folds", "resplits", "fixed"])
def test_equal_arms_count_as_the_same_four_times_in_five(design: Design) -> None:
    rng, n = np.random.default_rng(1), 10
    margin = same_within(truth(design), n)
    same = [simulated(design, n, 0.0, rng).equivalence_p(margin) <= ALPHA for _ in range(STUDIES)]
    assert np.mean(same) == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("design", ["folds", "resplits", "fixed"])
def test_more_trainings_find_less_and_more_comparisons_more(design: Design) -> None:
    parts = truth(design)
    for size in (finds, same_within):
        sizes = [size(parts, n) for n in (3, 5, 10, 20, 50, 1000)]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] < sizes[0]
        assert size(parts, 10, 4) > size(parts, 10)


def asked(**changes: object) -> Asked:
    given: dict[str, object] = {
        "study": "toy",
        "profile": "full",
        "metric": "mae",
        "unit": "z",
        "trainings": 10,
        "comparisons": 1,
        "reference": 2.0,
        "reference_arm": "ridge",
        "margin": None,
        "cost": Cost(1.0, 2.0),
    }
    return Asked(**{**given, **changes})  # type: ignore[arg-type]


def ahead(*parts: Parts, source: str = "run", **changes: object) -> Outlook:
    return look_ahead(asked(**changes), [Compared(p) for p in parts], source, ())  # type: ignore[arg-type]


@pytest.mark.parametrize("design", ["folds", "resplits", "fixed"])
def test_no_number_of_trainings_finds_what_is_said_to_stay_hidden(design: Design) -> None:
    parts = truth(design)
    hidden = ahead(parts).limit.hidden
    assert hidden is not None
    assert finds(parts, 10_000) > 0.999 * hidden
    assert finds(parts, 10**6) == pytest.approx(hidden)


def without_a_stay(parts: Parts) -> Parts:
    """The same comparison, with rows that differ anew in every training."""
    changes = {"shared": 0.0, "rows": parts.own / parts.n}
    return Parts(**{**vars(parts), **changes})


@pytest.mark.parametrize("design", ["resplits", "fixed"])
def test_nothing_stays_hidden_where_rows_contribute_nothing_that_stays(design: Design) -> None:
    outlook = ahead(without_a_stay(truth(design)))
    assert outlook.limit.hidden is None
    assert not outlook.limit.by_rows
    assert outlook.limit.measured


def test_folds_of_one_rotation_do_not_know_how_much_stays() -> None:
    assert not ahead(truth("folds")).limit.measured
    assert ahead(truth("fixed")).limit.measured
    assert not ahead(truth("fixed"), source="pairs").limit.measured


def test_rows_limit_where_their_part_is_most_of_the_variance() -> None:
    assert ahead(truth("fixed"), trainings=100).limit.by_rows
    assert not ahead(truth("fixed"), trainings=2).limit.by_rows


def test_numbers_of_several_comparisons_are_their_medians() -> None:
    small, large = (Parts(**{**vars(truth("fixed")), "training": t}) for t in (0.0, 9.0))
    middle = ahead(small, truth("fixed"), large).reaches
    assert middle == ahead(truth("fixed")).reaches


def test_percent_is_of_an_error_and_minutes_grow_with_trainings() -> None:
    reaches = ahead(truth("fixed")).reaches
    assert [reach.n for reach in reaches] == list(TRAININGS)
    for reach in reaches:
        assert reach.percent == pytest.approx(50 * reach.finds)
        assert reach.minutes == 1.0 + 2.0 * reach.n
    other = ahead(truth("fixed"), metric="accuracy", cost=None).reaches[0]
    assert (other.percent, other.minutes) == (None, None)


def test_a_margin_is_reached_if_equal_arms_count_as_the_same_within_it() -> None:
    least = same_within(truth("fixed"), TRAININGS[-1])
    assert ahead(truth("fixed"), margin=1.01 * least).margin_reached is True
    assert ahead(truth("fixed"), margin=0.99 * least).margin_reached is False
    assert ahead(truth("fixed")).margin == pytest.approx(0.2), "a tenth of the error beside it"
    assert ahead(truth("fixed"), metric="accuracy").margin == 0.02


def test_before_training_its_noise_is_what_rows_contribute_to_one_training() -> None:
    for design in ("folds", "resplits", "fixed"):
        parts = parts_before_training(4.0, design, rotation=FOLDS, overlap=0.1, units=300)  # type: ignore[arg-type]
        assert (parts.own, parts.training, parts.design) == (4.0, 4.0, design)
        rows = {"folds": 0.4, "resplits": 0.1 * 4 + 0.9 * 0.4, "fixed": 4.0}[design]
        assert parts.at(10).rows == pytest.approx(rows)
        factor = 1.0 if design == "fixed" else 1.7
        assert expected(parts, 10).error ** 2 == pytest.approx(factor * rows + 0.4)


def solved(name: str, scores: np.ndarray, constant: bool = False) -> Solved:
    places = np.arange(scores.shape[1])
    return Solved(name, constant, {s: variance.Tested(places, row) for s, row in enumerate(scores)})


def test_rows_are_guessed_from_pairs_of_solved_arms_or_else_from_one() -> None:
    rng = np.random.default_rng(2)
    a, b, c, mean = (rng.normal(size=(3, 400)) for _ in range(4))
    arms = [solved("a", a), solved("b", a + 2 * b), solved("c", a + c), solved("mean", mean, True)]
    several = guess_rows(arms, None, 400)
    assert several == Guess(pytest.approx(4 / 400, rel=0.2), "pairs", ("a", "b", "c"))
    single = guess_rows([arms[3], arms[0]], None, 400)
    assert single == Guess(pytest.approx(1 / 400, rel=0.2), "single", ("a",))
    constant = guess_rows(arms[3:], None, 400)
    assert constant == Guess(pytest.approx(1 / 400, rel=0.2), "constant", ("mean",))
    twins = guess_rows([arms[0], solved("twin", a)], None, 400)
    assert twins is not None
    assert twins.source == "single"
    assert guess_rows([solved("flat", np.ones((3, 400)))], None, 400) is None
    assert guess_rows([], None, 400) is None


def test_grouped_rows_contribute_as_their_groups_do() -> None:
    rng = np.random.default_rng(3)
    scores = np.repeat(rng.normal(size=(3, 100)), 4, axis=1)
    alone = guess_rows([solved("a", scores)], None, 400)
    grouped = guess_rows([solved("a", scores)], np.repeat(np.arange(100), 4), 400)
    assert alone is not None
    assert grouped is not None
    assert grouped.own == pytest.approx(4 * alone.own, rel=0.05)


def test_a_run_says_of_each_comparison_what_it_finds() -> None:
    parts = truth("resplits")
    compared = [
        Compared(parts, "arm", "base", "undecided", 40),
        Compared(parts, "rest", "base", "better"),
    ]
    outlook = look_ahead(asked(comparisons=2), compared, "run", ())
    first, second = outlook.waiting
    assert (first.arm, first.against, first.trainings_to_decide) == ("arm", "base", 40)
    assert first.finds == second.finds == tuple(finds(parts, n, 2) for n in TRAININGS)
    assert outlook.to_plain()["waiting"][1]["verdict"] == "better"
