"""Targets as the data have them, for estimators of other libraries.

Heads count in z units and in numbers of classes. What a Poisson loss, a logarithm of the target or
a ``class_weight`` says is meant of the numbers and classes that the user has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_MEAN, _SCALE = "own.mean", "own.scale"


@dataclass(frozen=True)
class Own:
    """What z units and numbers of classes are in the data.

    Args:
        mean: of each number that is predicted (k,), in its own unit; empty of classes.
        scale: what one z unit is of each (k,).
        classes: the values of the classes in their order (classes,); empty of numbers.
    """

    mean: Array = field(default_factory=lambda: np.zeros(0))
    scale: Array = field(default_factory=lambda: np.zeros(0))
    classes: Array = field(default_factory=lambda: np.zeros(0))

    def of(self, target: int) -> Self:
        """Return what they are for one of several numbers."""
        return type(self)(self.mean[[target]], self.scale[[target]])

    def in_z_units(self, predictions: Array) -> Array:
        """Return predictions (n, k) in their own unit in z units."""
        return np.asarray((predictions - self.mean) / self.scale)

    def weighted(self, estimator: Any) -> Any:
        """Return an estimator whose ``class_weight`` names classes by their values.

        A study file may have them as texts.
        """
        values = {str(value): value for value in self.classes.tolist()}
        changes = {
            name: {values.get(str(key), key): weight for key, weight in given.items()}
            for name, given in estimator.get_params(deep=True).items()
            if name.rsplit("__", 1)[-1] == "class_weight" and isinstance(given, Mapping)
        }
        return estimator.set_params(**changes)

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs for predictions."""
        return {_MEAN: self.mean, _SCALE: self.scale} if len(self.mean) else {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self | None:
        """Make it again; None of classes, and of a head that was fitted in z units."""
        return cls(arrays[_MEAN], arrays[_SCALE]) if _MEAN in arrays else None


@runtime_checkable
class SeesOwnTargets(Protocol):
    """A head that is told what z units and numbers of classes are in the data."""

    own: Own | None


def learnt(targets: Array, own: Own | None) -> tuple[Array, Array]:
    """Return of indicators (n, classes) what a classifier learns, and the numbers of its classes.

    Returns:
        The classes (n,), by their values in the data where these are known, else by number; and
        which of all classes those are that were met, in the order of ``classes_``.
    """
    numbers = targets.argmax(axis=1)
    present = np.unique(numbers)
    if own is None:
        return numbers, present
    return own.classes[numbers], present[np.argsort(own.classes[present], kind="stable")]
