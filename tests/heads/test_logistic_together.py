"""Many logistic heads solved together are those solved one by one, and scikit-learn's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nearfar.heads import Logistic
from nearfar.heads.logistic_together import Problem, solve_together

ROWS, COLUMNS, CLASSES = 900, 24, 5
PENALTIES = (1e-4, 1e-2, 0.3, 10.0)


def made(rows: int = ROWS, columns: int = COLUMNS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Correlated features with means and scales of their own, and classes that overlap."""
    random = np.random.default_rng(rows)
    labels = random.integers(0, CLASSES, rows)
    hidden = random.normal(size=(CLASSES, 6))[labels] + random.normal(size=(rows, 6)) * 1.5
    features = np.maximum(hidden @ random.normal(size=(6, columns)), 0)
    features += random.normal(size=(rows, columns)) * 0.3
    return (features * random.uniform(0.1, 30, columns) + 5).astype("f4"), labels


FEATURES, LABELS = made()
TARGETS = np.eye(CLASSES)[LABELS]
EVERY = np.arange(ROWS)
MIXED = np.random.default_rng(1).permutation(ROWS)


def objective(
    head: Logistic, features: NDArray[np.float32], targets: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """The value that ``head`` should minimise, in float64, and the probabilities."""
    found = head.predict(features)
    scale = features.astype("f8").std(0)
    weight = head.weight * np.where(scale > 1e-6, scale, 0)[:, None]
    log_p = np.log(np.maximum((found * targets).sum(1), 1e-300))
    return float(-log_p.mean() + head.penalty / 2 * (weight**2).sum()), found


def check(features: NDArray[np.float32], problems: list[Problem]) -> None:
    """Every head is as good as the one that is solved alone, and says the same."""
    for problem, head in zip(problems, solve_together(features, problems), strict=True):
        some = features[problem.rows]
        alone = Logistic(penalty=problem.penalty)
        alone.fit(some, problem.targets, 0)
        value, found = objective(head, some, problem.targets)
        expected, probabilities = objective(alone, some, problem.targets)
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-9)
        np.testing.assert_allclose(found, probabilities, atol=2e-3)


def over(*row_sets: NDArray[np.int64], targets: NDArray[np.float64] = TARGETS) -> list[Problem]:
    return [Problem(rows, targets[rows], p) for p in PENALTIES for rows in row_sets]


def test_nested_rows() -> None:
    check(FEATURES, over(EVERY, MIXED[:450], MIXED[:200]))
