"""Support vector regression: a smooth kernel on features, solved by scikit-learn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nearfar.heads.solved.varying import resolved, varies

Array = NDArray[Any]
CUT = 5.0
LITTLE, SHARE = 1e-6, 1e-4
"""Added to a deviation, so that none is 0; at most this share of one that is more than rounding."""
WIDTHS = (0.1, 0.3, 1.0)
"""Kernel widths tried, as gamma times the number of columns."""
PENALTIES, GAMMAS = (1, 3, 10, 30), (3e-4, 1e-3, 3e-3)

WHOLE = 4000
"""Rows up to which the kernel of all pairs is kept: above, libsvm computes what it needs."""


@dataclass(frozen=True)
class Scaling:
    """Features of any scale brought to one: ``mean`` and ``scale`` (d,) of their asinh."""

    mean: Array
    scale: Array

    @classmethod
    def none(cls) -> Self:
        """Return the scaling of no columns."""
        return cls(np.zeros(0), np.zeros(0))

    @classmethod
    def of(cls, features: Array) -> Self:
        """Take it from training rows (n, d).

        Of a column that does not vary, any other value is at the end of what is let through.
        """
        curved = np.arcsinh(features.astype(np.float64))
        deviation = curved.std(axis=0)
        little = np.where(varies(curved, resolved(features)), SHARE * deviation, LITTLE)
        return cls(curved.mean(axis=0), deviation + np.minimum(little, LITTLE))

    def apply(self, features: Array) -> Array:
        """Return scaled features (n, d), float64, within ±5."""
        scaled = (np.arcsinh(features.astype(np.float64)) - self.mean) / self.scale
        return np.clip(scaled, -CUT, CUT)

    def arrays(self) -> dict[str, Array]:
        """Return mean and scale by name."""
        return {"mean": self.mean, "scale": self.scale}


class SVR:
    """Epsilon-insensitive regression with a Gaussian kernel, one machine for each target.

    Features of any scale are brought to one: asinh keeps small values and takes the logarithm of
    large ones, then mean 0 and deviation 1 over the training rows, cut at ±5. Penalty and kernel
    width are chosen among twelve pairs by cross-validation on the training rows, in ``folds``
    parts, or as many as there are rows. ``width: columns`` measures the widths by the number of
    columns (gamma of 0.1, 0.3 and 1 over it); without it they suit some hundred columns.
    (Drucker et al., "Support Vector Regression Machines", 1996.)
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    imports: ClassVar[tuple[str, ...]] = ("sklearn.model_selection", "sklearn.svm")

    def __init__(
        self,
        *,
        folds: Annotated[int, Field(ge=2)] = 5,
        width: Literal["columns"] | None = None,
    ) -> None:
        self.folds, self.width = folds, width
        self.scaling = Scaling.none()
        self.machines: list[dict[str, Array]] = []

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Choose penalty and width, then solve; ``seed`` draws the folds."""
        self.scaling = Scaling.of(features)
        scaled = self.scaling.apply(features)
        gammas = GAMMAS if self.width is None else [width / scaled.shape[1] for width in WIDTHS]
        squares = _squared_distances(scaled, scaled) if len(scaled) <= WHOLE else None
        self.machines = []
        for target in targets.T:
            tried = [self._tried(scaled, squares, gamma, target, seed) for gamma in gammas]
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
        folds = KFold(min(self.folds, len(target)), shuffle=True, random_state=seed)
        search = GridSearchCV(
            machine, {"C": PENALTIES}, scoring="neg_mean_absolute_error", cv=folds
        )
        search.fit(scaled if squares is None else np.exp(-gamma * squares), target)
        return float(search.best_score_), search.best_estimator_, gamma

    def predict(self, features: Array) -> Array:
        """Return the predictions."""
        scaled = self.scaling.apply(features)
        return np.column_stack([_decide(machine, scaled) for machine in self.machines])

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        machines = {
            f"{name}.{k}": array
            for k, machine in enumerate(self.machines)
            for name, array in machine.items()
        }
        return {**self.scaling.arrays(), **machines}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.scaling = Scaling(arrays["mean"], arrays["scale"])
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
