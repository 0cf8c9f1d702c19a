"""Estimators of a program as heads: cloned, fitted on training rows, kept in skops' format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import UserError
from nearfar.heads.estimators.decisions import decision_values
from nearfar.heads.estimators.own import Own, learnt
from nearfar.heads.estimators.stored import from_array, to_array

Array = NDArray[Any]


class EstimatorHead:
    """An estimator as it was given; what it leaves open of ``random_state`` is the seed.

    It learns numbers in their own unit, and classes by their values in the data; one that takes no
    such values (XGBoost's) by 0, 1, … in their order.
    Of classes, ``predict_proba`` gives probabilities; without it decision values of classes become
    some by the logistic function (softmax of several), and without these the predicted class has
    probability 1.
    """

    template: ClassVar[Any]
    tasks: ClassVar[frozenset[str]]
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("skops.io",)

    def __init__(self) -> None:
        self.fitted: list[Any] = []
        self.own: Own | None = None
        self.present: Array = np.zeros(0, dtype=np.int64)
        self.classes = self.width = 0

    @classmethod
    def sees_own_targets(cls, options: Mapping[str, Any]) -> bool:
        """Whether ``own`` is to be set before a fit, and numbers given in their own unit."""
        return True

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Fit clones to features (n, d) and targets (n, k), numbers or indicators of classes.

        One for all columns of numbers where the estimator takes several, else one for each.
        """
        from sklearn.utils import get_tags

        features = features.astype(np.float64)
        if "classification" in self.tasks:
            truth, self.present = learnt(targets, self.own)
            self.classes, several = targets.shape[1], len(self.present) > 1
            self.fitted = [self._classifier(features, truth, seed)] if several else []
            return
        tags = get_tags(self.template).target_tags
        together = tags.multi_output and (targets.shape[1] > 1 or not tags.single_output)
        self.width = targets.shape[1] if together else 1
        parts = [targets] if together else list(targets.T)
        self.fitted = [self._clone(seed).fit(features, part) for part in parts]

    def _classifier(self, features: Array, truth: Array, seed: int) -> Any:
        try:
            return self._clone(seed).fit(features, truth)
        except (ValueError, TypeError):
            numbers = np.unique(truth, return_inverse=True)[1]
            if np.array_equal(numbers, truth):
                raise
        return self._clone(seed).fit(features, numbers)

    def _clone(self, seed: int) -> Any:
        from sklearn.base import clone

        copy = clone(self.template)
        drawn = {
            name: seed
            for name, value in copy.get_params(deep=True).items()
            if name.rsplit("__", 1)[-1] == "random_state" and value is None
        }
        return copy.set_params(**drawn)

    def predict(self, features: Array) -> Array:
        """Return predictions (n, k), or of classes their probabilities (n, classes)."""
        features = features.astype(np.float64)
        if not self.classes:
            found = np.column_stack([_numbers(one, features, self.width) for one in self.fitted])
            return found if self.own is None else self.own.in_z_units(found)
        chances = np.zeros((len(features), self.classes))
        chances[:, self.present] = _chances(self.fitted[0], features) if self.fitted else 1.0
        return chances

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs; fitted estimators in skops' format, not pickled."""
        kept = {f"estimator-{k}": to_array(one, self.template) for k, one in enumerate(self.fitted)}
        sizes = {"classes": np.array([self.classes]), "width": np.array([self.width])}
        own = {} if self.own is None else self.own.arrays()
        return {**sizes, "present": self.present, **own, **kept}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again; only classes of the estimator's own packages are made.

        Raises:
            UserError: the arrays hold something else.
        """
        head = cls()
        head.classes, head.present = int(arrays["classes"][0]), arrays["present"]
        head.width = int(arrays["width"][0]) if "width" in arrays else 1
        head.own = Own.from_arrays(arrays)
        count = sum(name.startswith("estimator-") for name in arrays)
        stored = (arrays[f"estimator-{k}"] for k in range(count))
        head.fitted = [from_array(one, cls.template) for one in stored]
        return head


def head_of(estimator: Any) -> type[EstimatorHead]:
    """Return the class of heads that an estimator is the template of.

    Raises:
        UserError: it is neither a classifier nor a regressor.
    """
    from sklearn.base import is_classifier, is_regressor

    classifies = is_classifier(estimator)
    if not classifies and not is_regressor(estimator):
        raise UserError(f"{type(estimator).__name__} is neither a classifier nor a regressor")
    tasks = frozenset({"classification" if classifies else "regression"})
    return type("OwnEstimator", (EstimatorHead,), {"template": estimator, "tasks": tasks})


def _numbers(fitted: Any, features: Array, width: int) -> Array:
    """Return ``width`` numbers for every row (n, width).

    Raises:
        UserError: the regressor predicts another count of them.
    """
    found = np.asarray(fitted.predict(features))
    if found.size != len(features) * width:
        needed = "one" if width == 1 else width
        raise UserError(
            f"{type(fitted).__name__}: predicts {found.size} numbers for {len(features)} rows, "
            f"needs {needed} for each"
        )
    return found.reshape(len(features), width)


def _chances(fitted: Any, features: Array) -> Array:
    """Return probabilities (n, classes there) of a fitted classifier."""
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(features))
    from scipy.special import expit, softmax

    values = decision_values(fitted, features)
    if values is None:
        return np.asarray(fitted.predict(features)[:, None] == fitted.classes_, dtype=np.float64)
    if values.ndim == 1:
        return np.column_stack([expit(-values), expit(values)])
    return np.asarray(softmax(values, axis=1))
