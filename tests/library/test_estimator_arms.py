"""Estimators of a program as heads: fitted, kept without pickle, read again."""

import fractions
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import measure
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    MultiTaskLasso,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor
from skops.io import dumps

import nearfar
from nearfar.errors import UserError
from nearfar.library.by_name import check_no_names
from nearfar.library.estimators import head_of
from nearfar.sklearn import ContrastiveRegressor, RankNContrast, SupervisedContrastive, TunedSVR

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))


def test_numbers_of_several_targets_survive_being_kept() -> None:
    kind = head_of(make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=2)))
    head, targets = kind(), np.column_stack([X[:, 0], X[:, 1]])
    head.fit(X, targets, 3)
    again = kind.from_arrays(head.arrays())
    assert head.predict(X).shape == (40, 2)
    assert np.array_equal(again.predict(X), head.predict(X))


@pytest.mark.parametrize("width", [1, 2])
def test_an_estimator_that_takes_several_targets_is_fitted_once(width: int) -> None:
    kind = head_of(MultiTaskLasso(alpha=0.1))
    head, targets = kind(), X[:, :width] + 0.1 * RNG.normal(size=(40, width))
    head.fit(X, targets, 0)
    again = kind.from_arrays(head.arrays())
    expected = MultiTaskLasso(alpha=0.1).fit(X, targets).predict(X)
    assert np.array_equal(again.predict(X), expected)
    forest = head_of(DecisionTreeRegressor(max_depth=2, random_state=0))()
    forest.fit(X.astype(np.float32), targets, 0)
    wide = X.astype(np.float32).astype(np.float64)
    alike = DecisionTreeRegressor(max_depth=2, random_state=0).fit(wide, targets).predict(wide)
    assert np.array_equal(forest.predict(X.astype(np.float32)), alike.reshape(40, width))


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


@pytest.mark.parametrize("classes", [3, 4])
def test_decision_values_of_pairs_are_none_of_classes(classes: int) -> None:
    """Three classes have three pairs, four have six."""
    numbers = np.digitize(X[:, 0], np.linspace(-0.8, 0.8, classes - 1))
    estimator = make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo"))
    kind = head_of(estimator)
    head = kind()
    head.fit(X, np.eye(classes)[numbers], 0)
    chances = kind.from_arrays(head.arrays()).predict(X)
    assert np.array_equal(chances.argmax(axis=1), estimator.fit(X, numbers).predict(X))
    assert set(chances.ravel()) == {0, 1}


class TwiceAsMany(DecisionTreeRegressor):
    """A regressor of two columns, whatever it was fitted on."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([super().predict(X)] * 2)


def test_other_than_one_number_a_row_is_refused() -> None:
    head = head_of(TwiceAsMany())()
    head.fit(X, X[:, :1], 0)
    with pytest.raises(UserError, match="TwiceAsMany: predicts 80 numbers for 40 rows, needs one"):
        head.predict(X)


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


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        (fractions.Fraction(1, 2), r"fractions\.Fraction"),
        (FunctionTransformer(eval), r"builtins\.eval"),
        (FunctionTransformer(functools.partial(measure, "1 + 1")), r"numpy\.testing.*measure"),
        (FunctionTransformer(np.nan_to_num), r"numpy\.nan_to_num"),
    ],
)
def test_what_the_program_did_not_give_is_not_loaded(planted: object, name: str) -> None:
    kind = head_of(LogisticRegression())
    head = kind()
    head.fit(X, np.eye(2)[(X[:, 0] > 0).astype(int)], 0)
    bad = np.frombuffer(dumps(planted), dtype=np.uint8)
    with pytest.raises(UserError, match=rf"holds {name}.*not loaded"):
        kind.from_arrays({**head.arrays(), "estimator-0": bad})


def test_functions_that_the_program_gave_are_loaded() -> None:
    kind = head_of(make_pipeline(FunctionTransformer(np.nan_to_num), LinearRegression()))
    head = kind()
    head.fit(X, X[:, :1], 0)
    again = kind.from_arrays(head.arrays())
    assert np.array_equal(again.predict(X), head.predict(X))


@pytest.mark.parametrize(
    "estimator",
    [
        ContrastiveRegressor(encoder=RankNContrast(epochs=1, hidden=8), epochs=1),
        make_pipeline(RankNContrast(epochs=1), SVR()),
        make_pipeline(SupervisedContrastive(epochs=1, projection=(8,)), LogisticRegression()),
        TunedSVR(),
    ],
)
def test_estimators_of_nearfar_are_arms(estimator: Any, tmp_path: Path) -> None:
    classes = hasattr(estimator, "predict_proba")
    y = X[:, 0] > 0 if classes else X[:, 0]
    options: Any = {"arms": {"own": estimator}, "repeats": 1, "profile": "smoke", "quiet": True}
    result = nearfar.compare(X, y, out=tmp_path, **options)
    assert not result.failures
    model = result.model()
    found = model.predict_proba(X) if classes else model.predict(X)
    assert len(found) == 40
    assert np.isfinite(found).all()
    again = nearfar.load_run(result.path).model()
    assert np.array_equal(again.predict_proba(X) if classes else again.predict(X), found)


class HoldsANetwork(DecisionTreeRegressor):
    """A regressor with a network of torch among what it has learnt."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "HoldsANetwork":
        self.network_ = torch.nn.Linear(2, 2)
        return super().fit(X, y)


def test_what_cannot_be_kept_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    arm = make_pipeline(FunctionTransformer(lambda rows: rows), LinearRegression())
    told = r"^arms: own: Pipeline could be fitted, but not kept: .*instead of a lambda"
    with pytest.raises(UserError, match=told):
        nearfar.compare(X, X[:, 0], arms={"own": arm}, out=tmp_path, profile="smoke", quiet=True)
    assert not list(tmp_path.glob("stages/*"))
    head = head_of(HoldsANetwork())()
    head.fit(X, X[:, :1], 0)
    with pytest.raises(UserError, match=r"^HoldsANetwork cannot be kept without pickle .*torch"):
        head.arrays()


def chosen(columns: Any, last: Any = None) -> Any:
    parts = [("few", OneHotEncoder(handle_unknown="ignore"), columns)]
    return make_pipeline(
        ColumnTransformer(parts, remainder="passthrough"), last or LinearRegression()
    )


@pytest.mark.parametrize(
    ("estimator", "told"),
    [
        (chosen(["color"]), r"ColumnTransformer chooses columns by name, 'color', .* leave it out"),
        (chosen("color"), "by name, 'color'"),
        (chosen(slice("a", "color")), "by name, 'a', 'color'"),
        (chosen(make_column_selector(dtype_include=object)), "by make_column_selector"),
        (GridSearchCV(chosen(["color"]), {}), "by name, 'color'"),
        (VotingRegressor([("one", chosen(["color"]))]), "by name, 'color'"),
        (
            HistGradientBoostingRegressor(categorical_features=["color"]),
            "has categorical_features by name, 'color'.* leave the option out",
        ),
    ],
)
def test_columns_by_name_are_told_before_anything_is_trained(
    estimator: Any, told: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "color": ["red", "green"] * 20})
    with pytest.raises(UserError, match=rf"^arms: own: .*{told}"):
        nearfar.compare(frame, X[:, 0] + X[:, 1], arms={"own": estimator}, out=tmp_path, quiet=True)
    assert not list(tmp_path.glob("stages/*"))


@pytest.mark.parametrize(
    "estimator",
    [
        chosen([0, 1]),
        chosen(np.array([True, False, False])),
        chosen(slice(0, 2)),
        chosen(0, SVR()),
        make_pipeline(StandardScaler().set_output(transform="pandas"), chosen(["x0"])),
        HistGradientBoostingRegressor(categorical_features=None),
        HistGradientBoostingRegressor(categorical_features=[0]),
    ],
)
def test_columns_by_number_or_of_a_step_before_are_allowed(estimator: Any) -> None:
    check_no_names(estimator)
