"""Support vector regression: a smooth kernel on features, solved by scikit-learn."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

Array = NDArray[Any]
CUT = 5.0
PENALTIES, GAMMAS = (1, 3, 10, 30), (3e-4, 1e-3, 3e-3)

WHOLE = 4000
"""Rows up to which the kernel of all pairs is kept: above, libsvm computes what it needs."""


class SVR:
    """Epsilon-insensitive regression with a Gaussian kernel, one machine for each target.

    Features of any scale are brought to one: asinh keeps small values and takes the logarithm of
    large ones, then mean 0 and deviation 1 over the training rows, cut at ±5. Penalty and kernel
    width are chosen among twelve pairs by cross-validation on the training rows, in ``folds``
    parts.
    (Drucker et al., "Support Vector Regression Machines", 1996.)
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True

    def __init__(self, *, folds: PositiveInt = 5) -> None:
        self.folds = folds
        self.scaling: dict[str, Array] = {}
        self.machines: list[dict[str, Array]] = []

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Choose penalty and width, then solve; ``seed`` draws the folds."""
        curved = np.arcsinh(features.astype(np.float64))
        self.scaling = {"mean": curved.mean(axis=0), "scale": curved.std(axis=0) + 1e-6}
        scaled = self._scaled(features)
        squares = _squared_distances(scaled, scaled) if len(scaled) <= WHOLE else None
        self.machines = []
        for target in targets.T:
            tried = [self._tried(scaled, squares, gamma, target, seed) for gamma in GAMMAS]
            _, machine, gamma = max(tried, key=lambda one: one[0])
            self.machines.append(
                {
                    "vectors": scaled[machine.support_],
                    "weight": machine.dual_coef_[0],
                    "intercept": machine.intercept_,
                    "gamma": np.array([gamma]),
                }
            )

    def _tried(
        self, scaled: Array, squares: Array | None, gamma: float, target: Array, seed: int
    ) -> tuple[float, Any, float]:
        """Return the score of the best penalty under a kernel width, its machine, and the width.

        Kernels are computed once for all penalties and folds, from the squared distances.
        """
        from sklearn.model_selection import GridSearchCV, KFold

        from sklearn import svm

        kernel = {"kernel": "rbf", "gamma": gamma} if squares is None else {"kernel": "precomputed"}
        machine = svm.SVR(epsilon=0.05, **kernel)
        folds = KFold(self.folds, shuffle=True, random_state=seed)
        search = GridSearchCV(
            machine, {"C": PENALTIES}, scoring="neg_mean_absolute_error", cv=folds
        )
        search.fit(scaled if squares is None else np.exp(-gamma * squares), target)
        return float(search.best_score_), search.best_estimator_, gamma

    def _scaled(self, features: Array) -> Array:
        scaled = (np.arcsinh(features.astype(np.float64)) - self.scaling["mean"]) / self.scaling[
            "scale"
        ]
        return np.clip(scaled, -CUT, CUT)

    def predict(self, features: Array) -> Array:
        """Return the predictions."""
        scaled = self._scaled(features)
        return np.column_stack([_decide(machine, scaled) for machine in self.machines])

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        machines = {
            f"{name}.{k}": array
            for k, machine in enumerate(self.machines)
            for name, array in machine.items()
        }
        return {**self.scaling, **machines}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.scaling = {name: arrays[name] for name in ("mean", "scale")}
        count = sum(name.startswith("gamma.") for name in arrays)
        parts = ("vectors", "weight", "intercept", "gamma")
        head.machines = [{p: arrays[f"{p}.{k}"] for p in parts} for k in range(count)]
        return head


def _decide(machine: Mapping[str, Array], rows: Array) -> Array:
    """Return the decision values (n,) for scaled features (n, d)."""
    vectors = machine["vectors"]
    kernel = np.exp(-machine["gamma"] * _squared_distances(rows, vectors))
    return np.asarray(kernel @ machine["weight"] + machine["intercept"])


def _squared_distances(rows: Array, others: Array) -> Array:
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.asarray(np.maximum(squares, 0))
