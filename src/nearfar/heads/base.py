"""What every head offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from numpy.typing import NDArray
from torch import Tensor, nn

from nearfar.extensions import missing, signature_mistake

TASKS = frozenset({"regression", "classification", "multilabel", "reconstruction"})
"""What can be predicted."""


class SolvedHead(Protocol):
    """A head that is solved on features, without gradients; its options make it.

    Features are float32 (n, d); targets and predictions float64 (n, k): numbers in z units, or of
    classes indicators and probabilities. ``draws`` says whether its numbers depend on ``seed``,
    ``uses_features`` whether it looks at features at all. It may name modules in ``imports``:
    these are imported before its seconds are counted.
    """

    tasks: ClassVar[frozenset[str]]
    uses_features: ClassVar[bool]
    draws: ClassVar[bool]

    def fit(self, features: NDArray[Any], targets: NDArray[Any], seed: int) -> None: ...

    def predict(self, features: NDArray[Any]) -> NDArray[Any]: ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what ``from_arrays`` needs; nothing is pickled."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self: ...


class NetworkHead(Protocol):
    """A ``torch.nn.Module`` made of (inputs, outputs, *, options): features (n, d) → (n, k)."""

    tasks: ClassVar[frozenset[str]]

    def forward(self, features: Tensor) -> Tensor: ...


def is_network(kind: Any) -> bool:
    """Whether a head is trained by gradient, not solved."""
    return isinstance(kind, type) and issubclass(kind, nn.Module)


def head_mistake(kind: Any) -> str:
    """Return what a class lacks to be a head of a study file, empty if nothing."""
    if not isinstance(kind, type):
        return "is not a class"
    network = is_network(kind)
    solved = ("uses_features", "draws", "fit", "predict", "arrays", "from_arrays")
    if lacking := missing(kind, ("tasks", *(() if network else solved))):
        return lacking
    tasks = set(getattr(kind, "tasks", ()))
    if not tasks or not tasks <= TASKS:
        return f"has tasks {sorted(tasks)}; allowed: {', '.join(sorted(TASKS))}"
    return signature_mistake(kind, ("inputs", "outputs") if network else ())
