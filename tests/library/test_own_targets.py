"""Estimators see targets as the user has them: numbers in their unit, classes by their values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.tree import DecisionTreeClassifier

import nearfar

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
COUNTS = RNG.poisson(np.exp(X[:, 0])).astype(float)
SKEWED = np.exp(3 + X[:, 0] + RNG.normal(size=80) / 10)
RARE = np.where(X[:, 0] + RNG.normal(size=80) > 1.2, 0, 1)


def compared(out: Path, y: NDArray[Any], arms: dict[str, Any]) -> nearfar.Result:
    return nearfar.compare(X, y, arms=arms, out=out, profile="smoke", quiet=True)


@pytest.mark.parametrize(
    ("y", "estimator"),
    [
        (COUNTS, PoissonRegressor()),
        (SKEWED, TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp)),
    ],
)
def test_a_loss_of_positive_numbers_is_fitted_on_them(
    y: NDArray[Any], estimator: Any, tmp_path: Path
) -> None:
    result = compared(tmp_path, y, {"own": estimator, "line": Ridge()})
    rows = result.model("own").predict(X)
    assert (rows > 0).all()
    expected = estimator.fit(X, y).predict(X)
    assert np.corrcoef(rows, expected)[0, 1] > 0.95
    assert abs(rows.mean() / expected.mean() - 1) < 0.2


def test_a_weight_falls_on_the_class_that_it_names(tmp_path: Path) -> None:
    weights = {0: 30, 1: 1}
    arms = {"own": LogisticRegression(class_weight=weights), "plain": LogisticRegression()}
    result = compared(tmp_path, RARE, arms)
    found = (result.model("own").predict(X) == 0).mean()
    expected = (LogisticRegression(class_weight=weights).fit(X, RARE).predict(X) == 0).mean()
    assert abs(found - expected) < 0.15
    assert found > (result.model("plain").predict(X) == 0).mean() + 0.1


class OfNumbers(DecisionTreeClassifier):
    """A classifier that takes classes 0, 1, … alone, as XGBoost's does."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> "OfNumbers":
        if not np.array_equal(np.unique(y), np.arange(len(np.unique(y)))):
            raise ValueError(f"expected classes 0, 1, …, got {np.unique(y)}")
        super().fit(X, y)
        return self


def test_a_classifier_that_takes_numbers_alone_gets_them(tmp_path: Path) -> None:
    names = np.array(["low", "high"])[(X[:, 0] > 0).astype(int)]
    result = compared(
        tmp_path, names, {"own": OfNumbers(max_depth=2), "line": LogisticRegression()}
    )
    assert (result.model("own").predict(X) == names).mean() > 0.9
