"""The area under the ROC curve: against scikit-learn, by DeLong, and where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nearfar.metrics import CLASSIFICATION, METRICS_OF, Classified, evaluate_classification

AUROC = CLASSIFICATION["auroc"]


def log_softmax(scores: np.ndarray) -> np.ndarray:
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def two_classes(seed: int, n: int = 300, digits: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,), a sixth of class 1, and log probabilities (n, 2); few digits make ties."""
    draw = np.random.default_rng(seed)
    truth = (draw.random(n) < 1 / 6).astype(int)
    odds = np.round(draw.gamma(1.0, 2.0, n) + 1.5 * truth - 2.5, digits)
    return truth, log_softmax(np.stack([np.zeros(n), odds], axis=1))


def as_in_a_file(rows: Classified) -> Classified:
    return replace(
        rows,
        log_probability=rows.log_probability.round(6),
        confidence=rows.confidence.round(6),
    )


@pytest.mark.parametrize("digits", [9, 1, 0])
@pytest.mark.parametrize("seed", range(4))
def test_value_is_that_of_scikit_learn(seed: int, digits: int) -> None:
    truth, log_p = two_classes(seed, digits=digits)
    rows = Classified.of(truth, log_p)
    expected = roc_auc_score(truth, log_p[:, 1])
    assert AUROC.value(rows) == pytest.approx(expected, abs=1e-12)
    assert evaluate_classification(rows)["auroc"] == AUROC.value(rows)
    assert AUROC.value(as_in_a_file(rows)) == pytest.approx(expected, abs=1e-4)
    swapped = Classified.of(1 - truth, log_p[:, ::-1])
    assert AUROC.value(swapped) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("odds", [0.0, 0.3, -1.7, 6.1, -12.0, 40.0])
def test_a_constant_classifier_knows_nothing(odds: float) -> None:
    truth = np.arange(60) % 3 // 2
    rows = Classified.of(truth, log_softmax(np.tile([0.0, odds], (60, 1))))
    for known in (rows, as_in_a_file(rows)):
        assert AUROC.value(known) == 0.5
        assert AUROC.row_scores is not None
        np.testing.assert_array_equal(AUROC.row_scores(known), 0.5)


def test_probabilities_near_0_and_1_are_told_apart() -> None:
    draw = np.random.default_rng(0)
    truth = np.arange(400) % 2
    odds = np.where(draw.random(400) < 0.5, -16.0, 16.0) + draw.normal(0, 2, 400) + 2 * truth
    rows = Classified.of(truth, log_softmax(np.stack([np.zeros(400), odds], axis=1)))
    assert AUROC.value(rows) == pytest.approx(roc_auc_score(truth, odds), abs=1e-12)


def test_certainty_of_either_class() -> None:
    sure = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    assert AUROC.value(Classified.of(np.array([0, 1]), sure)) == 1
    assert AUROC.value(Classified.of(np.array([1, 0]), sure)) == 0
    assert AUROC.value(Classified.of(np.array([0, 1, 1]), sure[[0, 0, 1]])) == 0.75


def de_long(truth: np.ndarray, scores: np.ndarray) -> float:
    """Variance of the area, by its definition pair by pair."""
    ones, zeros = scores[truth == 1], scores[truth == 0]
    wins = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    return wins.mean(1).var(ddof=1) / len(ones) + wins.mean(0).var(ddof=1) / len(zeros)


@pytest.mark.parametrize("digits", [9, 0])
def test_variance_of_row_scores_is_that_of_de_long(digits: int) -> None:
    truth, log_p = two_classes(7, n=2000, digits=digits)
    assert AUROC.row_scores is not None
    variance = AUROC.row_scores(Classified.of(truth, log_p)).var() / len(truth)
    assert variance == pytest.approx(de_long(truth, log_p[:, 1]), rel=0.01)


def test_without_two_classes_there_is_none() -> None:
    truth, log_p = two_classes(0, n=40)
    third = log_softmax(np.c_[log_p, np.full(40, -1.0)])
    far_third = log_softmax(np.c_[log_p, np.full(40, -9.0)])
    undefined = {
        "one class": Classified.of(np.ones(40, dtype=int), log_p),
        "a third in truth": Classified.of(np.r_[2, truth[1:]], third),
        "a third in prediction": Classified.of(truth, log_softmax(third + 5 * np.eye(3)[2])),
        "a third that is probable": Classified.of(truth, third),
        "a third that is improbable": Classified.of(truth, far_third),
        "a third, from a file": as_in_a_file(Classified.of(truth, far_third)),
        "a truth behind two": replace(Classified.of(truth, log_p), rank=np.full(40, 3)),
    }
    for what, rows in undefined.items():
        assert np.isnan(AUROC.value(rows)), what
        assert AUROC.row_scores is not None
        assert np.isnan(AUROC.row_scores(rows)).all(), what
        assert "auroc" not in evaluate_classification(rows), what
        assert "accuracy" in evaluate_classification(rows), what


@pytest.mark.parametrize("name", ["auroc", "average_precision", "brier", "f1"])
def test_rows_that_do_not_tell_of_a_third_class_have_none_either(name: str) -> None:
    log_p = log_softmax(np.array([[2.0, 0.0, -1.0], [0.0, 2.0, -1.0]] * 5))
    rows, metric = Classified.of(np.arange(10) % 2, log_p), CLASSIFICATION[name]
    assert rows.classes == 3
    assert np.isnan(metric.value(rows))
    assert metric.row_scores is not None
    assert np.isnan(metric.row_scores(rows)).all()
    assert np.isfinite(metric.value(Classified.of(np.arange(10) % 2, log_softmax(log_p[:, :2]))))


def test_it_is_no_default() -> None:
    assert next(iter(METRICS_OF["classification"])) == "accuracy"
