"""Heads that are solved, not trained by gradient: scikit-learn fits them, plain arrays keep them.

Every head has ``fit(features, targets, seed)``, ``predict(features)`` and ``arrays()``, and is made
again from those arrays by ``from_arrays``; so nothing is ever pickled. Features are float32 (n, d),
targets and predictions float64 (n, k). Of classes, the targets are their indicators (n, classes)
and the predictions their probabilities; of several labels a row they are 0 or 1 (n, labels), and
the predictions the labels' probabilities; of images, both are pixels in [0, 1], float32. ``tasks``
says what a head is for, ``draws`` whether its numbers depend on ``seed``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from nearfar.heads.solved.varying import varies

Array = NDArray[Any]


class Mean:
    """Predict the mean of the training targets: what every other arm has to beat.

    Of classes, and of labels, their frequencies: the prediction is the majority. Of images, the
    mean image.
    """

    tasks: ClassVar[frozenset[str]] = frozenset(
        {"regression", "classification", "multilabel", "reconstruction"}
    )
    uses_features: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    def __init__(self) -> None:
        self.mean: Array = np.zeros(0)

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Take the mean over the rows of ``targets``."""
        self.mean = targets.mean(axis=0, dtype=np.float64)

    def predict(self, features: Array) -> Array:
        """Return the mean for every row of ``features``."""
        return np.broadcast_to(self.mean, (len(features), len(self.mean)))

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        return {"mean": self.mean}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.mean = arrays["mean"]
        return head


class Affine:
    """What heads with a ``weight`` and an ``intercept`` keep of themselves."""

    def __init__(self) -> None:
        self.weight: Array = np.zeros(0)
        self.intercept: Array = np.zeros(0)

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        return {"weight": self.weight, "intercept": self.intercept}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.weight, head.intercept = arrays["weight"], arrays["intercept"]
        return head


class Ridge(Affine):
    """Linear least squares with an L2 penalty on standardised features.

    The penalty is chosen among ``penalties`` values from 1e-3 to 1e5 by exact leave-one-out error
    on the training rows (scikit-learn's ``RidgeCV``; Hoerl and Kennard, "Ridge regression", 1970).
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    imports: ClassVar[tuple[str, ...]] = ("sklearn.linear_model",)

    def __init__(self, *, penalties: PositiveInt = 25) -> None:
        super().__init__()
        self.penalties = penalties

    def fit(self, features: Array, targets: Array, seed: int, weights: Array | None = None) -> None:
        """Solve for the coefficients; ``weights`` (n,) of the rows count in the errors."""
        from sklearn.linear_model import RidgeCV

        features = features.astype(np.float64)
        mean, deviation = features.mean(axis=0), features.std(axis=0)
        deviation = np.where(varies(features), deviation, 1.0)
        solver = RidgeCV(alphas=np.logspace(-3, 5, self.penalties))
        solver.fit((features - mean) / deviation, targets, weights)
        self.weight = np.atleast_2d(solver.coef_) / deviation
        self.intercept = np.atleast_1d(solver.intercept_) - self.weight @ mean

    def predict(self, features: Array) -> Array:
        """Return the predictions."""
        return np.asarray(features.astype(np.float64) @ self.weight.T + self.intercept)


class Forest:
    """Random forest of ``trees`` regression trees (scikit-learn), kept as arrays of nodes.

    On indicators of classes the squared error is Gini's impurity, and the mean over trees is a
    probability: the same trees classify (Breiman, "Random forests", 2001).
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification", "multilabel"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    imports: ClassVar[tuple[str, ...]] = ("sklearn.ensemble",)

    def __init__(
        self,
        *,
        trees: PositiveInt = 200,
        features_per_split: Annotated[float, Field(gt=0, le=1)] = 0.33,
    ) -> None:
        self.trees, self.features_per_split = trees, features_per_split
        self.nodes: dict[str, Array] = {}

    def fit(self, features: Array, targets: Array, seed: int, weights: Array | None = None) -> None:
        """Grow the trees; ``seed`` draws their rows and columns, ``weights`` (n,) count rows."""
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            self.trees, max_features=self.features_per_split, random_state=seed, n_jobs=1
        )
        columns = targets if targets.shape[1] > 1 else targets[:, 0]
        forest.fit(features.astype(np.float64), columns, weights)
        trees = [grown.tree_ for grown in forest.estimators_]
        start = np.cumsum([0] + [tree.node_count for tree in trees])
        shift = np.repeat(start[:-1], np.diff(start))

        def children(side: str) -> Array:
            local = np.concatenate([getattr(tree, side) for tree in trees])
            return np.where(local < 0, np.arange(len(local)), local + shift)

        self.nodes = {
            "root": start[:-1].astype(np.int64),
            "left": children("children_left"),
            "right": children("children_right"),
            "feature": np.maximum(np.concatenate([t.feature for t in trees]), 0),
            "threshold": np.concatenate([t.threshold for t in trees]),
            "value": np.concatenate([t.value[:, :, 0] for t in trees]),
        }

    def predict(self, features: Array) -> Array:
        """Return the mean over trees, walking all rows down one tree at a time."""
        nodes, rows = self.nodes, np.arange(len(features))
        features = np.asarray(features, dtype=np.float32)
        total = np.zeros((len(features), nodes["value"].shape[1]))
        for root in nodes["root"]:
            at = np.full(len(features), root)
            while True:
                goes_left = features[rows, nodes["feature"][at]] <= nodes["threshold"][at]
                below = np.where(goes_left, nodes["left"][at], nodes["right"][at])
                if np.array_equal(below, at):
                    break
                at = below
            total += nodes["value"][at]
        return total / len(nodes["root"])

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        return self.nodes

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.nodes = dict(arrays)
        return head
