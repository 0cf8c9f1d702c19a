"""Metrics of classification against scikit-learn and against loops."""

from dataclasses import replace

import numpy as np
import pytest

from nearfar.metrics import (
    CLASSIFICATION,
    Classified,
    confusion,
    evaluate_classification,
    recalls,
)
from nearfar.metrics.classification import BINS, LEAST_PROBABILITY, TOP3_ACCURACY
from sklearn import metrics as sk

RNG = np.random.default_rng(1)
CLASSES = 5
TRUTH = RNG.choice(CLASSES, p=[0.4, 0.3, 0.2, 0.08, 0.02], size=400)
SCORES = RNG.normal(size=(400, CLASSES)) + 1.5 * np.eye(CLASSES)[TRUTH]
LOG_P = SCORES - np.log(np.exp(SCORES).sum(1, keepdims=True))
ROWS = Classified.of(TRUTH, LOG_P)
GUESS = LOG_P.argmax(1)


def test_against_scikit_learn() -> None:
    found = evaluate_classification(ROWS)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(TRUTH, GUESS))
    assert found["balanced_accuracy"] == pytest.approx(
        sk.balanced_accuracy_score(TRUTH, GUESS), abs=1e-12
    )
    assert found["nll"] == pytest.approx(sk.log_loss(TRUTH, np.exp(LOG_P)))
    assert found["top3_accuracy"] == pytest.approx(
        sk.top_k_accuracy_score(TRUTH, LOG_P, k=3, labels=range(CLASSES))
    )
    counts = confusion(TRUTH, GUESS, CLASSES)
    np.testing.assert_array_equal(counts, sk.confusion_matrix(TRUTH, GUESS))
    recall = sk.recall_score(TRUTH, GUESS, average=None)
    np.testing.assert_allclose(recalls(counts), recall)


def test_calibration_error_is_that_of_a_loop() -> None:
    confidence, right = np.exp(LOG_P.max(1)), GUESS == TRUTH
    total = 0.0
    for b in range(BINS):
        inside = (confidence >= b / BINS) & (confidence < (b + 1) / BINS)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            total += inside.mean() * gap
    assert CLASSIFICATION["ece"].value(ROWS) == pytest.approx(total)


def test_ties_go_to_the_lower_number_as_the_prediction_does() -> None:
    flat = Classified.of(np.arange(4), np.full((4, 4), np.log(0.25)))
    assert flat.rank.tolist() == [1, 2, 3, 4]
    assert flat.prediction.tolist() == [0, 0, 0, 0]
    assert flat.correct.tolist() == [1, 0, 0, 0]


def test_a_class_that_does_not_occur_counts_nothing() -> None:
    rows = Classified.of(np.array([0, 0, 2]), np.log([[0.9, 0.05, 0.05]] * 3))
    assert CLASSIFICATION["balanced_accuracy"].value(rows) == 0.5
    assert np.isnan(recalls(confusion(rows.truth, rows.prediction, 3))[1])


def test_certainty_of_the_wrong_class_is_no_finite_number() -> None:
    rows = Classified.of(np.array([0]), np.array([[-np.inf, 0.0]]))
    found = evaluate_classification(rows)
    assert "nll" not in found
    assert found["accuracy"] == 0


@pytest.mark.parametrize("shape", [(3, 2), (2,), (0, 2)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"need \(n,\) and \(n, classes\)"):
        Classified.of(np.zeros(0 if shape[0] == 0 else 2), np.zeros(shape))


def test_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        Classified.of(np.zeros(1), np.array([[np.nan, 0.0]]))


def test_a_class_without_a_vote_is_not_among_the_three_most_probable() -> None:
    votes = np.array([[0.6, 0.4, 0, 0], [1, 0, 0, 0], [0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]])
    truth = np.array([2, 1, 2, 3])
    with np.errstate(divide="ignore"):
        for log_p in (np.log(votes), np.log(np.maximum(votes, LEAST_PROBABILITY))):
            rows = Classified.of(truth, log_p)
            assert TOP3_ACCURACY.row_scores(rows).tolist() == [0, 0, 1, 0]
            assert TOP3_ACCURACY.value(rows) == 0.25
            read = replace(rows, log_probability=rows.log_probability.round(6))
            assert TOP3_ACCURACY.value(read) == 0.25


def test_an_improbable_class_of_a_sure_network_keeps_its_place() -> None:
    logits = np.array([[90.0, 20.0, 10.0, 0.0]])
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    assert TOP3_ACCURACY.value(Classified.of(np.array([2]), log_p)) == 1
