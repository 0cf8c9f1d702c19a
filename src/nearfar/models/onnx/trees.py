"""Forests and boosted trees as modules: all trees are walked down at once."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearfar.models.onnx.buffers import keep

Array = NDArray[Any]


class Walk(nn.Module):
    """The nodes of all trees, in one row each; a leaf's children are itself.

    Args:
        nodes: ``root`` (trees,), and of every node ``left``, ``right``, ``feature`` and
            ``threshold`` (nodes,); ``missing_left`` where a missing value has a way.
    """

    root: Tensor
    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor
    missing_left: Tensor

    def __init__(self, nodes: Mapping[str, Array]) -> None:
        super().__init__()
        keep(self, **{name: array for name, array in nodes.items() if name != "value"})
        self.depth, at = 0, self.root
        while True:
            below = torch.unique(torch.cat([self.left[at], self.right[at]]))
            if torch.equal(below, at):
                break
            self.depth, at = self.depth + 1, below

    def forward(self, features: Tensor) -> Tensor:
        """Return the leaf of every row in every tree (b, trees)."""
        features = features.double()
        at = self.root.expand(features.shape[0], -1)
        for _ in range(self.depth):
            value = features.gather(1, self.feature[at])
            goes_left = value <= self.threshold[at]
            if hasattr(self, "missing_left"):
                goes_left = goes_left | (value.isnan() & (self.missing_left[at] > 0))
            at = torch.where(goes_left, self.left[at], self.right[at])
        return at


class Trees(nn.Module):
    """A forest: the mean over its trees."""

    value: Tensor

    def __init__(self, nodes: Mapping[str, Array]) -> None:
        super().__init__()
        self.walk = Walk(nodes)
        keep(self, value=nodes["value"])

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean over trees (b, k)."""
        return self.value[self.walk(features)].mean(dim=1)


class Boosted(nn.Module):
    """Histogram gradient boosting of scikit-learn on columns of numbers, some of them missing."""

    value: Tensor
    start: Tensor

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.loss = type(estimator._loss).__name__
        rounds = estimator._predictors
        self.shape = (len(rounds), len(rounds[0]))
        trees = [tree.nodes for one in rounds for tree in one]
        nodes = np.concatenate(trees)
        first = np.cumsum([0] + [len(tree) for tree in trees])
        shift = np.repeat(first[:-1], np.diff(first))
        leaf, own = nodes["is_leaf"] > 0, np.arange(len(nodes))
        self.walk = Walk(
            {
                "root": first[:-1],
                "left": np.where(leaf, own, nodes["left"] + shift),
                "right": np.where(leaf, own, nodes["right"] + shift),
                "feature": np.where(leaf, 0, nodes["feature_idx"]),
                "threshold": nodes["num_threshold"],
                "missing_left": nodes["missing_go_to_left"].astype(np.int64),
            }
        )
        keep(self, value=nodes["value"], start=np.ravel(estimator._baseline_prediction))

    @staticmethod
    def takes(estimator: Any) -> bool:
        """Whether this is such an estimator."""
        return (
            type(estimator).__name__.startswith("HistGradientBoosting")
            and estimator.is_categorical_ is None
            and type(estimator._loss).__name__ in _UNLINKED
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return numbers (b, 1), or probabilities (b, classes there)."""
        grown = self.value[self.walk(features)]
        raw = grown.reshape(-1, *self.shape).sum(dim=1) + self.start
        return _UNLINKED[self.loss](raw)


def _same(raw: Tensor) -> Tensor:
    return raw


def _of_two(raw: Tensor) -> Tensor:
    above = raw.sigmoid()
    return torch.cat([1 - above, above], dim=1)


def _of_many(raw: Tensor) -> Tensor:
    return raw.softmax(dim=1)


_UNLINKED: dict[str, Callable[[Tensor], Tensor]] = {
    "HalfSquaredError": _same,
    "AbsoluteError": _same,
    "PinballLoss": _same,
    "HalfPoissonLoss": torch.exp,
    "HalfGammaLoss": torch.exp,
    "HalfBinomialLoss": _of_two,
    "HalfMultinomialLoss": _of_many,
}
"""What makes predictions of the sum of the trees, by the name of the loss."""
