"""What decision values of scikit-learn's classifiers stand for: classes, or pairs of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def compares_pairs(estimator: Any) -> bool:
    """Tell whether a classifier was asked for a decision value for each pair of classes.

    Of three classes these are as many as the classes, and can be taken for theirs.
    """
    return any(
        name.rsplit("__", 1)[-1] == "decision_function_shape" and value == "ovo"
        for name, value in estimator.get_params(deep=True).items()
    )


def decision_values(fitted: Any, features: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return decision values, (n,) of the second of two classes or (n, classes).

    None where the classifier has none that are those of classes.
    """
    if not hasattr(fitted, "decision_function"):
        return None
    values = np.asarray(fitted.decision_function(features), dtype=np.float64)
    pairs = compares_pairs(fitted) or values.shape[1:] != (len(fitted.classes_),)
    return None if values.ndim > 1 and pairs else values
