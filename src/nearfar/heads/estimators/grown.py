"""Histogram gradient boosting of scikit-learn as arrays: predictions without its library.

Reading an estimator back takes some seconds, most of them for imports. Its trees are a few arrays,
and what they predict is the same to the last bit.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]
MARK = "grown."
"""How the names of these arrays begin."""
_LINKS = {
    "HalfSquaredError": "same",
    "AbsoluteError": "same",
    "PinballLoss": "same",
    "HalfPoissonLoss": "exp",
    "HalfGammaLoss": "exp",
    "HalfBinomialLoss": "two",
    "HalfMultinomialLoss": "many",
}
"""What makes predictions of the sum of the trees, by the name of the loss."""
_KINDS = ("same", "exp", "two", "many")
_AT_ONCE = 2**20
"""Rows times trees that are walked at a time."""


class Grown:
    """The trees of one fitted estimator.

    Args:
        arrays: by name: ``root`` (rounds, trees a round), of every node ``left``, ``right``,
            ``feature``, ``threshold``, ``missing_left`` and ``value`` (nodes,), a leaf's children
            being itself; ``start`` (trees a round,), and ``link`` (1,), which of ``_KINDS``.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = dict(arrays)
        self._nodes = {
            name: torch.from_numpy(np.array(self.arrays[name]))
            for name in ("left", "right", "feature", "threshold", "missing_left", "value")
        }

    @classmethod
    def of(cls, estimator: Any) -> Self | None:
        """Return the trees of an estimator, None where it is another, or has categories."""
        if not _takes(estimator):
            return None
        rounds = estimator._predictors
        trees = [tree.nodes for one in rounds for tree in one]
        nodes, sizes = np.concatenate(trees), [len(tree) for tree in trees]
        first = np.cumsum([0, *sizes])
        shift, own = np.repeat(first[:-1], sizes), np.arange(len(nodes))
        leaf = nodes["is_leaf"] > 0
        return cls(
            {
                "root": first[:-1].reshape(len(rounds), len(rounds[0])),
                "left": np.where(leaf, own, nodes["left"] + shift),
                "right": np.where(leaf, own, nodes["right"] + shift),
                "feature": np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
                "threshold": nodes["num_threshold"].astype(np.float64),
                "missing_left": nodes["missing_go_to_left"] > 0,
                "value": nodes["value"].astype(np.float64),
                "start": np.ravel(estimator._baseline_prediction).astype(np.float64),
                "link": np.array([_KINDS.index(_LINKS[type(estimator._loss).__name__])]),
            }
        )

    def predict(self, x: Array) -> Array:
        """Return numbers (n, 1), or probabilities of the classes there (n, classes).

        Args:
            x: float64 (n, d), NaN where a value is missing.
        """
        raw = np.zeros((len(x), len(self.arrays["start"])), order="F")
        raw += self.arrays["start"]
        step = max(1, _AT_ONCE // max(1, self.arrays["root"].size))
        for begin in range(0, len(x), step):
            part = slice(begin, begin + step)
            grown = self._walked(torch.from_numpy(np.ascontiguousarray(x[part])))
            for one in grown:  # in the order of growth, as sums of floats depend on it
                raw[part] += one
        return self._unlinked(raw)

    def _walked(self, x: Tensor) -> Array:
        """Return the leaves' values (rounds, n, trees a round)."""
        nodes, root = self._nodes, torch.from_numpy(np.array(self.arrays["root"]))
        at = root.reshape(-1, 1).expand(-1, len(x)).contiguous()
        row, missing = torch.arange(len(x)).expand_as(at), bool(x.isnan().any())
        while True:
            value = x[row, nodes["feature"][at]]
            goes_left = value <= nodes["threshold"][at]
            if missing:
                goes_left |= value.isnan() & nodes["missing_left"][at]
            below = torch.where(goes_left, nodes["left"][at], nodes["right"][at])
            if torch.equal(below, at):
                break
            at = below
        values = nodes["value"][at].reshape(*root.shape, len(x))
        return values.transpose(1, 2).numpy()

    def _unlinked(self, raw: Array) -> Array:
        kind = _KINDS[int(self.arrays["link"][0])]
        if kind == "same":
            return raw
        if kind == "exp":
            return np.asarray(np.exp(raw))
        if kind == "two":
            from scipy.special import expit

            above = expit(raw.reshape(-1))
            return np.column_stack([1 - above, above])
        raw -= raw.max(axis=1).reshape(-1, 1)
        np.exp(raw, out=raw)
        return np.asarray(raw / raw.sum(axis=1).reshape(-1, 1))


def _takes(estimator: Any) -> bool:
    return (
        type(estimator).__name__.startswith("HistGradientBoosting")
        and type(estimator).__module__.startswith("sklearn.")
        and estimator.is_categorical_ is None
        and type(estimator._loss).__name__ in _LINKS
    )
