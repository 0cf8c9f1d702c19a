"""Metrics of two classes and of labels: against scikit-learn, and by leaving rows out."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
)

from nearfar.metrics import (
    CLASSIFICATION,
    METRICS_OF,
    MULTILABEL,
    Classified,
    evaluate_label,
    evaluate_pooled,
    of_label,
)

NAMES = ["average_precision", "f1", "mcc", "brier"]


def drawn(seed: int, digits: int = 9, n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,), a sixth of it 1, and log odds (n,); few digits make ties."""
    draw = np.random.default_rng(seed)
    truth = (draw.random(n) < 1 / 6).astype(int)
    return truth, np.round(draw.gamma(1.0, 2.0, n) + 1.5 * truth - 2.5, digits)


def without(rows: Classified, row: int) -> Classified:
    kept = np.arange(len(rows.truth)) != row
    columns = {name: column for name, column in vars(rows).items() if name != "classes"}
    return replace(rows, **{name: column[kept] for name, column in columns.items()})


@pytest.mark.parametrize("digits", [9, 1, 0])
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_scikit_learn(seed: int, digits: int) -> None:
    truth, odds = drawn(seed, digits)
    chance = 1 / (1 + np.exp(-odds))
    found = evaluate_label(of_label(truth, odds))
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, chance))
    assert found["f1"] == pytest.approx(f1_score(truth, odds > 0))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(truth, odds > 0))
    assert found["brier"] == pytest.approx(brier_score_loss(truth, chance))


def test_mcc_of_five_classes_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    truth, scores = draw.integers(0, 5, 400), draw.normal(size=(400, 5))
    scores[np.arange(400), truth] += 1
    rows = Classified.of(truth, scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    expected = matthews_corrcoef(truth, scores.argmax(1))
    assert CLASSIFICATION["mcc"].value(rows) == pytest.approx(expected)
    for name in ("average_precision", "f1", "brier"):
        assert np.isnan(CLASSIFICATION[name].value(rows)), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("digits", [9, 0])
def test_row_scores_say_what_leaving_a_row_out_changes(name: str, digits: int) -> None:
    rows = of_label(*drawn(1, digits, 900))
    metric, n = CLASSIFICATION[name], len(rows.truth)
    assert metric.row_scores is not None
    scores = metric.row_scores(rows)
    assert scores.mean() == pytest.approx(metric.value(rows))
    left_out = np.array([metric.value(without(rows, row)) for row in range(n)])
    influence = (n - 1) * (metric.value(rows) - left_out)
    assert np.corrcoef(influence, scores)[0, 1] > 0.99
    assert influence.std() == pytest.approx(scores.std(), rel=0.05)


def test_a_constant_prediction_is_the_floor() -> None:
    truth = (np.arange(200) % 25 == 0).astype(int)
    found = evaluate_label(of_label(truth, np.full(200, -3.0)))
    assert found["average_precision"] == pytest.approx(0.04)
    assert (found["auroc"], found["f1"], found["mcc"]) == (0.5, 0.0, 0.0)
    for name in NAMES:
        scores = MULTILABEL[name].row_scores
        assert scores is not None
        assert scores(of_label(truth, np.full(200, -3.0))).mean() == pytest.approx(found[name])


@pytest.mark.parametrize("truth", [0, 1])
def test_what_one_class_alone_does_not_define_is_left_out(truth: int) -> None:
    found = evaluate_label(of_label(np.full(9, truth), np.linspace(-2, 1, 9)))
    assert not {"auroc", "average_precision", "mcc"} & found.keys()
    assert {"brier", "nll", "accuracy"} <= found.keys()


@pytest.mark.parametrize("odds", [-1.0, 1.0])
def test_f1_without_a_row_of_the_second_class_is_undefined_whatever_is_predicted(
    odds: float,
) -> None:
    rows = of_label(np.zeros(6), np.r_[odds, np.full(5, -1.0)])
    assert "f1" not in evaluate_label(rows)
    assert evaluate_pooled(rows) == {}
    scores = MULTILABEL["f1"].row_scores
    assert scores is not None
    assert np.isnan(scores(rows)).all()


def test_extreme_log_odds_give_finite_numbers() -> None:
    truth, odds = np.array([0, 1, 1, 0]), np.array([-27.6, 27.6, -27.6, 27.6])
    found = evaluate_label(of_label(truth, odds))
    assert all(map(np.isfinite, found.values()))
    assert found["nll"] == pytest.approx(13.8)


def test_pooled_pairs_have_the_micro_average() -> None:
    draw = np.random.default_rng(0)
    truth, odds = draw.integers(0, 2, (50, 3)), draw.normal(size=(50, 3))
    found = evaluate_pooled(of_label(truth.ravel(), odds.ravel()))
    assert found == {"f1_micro": pytest.approx(f1_score(truth, odds > 0, average="micro"))}


def test_a_study_of_labels_is_judged_by_average_precision_unless_it_says_another() -> None:
    assert next(iter(METRICS_OF["multilabel"])) == "average_precision"
    assert next(iter(METRICS_OF["classification"])) == "accuracy"
    directions = {name: METRICS_OF["multilabel"][name].better for name in [*NAMES, "auroc"]}
    assert directions.pop("brier") == "lower"
    assert set(directions.values()) == {"higher"}
