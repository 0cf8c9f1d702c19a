"""A head for each of several targets, on the rows that have it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nearfar.heads import HEADS, EachTarget, Forest, Logistic, Ridge, fits_task, restored_head
from nearfar.heads.solved.knn import KNN
from nearfar.heads.solved.svr import SVR


class Counting:
    """Predicts how many rows it was fitted to."""

    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})

    def __init__(self, rows: int = 0) -> None:
        self.rows = rows

    def fit(self, features: NDArray[Any], targets: NDArray[Any], seed: int) -> None:
        assert targets.shape == (len(features), 1)
        assert np.isfinite(targets).all()
        self.rows = len(features)

    def predict(self, features: NDArray[Any]) -> NDArray[Any]:
        return np.full((len(features), 1), self.rows)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"rows": np.array([self.rows])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(int(arrays["rows"][0]))


def gapped(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Features (80, 3) and two targets, of which the second is missing in 30 rows."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(80, 3)).astype(np.float32)
    y = np.stack([x[:, 0] - x[:, 1], x[:, 2] + 1], axis=1).astype(np.float64)
    y[draw.choice(80, 30, replace=False), 1] = np.nan
    return x, y


def test_each_target_goes_by_its_own_rows() -> None:
    x, y = gapped()
    head = EachTarget(Counting)
    head.fit(x, y, 0)
    np.testing.assert_array_equal(head.predict(x[:2]), [[80, 50]] * 2)


@pytest.mark.parametrize("kind", [Ridge, Forest, SVR])
def test_it_is_what_the_head_alone_would_be(kind: Any) -> None:
    x, y = gapped()
    head = EachTarget(kind)
    head.fit(x, y, 3)
    has = ~np.isnan(y[:, 1])
    alone = kind()
    alone.fit(x[has], y[has, 1:], 3)
    np.testing.assert_array_equal(head.predict(x)[:, 1:], alone.predict(x))
    again = restored_head(kind, head.arrays())
    np.testing.assert_array_equal(again.predict(x), head.predict(x))


def test_a_head_of_classes_tells_each_label() -> None:
    x, y = gapped()
    labels = np.where(np.isnan(y), np.nan, (y > 0.5).astype(float))
    head = EachTarget(lambda: Logistic(penalty=1e-2), labels=True)
    head.fit(x, labels, 0)
    has = ~np.isnan(labels[:, 1])
    scaled = (x - x[has].mean(0)) / x[has].std(0)
    # two columns of weights under a penalty are one of twice the size under half of it
    reference = LogisticRegression(C=2 / (1e-2 * has.sum()), tol=1e-8)
    reference.fit(scaled[has], labels[has, 1])
    expected = reference.predict_proba(scaled)[:, 1]
    np.testing.assert_allclose(head.predict(x)[:, 1], expected, atol=2e-3)


def test_weights_of_a_logistic_head_are_copies_of_rows() -> None:
    x, y = gapped()
    known = np.eye(2)[(y[:, 0] > 0).astype(int)]
    counts = np.random.default_rng(0).integers(1, 4, len(x))
    weighted, copied = Logistic(), Logistic()
    weighted.fit(np.repeat(x, 1, axis=0), known, 0, counts.astype(np.float64))
    mean = x.mean(0), x.std(0)
    standardised = ((x - mean[0]) / mean[1]).astype(np.float32)
    weighted.fit(standardised, known, 0, counts.astype(np.float64))
    copied.fit(np.repeat(standardised, counts, axis=0), np.repeat(known, counts, axis=0), 0)
    np.testing.assert_allclose(
        weighted.predict(standardised), copied.predict(standardised), atol=0.02
    )
    plain = Logistic()
    plain.fit(standardised, known, 0)
    assert np.abs(plain.predict(standardised) - weighted.predict(standardised)).max() > 1e-3


def test_weights_stand_by_their_targets() -> None:
    x, y = gapped()
    weights = np.ones_like(y)
    weights[:40, 0] = 50
    head, alone = EachTarget(Ridge), Ridge()
    head.fit(x, y, 0, weights)
    alone.fit(x, y[:, :1], 0, weights[:, 0])
    np.testing.assert_array_equal(head.predict(x)[:, :1], alone.predict(x))


def test_which_heads_are_for_labels() -> None:
    fitting = {name for name, kind in HEADS.items() if fits_task(kind, "multilabel")}
    of_libraries = {"sklearn", "lightgbm", "xgboost", "catboost", "tabpfn", "tabicl"}
    assert fitting == {"linear", "mlp", "mean", "forest", "logistic", "knn", "svc"} | of_libraries
    x, y = gapped()
    neighbours = KNN(neighbours=10)
    neighbours.fit(x, (y[:, :1] > 0).astype(float), 0)
    assert ((neighbours.predict(x) >= 0) & (neighbours.predict(x) <= 1 + 1e-9)).all()
