"""Rows for estimators, and estimators that are soon trained."""

from typing import Any

import numpy as np

from nearfar import sklearn as estimators
from nearfar.sklearn.transformer import EncoderTransformer

TRANSFORMERS = sorted(
    name
    for name in estimators.__all__
    if isinstance(kind := getattr(estimators, name), type) and issubclass(kind, EncoderTransformer)
)


def rows(count: int = 60, columns: int = 4) -> tuple[Any, Any]:
    """Return rows (n, columns) and a number for each, nearly linear in them."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(count, columns)) * [1, 10, 0.1, 1e4][:columns] + 5
    return X, X[:, 0] * 3 + X[:, 1] / 10 + generator.normal(size=count) * 0.1


def labels_of(name: str, y: Any) -> Any:
    """Return what a transformer takes as ``y``: numbers, or three classes of them, by name."""
    if getattr(estimators, name).labels != "classes":
        return y
    return np.array(["low", "middle", "top"])[np.searchsorted(np.quantile(y, [0.3, 0.6]), y)]
