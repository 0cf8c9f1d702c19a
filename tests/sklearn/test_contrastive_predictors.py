"""Predictors with encoder and head, and the heads of the house."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimator_data import labels_of, rows
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from nearfar.sklearn import (
    ContrastiveClassifier,
    ContrastiveRegressor,
    RankNContrast,
    SimCLR,
    SoftmaxClassifier,
    SupervisedContrastive,
    TunedSVR,
    UntrainedEncoder,
    WeightedKNNClassifier,
)


def classes() -> tuple[Any, Any]:
    X, y = rows(90)
    return X, labels_of("SupervisedContrastive", y)


def test_targets_that_do_not_vary_are_told_of_the_estimator_and_all_its_rows() -> None:
    X, y = rows(33)
    told = r"^ContrastiveRegressor: y is 0 in all n_samples=33 rows: nothing to learn$"
    with pytest.raises(ValueError, match=told):
        ContrastiveRegressor().fit(X, np.zeros(33))
    with pytest.raises(ValueError, match=r"^ContrastiveRegressor: column 1 of y is 0 in all n_"):
        ContrastiveRegressor().fit(X, np.stack([y, np.zeros(33)], axis=1))
    model = ContrastiveRegressor(encoder=RankNContrast(epochs=1), epochs=1, random_state=0)
    one = np.zeros(33)
    one[model._held_out(one, model._seed())[0]] = 1
    with pytest.raises(ValueError, match="n_samples=30 rows that are not held out: nothing to"):
        model.fit(X, one)


@pytest.mark.parametrize("encoder", [None, SimCLR(epochs=2), UntrainedEncoder(hidden=16)])
@pytest.mark.parametrize("train", ["all", "head"])
def test_a_head_learns_on_any_encoder(encoder: Any, train: str) -> None:
    X, y = rows(90)
    model = ContrastiveRegressor(encoder=encoder, train=train, epochs=60, random_state=0)
    assert model.fit(X[:60], y[:60]).score(X[60:], y[60:]) > 0.5
    again = ContrastiveRegressor(encoder=encoder, train=train, epochs=60, random_state=0)
    np.testing.assert_array_equal(again.fit(X[:60], y[:60]).predict(X), model.predict(X))
    assert 1 <= model.n_iter_ <= 60


def test_a_frozen_encoder_stays_as_it_was_and_a_trained_one_does_not() -> None:
    X, y = rows()
    encoder = RankNContrast(epochs=2, random_state=3)
    options = {"encoder": encoder, "epochs": 3, "validation_fraction": 0.0, "random_state": 0}
    before = RankNContrast(epochs=2, random_state=3).fit(X, y).transform(X)
    frozen = ContrastiveRegressor(train="head", **options).fit(X, y)
    tuned = ContrastiveRegressor(train="all", **options).fit(X, y)
    np.testing.assert_array_equal(frozen.transformer_.transform(X), before)
    assert not np.allclose(tuned.transformer_.transform(X), before)
    assert not hasattr(encoder, "encoder_"), "the parameter itself is not fitted"


def test_several_targets_come_back_in_their_own_units() -> None:
    X, y = rows(90)
    both = np.stack([y, 1e6 - 1e4 * y], axis=1)
    found = ContrastiveRegressor(epochs=60, random_state=0).fit(X, both).predict(X)
    assert found.shape == both.shape
    np.testing.assert_allclose(found.mean(axis=0), both.mean(axis=0), rtol=0.05)


def test_classes_keep_their_names_and_probabilities_sum_to_one() -> None:
    X, y = classes()
    frame = pd.DataFrame(X, columns=list("abcd"))
    for model in (
        ContrastiveClassifier(encoder=SupervisedContrastive(epochs=5), epochs=30, random_state=0),
        SoftmaxClassifier(),
        WeightedKNNClassifier(),
    ):
        model.fit(frame, y)
        assert model.classes_.tolist() == ["low", "middle", "top"]
        assert set(model.predict(frame)) <= set(y)
        np.testing.assert_allclose(model.predict_proba(frame).sum(axis=1), 1)
        assert model.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="1 class, True"):
        ContrastiveClassifier().fit(X, np.ones(90, dtype=bool))


def test_a_class_of_one_row_is_not_held_out() -> None:
    X, y = classes()
    y[0] = "once"
    model = ContrastiveClassifier(
        encoder=SupervisedContrastive(epochs=1), epochs=1, validation_fraction=0.9, random_state=0
    )
    for seed in range(20):
        held_out = model.fit(X, y)._held_out(y, seed) if not seed else model._held_out(y, seed)
        assert 0 not in held_out
        assert len(held_out) == 81


def test_threads_that_fit_at_once_get_the_numbers_of_one_after_another() -> None:
    X, y = classes()
    encoder = SupervisedContrastive(epochs=6, projection=(8,))
    model = ContrastiveClassifier(encoder=encoder, epochs=6, random_state=0)
    expected = clone(model).fit(X, y).predict_proba(X)
    with ThreadPoolExecutor(3) as threads:
        found = [*threads.map(lambda _: clone(model).fit(X, y).predict_proba(X), range(6))]
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_the_encoder_is_searched_by_its_parameters() -> None:
    X, y = rows()
    model = ContrastiveRegressor(encoder=RankNContrast(epochs=1), epochs=2, random_state=0)
    grid = {"encoder__temperature": [1.0, 3.0], "encoder__hidden": [4], "head": ["linear", "mlp"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.transformer_.hidden == 4


def test_parameters_that_are_not_allowed_are_named() -> None:
    X, y = rows()
    with pytest.raises(ValueError, match="loss='l3'; allowed: l1, mse, huber"):
        ContrastiveRegressor(loss="l3").fit(X, y)
    with pytest.raises(ValueError, match=r"batch_size=1: .* greater than or equal to 2"):
        ContrastiveRegressor(batch_size=1).fit(X, y)
    with pytest.raises(ValueError, match="head='svr': input should be 'linear' or 'mlp'"):
        ContrastiveRegressor(head="svr").fit(X, y)
    with pytest.raises(ValueError, match="validation_fraction=1: input should be less than 1"):
        ContrastiveRegressor(validation_fraction=1).fit(X, y)
    with pytest.raises(TypeError, match="is no transformer of nearfar"):
        ContrastiveRegressor(encoder=LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"TunedSVR: folds=1: .* greater than or equal to 2"):
        TunedSVR(folds=1).fit(X, y)
    with pytest.raises(ValueError, match="WeightedKNNClassifier: neighbours=0: "):
        WeightedKNNClassifier(neighbours=0).fit(*classes())


def test_an_encoder_of_other_labels_is_named() -> None:
    X, y = np.eye(6), np.linspace(0, 1, 6)
    regressor = ContrastiveRegressor(encoder=SupervisedContrastive())
    with pytest.raises(
        ValueError, match=r"encoder=SupervisedContrastive\(.* learns from classes, "
    ):
        regressor.fit(X, y)
    classifier = ContrastiveClassifier(encoder=RankNContrast(epochs=1), epochs=1)
    with pytest.raises(
        ValueError, match=r"encoder=RankNContrast\(.* learns from numbers, and y has"
    ):
        classifier.fit(X, np.array(["a", "b"] * 3))
    assert set(classifier.fit(X, np.array([1, 2] * 3)).predict(X)) <= {1, 2}


@pytest.mark.parametrize(
    "estimator",
    [ContrastiveRegressor(encoder=RankNContrast(epochs=1), epochs=1), RankNContrast(), TunedSVR()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_numbers_that_are_written_as_texts_are_numbers(estimator: Any) -> None:
    X, _ = rows()
    y = [f"{value:.3f}" for value in X[:, 0]]
    name = type(estimator).__name__
    estimator = clone(estimator).set_params(random_state=0)
    if name != "RankNContrast":
        numbers = clone(estimator).fit(X, np.array(y).astype(float)).predict(X)
        np.testing.assert_array_equal(estimator.fit(X, y).predict(X), numbers)
    with pytest.raises(ValueError, match=rf"{name}: y\[2\] is 'low', and it learns from numbers"):
        estimator.fit(X, [*y[:2], "low", *y[3:]])


def test_softmax_regression_is_that_of_scikit_learn() -> None:
    """With the penalty in its scale: 1/(n C) on standardised columns."""
    X, y = classes()
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = LogisticRegression(C=1 / (len(X) * 1e-2), tol=1e-8).fit(standard, y)
    ours = SoftmaxClassifier(penalty=1e-2).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(standard), atol=2e-3)


def test_a_tuned_svr_needs_no_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nearfar.heads.solved.svr.GAMMAS", (3e-3,))
    X, y = rows(90)
    assert cross_val_score(TunedSVR(folds=3, random_state=0), X, y * 1e3 - 5, cv=3).min() > 0.9
    assert TunedSVR().fit(X[:2], y[:2]).predict(X[:1]).shape == (1,)
