"""Support vector regression: a smooth kernel on features, solved by scikit-learn."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

Array = NDArray[Any]
CUT = 5.0


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
        from sklearn import svm
        from sklearn.model_selection import GridSearchCV, KFold

        curved = np.arcsinh(features.astype(np.float64))
        self.scaling = {"mean": curved.mean(axis=0), "scale": curved.std(axis=0) + 1e-6}
        scaled = self._scaled(features)
        grid = {"C": [1, 3, 10, 30], "gamma": [3e-4, 1e-3, 3e-3]}
        folds = KFold(self.folds, shuffle=True, random_state=seed)
        self.machines = []
        for target in targets.T:
            search = GridSearchCV(
                svm.SVR(epsilon=0.05), grid, scoring="neg_mean_absolute_error", cv=folds
            )
            machine = search.fit(scaled, target).best_estimator_
            self.machines.append(
                {
                    "vectors": machine.support_vectors_,
                    "weight": machine.dual_coef_[0],
                    "intercept": machine.intercept_,
                    "gamma": np.array([machine.gamma]),
                }
            )

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
    squares = (rows**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * rows @ vectors.T
    kernel = np.exp(-machine["gamma"] * np.maximum(squares, 0))
    return np.asarray(kernel @ machine["weight"] + machine["intercept"])
