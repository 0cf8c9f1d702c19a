"""Estimators of a program as heads: fitted, kept without pickle, read again."""

import fractions

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from skops.io import dumps

from nearfar.errors import UserError
from nearfar.library.estimators import head_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))


def test_numbers_of_several_targets_survive_being_kept() -> None:
    kind = head_of(make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=2)))
    head, targets = kind(), np.column_stack([X[:, 0], X[:, 1]])
    head.fit(X, targets, 3)
    again = kind.from_arrays(head.arrays())
    assert head.predict(X).shape == (40, 2)
    assert np.array_equal(again.predict(X), head.predict(X))


@pytest.mark.parametrize("estimator", [LogisticRegression(), RidgeClassifier()])
def test_classes_that_training_lacks_have_no_chance(estimator: object) -> None:
    kind = head_of(estimator)
    numbers = np.where(X[:, 0] > 0, 2, 0)
    head = kind()
    head.fit(X, np.eye(3)[numbers], 0)
    chances = kind.from_arrays(head.arrays()).predict(X)
    assert np.allclose(chances.sum(axis=1), 1)
    assert not chances[:, 1].any()
    assert (chances.argmax(axis=1) == numbers).mean() > 0.9
    head.fit(X, np.eye(3)[np.ones(40, dtype=int)], 0)
    assert (head.predict(X) == [0, 1, 0]).all()


def test_boosting_with_categories_survives_being_kept() -> None:
    kind = head_of(HistGradientBoostingRegressor(max_iter=3, categorical_features=[3]))
    head, rows = kind(), np.column_stack([X, np.arange(40) % 4])
    head.fit(rows, X[:, :1], 0)
    again = kind.from_arrays(head.arrays())
    assert np.array_equal(again.predict(rows), head.predict(rows))


def test_what_is_left_open_is_drawn_from_the_seed() -> None:
    kind = head_of(DecisionTreeRegressor(splitter="random"))

    def predicted(seed: int) -> np.ndarray:
        head = kind()
        head.fit(X, X[:, :1] ** 2, seed)
        return head.predict(X + 0.3)

    assert np.array_equal(predicted(1), predicted(1))
    assert not np.array_equal(predicted(1), predicted(2))


def test_a_file_with_other_classes_is_not_loaded() -> None:
    kind = head_of(LogisticRegression())
    head = kind()
    head.fit(X, np.eye(2)[(X[:, 0] > 0).astype(int)], 0)
    planted = np.frombuffer(dumps(fractions.Fraction(1, 2)), dtype=np.uint8)
    with pytest.raises(UserError, match=r"holds fractions\.Fraction.*not loaded"):
        kind.from_arrays({**head.arrays(), "estimator-0": planted})
