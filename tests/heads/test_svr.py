"""The support vector head equals scikit-learn's machine on the same scaled features."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold

from nearfar.heads.solved import svr as kernel
from nearfar.heads.solved.exact import Ridge
from nearfar.heads.solved.svc import SVC
from nearfar.heads.solved.svr import SVR, Scaling
from sklearn import svm


def made(rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 4)) * [1, 10, 1e6, 0]
    targets = np.column_stack([np.sin(features[:, 0]), features[:, 1] / 10])
    return features, targets + 0.05 * rng.normal(size=targets.shape)


def test_it_is_the_machine_that_cross_validation_on_the_training_rows_chooses() -> None:
    features, targets = made()
    head = SVR(folds=3)
    head.fit(features[:60], targets[:60], seed=1)
    curved = np.arcsinh(features)
    mean, scale = curved[:60].mean(0), curved[:60].std(0) + 1e-6
    x = np.clip((curved - mean) / scale, -5, 5)
    for k in range(2):
        search = GridSearchCV(
            svm.SVR(epsilon=0.05),
            {"C": [1, 3, 10, 30], "gamma": [3e-4, 1e-3, 3e-3]},
            scoring="neg_mean_absolute_error",
            cv=KFold(3, shuffle=True, random_state=1),
        ).fit(x[:60], targets[:60, k])
        np.testing.assert_allclose(head.predict(features)[:, k], search.predict(x), atol=1e-9)


def test_it_comes_back_from_its_arrays_and_finds_a_curve() -> None:
    features, targets = made(200)
    head = SVR()
    head.fit(features[:150], targets[:150], seed=0)
    again = SVR.from_arrays(head.arrays())
    np.testing.assert_array_equal(again.predict(features), head.predict(features))
    error = np.abs(head.predict(features[150:]) - targets[150:]).mean(0)
    assert (error < 0.5 * np.abs(targets[150:] - targets[:150].mean(0)).mean(0)).all()


def test_kernels_kept_whole_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(90, 4)).astype(np.float32)
    targets = np.sin(features[:, :2].astype(np.float64)) + random.normal(size=(90, 2)) / 20
    predictions = []
    for most in (90, 89):
        monkeypatch.setattr(kernel, "WHOLE", most)
        head = SVR(folds=3)
        head.fit(features, targets, 0)
        predictions.append(head.predict(features))
    np.testing.assert_allclose(*predictions, rtol=1e-6, atol=1e-8)


def test_fewer_rows_than_folds_are_left_out_one_by_one() -> None:
    features, targets = made(4)
    head, other = SVR(folds=5), SVR(folds=4)
    for one in (head, other):
        one.fit(features, targets, seed=0)
    np.testing.assert_array_equal(head.predict(features), other.predict(features))


@pytest.mark.parametrize("unit", [1e-4, 1e-7, 1e-30])
def test_columns_count_whatever_their_unit(unit: float) -> None:
    features = np.random.default_rng(2).normal(size=(80, 3))
    numbers = features[:, :1] + features[:, 1:2]
    sides = np.eye(2)[(numbers[:, 0] > 0).astype(int)]
    for head, targets in ((SVR(folds=3), numbers), (SVC(folds=3), sides), (Ridge(), numbers)):
        found = []
        for scale in (1e-3, unit):
            head.fit(features[:60] * scale, targets[:60], 0)
            found.append(head.predict(features[60:] * scale))
        np.testing.assert_allclose(*found, atol=5e-3)


def test_what_does_not_vary_is_scaled_as_ever() -> None:
    """Rounding of either type is no variation, and ordinary columns are scaled to the last bit."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(200, 5)) * [1, 0, 0, 100, 0.03] + [0, 0.1, 1e9, 3, 0]
    rounded = (0.5 + 1e-7 * random.normal(size=(200, 1))).astype(np.float32)
    for features in (rows, rounded):
        curved = np.arcsinh(features.astype(np.float64))
        np.testing.assert_array_equal(Scaling.of(features).scale, curved.std(axis=0) + 1e-6)
