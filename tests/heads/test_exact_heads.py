"""Solved heads give what scikit-learn gives, and come back from plain arrays."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nearfar.heads import EXACT, ExactHead, Forest, Mean, Ridge

ROWS, NEW, COLUMNS = 60, 25, 7
OWN = sorted(set(EXACT) - {"sklearn", "lightgbm", "xgboost", "catboost", "svc", "tabpfn", "tabicl"})
"""Heads of the house; estimators of others have tests of their own, and ``svc`` knows classes."""


def made(targets: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Features on very different scales, one of them constant; targets; new features."""
    rng = np.random.default_rng(seed)
    scales = np.array([1e-3, 1.0, 1e3, 5.0, 0.2, 1.0, 0.0])
    x = rng.normal(size=(ROWS + NEW, COLUMNS)) * scales + np.arange(COLUMNS)
    weight = rng.normal(size=(COLUMNS, targets))
    y = x[:ROWS] @ weight / 10 + np.sin(x[:ROWS, 1:2]) + rng.normal(size=(ROWS, targets)) / 5
    return x[:ROWS], y, x[ROWS:]


@pytest.mark.parametrize("targets", [1, 3])
def test_the_mean_is_that_of_the_training_targets(targets: int) -> None:
    x, y, new = made(targets)
    head = Mean()
    head.fit(x, y, 0)
    expected = np.tile(y.mean(axis=0), (NEW, 1))
    np.testing.assert_allclose(head.predict(new), expected, rtol=1e-12, atol=1e-12)
    assert head.predict(np.zeros((4, 0))).shape == (4, targets)


@pytest.mark.parametrize("penalties", [1, 25])
@pytest.mark.parametrize("targets", [1, 3])
def test_ridge_is_scikit_learns_on_standardised_features(targets: int, penalties: int) -> None:
    x, y, new = made(targets)
    head = Ridge(penalties=penalties)
    head.fit(x, y, 0)
    pipeline = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 5, penalties)))
    expected = pipeline.fit(x, y).predict(new).reshape(NEW, targets)
    np.testing.assert_allclose(head.predict(new), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("targets", [1, 3])
def test_weighted_ridge_solves_the_weighted_normal_equations(targets: int) -> None:
    x, y, new = made(targets)
    weights = np.random.default_rng(5).gamma(1.0, size=ROWS)
    head = Ridge(penalties=1)
    head.fit(x, y, 0, weights)
    scale = np.where(x.std(0) > 0, x.std(0), 1)
    z = np.hstack([(x - x.mean(0)) / scale, np.ones((ROWS, 1))])
    penalty = 1e-3 * np.diag([1.0] * COLUMNS + [0.0])
    solved = np.linalg.solve((z.T * weights) @ z + penalty, (z.T * weights) @ y)
    asked = np.hstack([(new - x.mean(0)) / scale, np.ones((NEW, 1))])
    np.testing.assert_allclose(head.predict(new), asked @ solved, rtol=1e-6, atol=1e-8)


def test_equal_weights_do_not_change_ridge() -> None:
    x, y, new = made(1)
    plain, weighted = Ridge(), Ridge()
    plain.fit(x, y, 0)
    weighted.fit(x, y, 0, np.ones(ROWS))
    np.testing.assert_allclose(weighted.predict(new), plain.predict(new), rtol=1e-9)


def test_a_forest_leans_to_the_rows_that_weigh_more() -> None:
    x, y = np.zeros((40, 1)), np.repeat([[0.0], [1.0]], 20, axis=0)
    head = Forest(trees=20)
    head.fit(x, y, 0, np.repeat([1.0, 9.0], 20))
    assert 0.85 < head.predict(x[:1]).item() < 0.95


def test_ridge_chooses_its_penalty_by_leave_one_out_error() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 25))
    y = x[:, :1] + 3 * rng.normal(size=(30, 1))
    head = Ridge()
    head.fit(x, y, 0)
    z = (x - x.mean(0)) / x.std(0)
    errors = []
    penalties = np.logspace(-3, 5, 25)
    for penalty in penalties:
        total = 0.0
        for i in range(30):
            rest = np.delete(np.arange(30), i)
            a, b = z[rest], y[rest, 0]
            centre, level = a.mean(0), b.mean()
            gram = (a - centre).T @ (a - centre) + penalty * np.eye(25)
            weight = np.linalg.solve(gram, (a - centre).T @ (b - level))
            total += ((z[i] - centre) @ weight + level - y[i, 0]) ** 2
        errors.append(total)
    best = penalties[int(np.argmin(errors))]
    gram = z.T @ z + best * np.eye(25)
    weight = np.linalg.solve(gram, z.T @ (y - y.mean()))
    np.testing.assert_allclose(head.predict(x), z @ weight + y.mean(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("targets", [1, 3])
def test_forest_arrays_predict_what_scikit_learn_predicts(targets: int) -> None:
    x, y, new = made(targets)
    head = Forest(trees=17, features_per_split=0.5)
    head.fit(x, y, seed=5)
    forest = RandomForestRegressor(17, max_features=0.5, random_state=5)
    forest.fit(x, y if targets > 1 else y[:, 0])
    expected = forest.predict(new).reshape(NEW, targets)
    np.testing.assert_allclose(head.predict(new), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        head.predict(x), forest.predict(x).reshape(ROWS, targets), rtol=1e-12, atol=1e-12
    )


def test_forest_walks_trees_that_are_a_single_leaf() -> None:
    head = Forest(trees=3)
    x, y = np.zeros((5, 2)), np.arange(5.0)[:, None]
    head.fit(x, y, 0)
    forest = RandomForestRegressor(3, max_features=0.33, random_state=0).fit(x, y[:, 0])
    np.testing.assert_allclose(head.predict(x)[:, 0], forest.predict(x))


def test_the_seed_grows_the_forest() -> None:
    x, y, new = made(1)
    guesses = []
    for seed in (1, 1, 2):
        head = Forest(trees=5)
        head.fit(x, y, seed)
        guesses.append(head.predict(new))
    assert np.array_equal(guesses[0], guesses[1])
    assert not np.array_equal(guesses[0], guesses[2])


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("name", OWN)
def test_a_head_comes_back_from_its_arrays(name: str, targets: int) -> None:
    x, y, new = made(targets)
    options: dict[str, Any] = {"trees": 5} if name == "forest" else {}
    head: ExactHead = EXACT[name](**options)
    head.fit(x, y, 0)
    arrays = head.arrays()
    assert all(isinstance(value, np.ndarray) for value in arrays.values())
    assert all(value.dtype != object for value in arrays.values())
    copies = {key: value.copy() for key, value in arrays.items()}
    again = type(head).from_arrays(copies)
    assert again.arrays().keys() == arrays.keys()
    for key, value in again.arrays().items():
        np.testing.assert_array_equal(value, arrays[key], key)
    # A copy may lie in memory in another order, and be multiplied in another.
    np.testing.assert_allclose(again.predict(new), head.predict(new), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OWN)
def test_features_may_come_in_single_precision(name: str) -> None:
    x, y, new = made(1)
    options: dict[str, Any] = {"trees": 5} if name == "forest" else {}
    head: ExactHead = EXACT[name](**options)
    head.fit(x, y, 0)
    exact = head.predict(new)
    assert exact.dtype == np.float64
    np.testing.assert_allclose(head.predict(new.astype(np.float32)), exact, rtol=1e-4, atol=1e-4)
