"""Rows of a data set on the device: inputs and scaled targets, gathered by index."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some rows: ``inputs`` as the encoder takes them, ``targets`` (b, k) in z units, float64."""

    inputs: Any
    targets: Tensor


@dataclass(frozen=True)
class Rows:
    """All rows of a data set: ``inputs`` with ``select(index)``, ``targets`` (n, k) in z units."""

    inputs: Any
    targets: Tensor

    def batch(self, index: Tensor) -> Batch:
        """Gather the rows ``index`` (b,)."""
        return Batch(self.inputs.select(index), self.targets[index])
