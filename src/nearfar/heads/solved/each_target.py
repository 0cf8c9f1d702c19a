"""A solved head for each of several targets, where one for all of them is not to be had."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_MARK = "each."
"""How names of arrays begin that belong to the head of one target."""


class EachTarget:
    """A head for each target, fitted to the rows that have it.

    It is taken where rows lack some of several targets, and for several labels a row where the head
    is one for classes: with ``labels``, each of its heads tells rows without a label from those
    with it, and its prediction is the probability of the label.
    """

    def __init__(self, make: Callable[[], Any], *, labels: bool = False) -> None:
        self._make, self._labels = make, labels
        self.heads: list[Any] = []
        self.own: Any = None

    def fit(self, features: Array, targets: Array, seed: int, weights: Array | None = None) -> None:
        """Fit a head to each column of ``targets`` (n, k), NaN where a row lacks it.

        ``weights`` are (n,), or (n, k) where a row counts otherwise for every target.
        """
        self.heads = []
        for k, column in enumerate(targets.T):
            has = ~np.isnan(column)
            own = column[has][:, None]
            known = np.concatenate([1 - own, own], axis=1) if self._labels else own
            head = self._make()
            if self.own is not None:
                head.own = self.own.of(k)
            if weights is None:
                head.fit(features[has], known, seed)
            else:
                mine = weights if weights.ndim == 1 else weights[:, k]
                head.fit(features[has], known, seed, mine[has])
            self.heads.append(head)

    def predict(self, features: Array) -> Array:
        """Return the predictions (n, k); of labels, their probabilities."""
        return np.column_stack([head.predict(features)[:, -1] for head in self.heads])

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        return {
            f"{_MARK}{k}.{name}": array
            for k, head in enumerate(self.heads)
            for name, array in head.arrays().items()
        }

    @classmethod
    def from_arrays(cls, kind: Any, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted heads, each of class ``kind``, again."""
        by_target: dict[int, dict[str, Array]] = {}
        for name, array in arrays.items():
            number, own = name.removeprefix(_MARK).split(".", 1)
            by_target.setdefault(int(number), {})[own] = array
        found = cls(kind)
        found.heads = [kind.from_arrays(by_target[k]) for k in sorted(by_target)]
        return found


def restored_head(kind: Any, arrays: Mapping[str, Array]) -> Any:
    """Return the fitted head of class ``kind``, or one for each target, that left these arrays."""
    if all(name.startswith(_MARK) for name in arrays) and arrays:
        return EachTarget.from_arrays(kind, arrays)
    return kind.from_arrays(arrays)


def fits_task(kind: Any, task: str) -> bool:
    """Whether a head, trained or solved, is for a task.

    Those for classes are for several labels a row too: a solved one is fitted to each label, and a
    trained one has an output for each.
    """
    return task in kind.tasks or (task == "multilabel" and "classification" in kind.tasks)
