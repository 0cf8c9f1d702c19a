"""Rows with embeddings beside them that were computed elsewhere and read from files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nearfar.data.inputs.joined import Joined


@dataclass(frozen=True)
class Embeddings:
    """What one file says of the rows of a data set.

    ``values`` are float32 (n, d), in the order of the rows; ``names`` are those of the columns,
    where the file has them.
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...] = ()
    told: str = ""
    """How rows were found, and what of the file is not used."""

    @cached_property
    def digest(self) -> str:
        """A hash of the values, whatever file and format they were read from."""
        found = hashlib.sha256(repr(self.values.shape).encode())
        found.update(np.ascontiguousarray(self.values, dtype="<f4").data)
        return found.hexdigest()[:16]

    @property
    def content(self) -> dict[str, Any]:
        """What determines the features, as a stage's specification has it."""
        return {"digest": self.digest, "columns": int(self.values.shape[1])}

    def taken(self, rows: npt.NDArray[np.int64]) -> Embeddings:
        """Return the rows ``rows`` alone; they keep the hash of all."""
        chosen = replace(self, values=self.values[rows])
        chosen.__dict__["digest"] = self.digest
        return chosen


@dataclass(frozen=True)
class Embedded:
    """Rows as an encoder looks at them, and embeddings (n, d) of them by their hashes."""

    inputs: Any
    embeddings: Mapping[str, npt.NDArray[np.float32]]

    @property
    def kind(self) -> str:
        """``molecule``, ``vector`` or ``image``."""
        kind: str = self.inputs.kind
        return kind

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, index: Tensor) -> Any:
        """Return the batch of the rows ``index`` (int64, (b,)), without embeddings."""
        return self.inputs.select(index)

    def take(self, index: Tensor) -> Embedded:
        """Return the rows ``index`` (int64, (b,)) alone."""
        rows = index.cpu().numpy()
        found = {digest: values[rows] for digest, values in self.embeddings.items()}
        return Embedded(self.inputs.take(index), found)

    def to(self, device: torch.device | str) -> Embedded:
        """Return the same rows on ``device``; embeddings stay where they are."""
        return Embedded(self.inputs.to(device), self.embeddings)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the rows consist of."""
        beside = {f"embedding.{digest}": values for digest, values in self.embeddings.items()}
        return {**self.inputs.arrays(), **beside}


def embedded(inputs: Any, embeddings: Mapping[str, npt.NDArray[np.float32]]) -> Any:
    """Return rows with embeddings beside what an encoder looks at; without any, as they are."""
    if not embeddings:
        return inputs
    if isinstance(inputs, Joined):
        return inputs.having(embedded(inputs.inputs, embeddings))
    return Embedded(inputs, embeddings)


def parted(inputs: Any) -> tuple[Any, Mapping[str, npt.NDArray[np.float32]]]:
    """Return rows without embeddings, and these by their hashes."""
    if isinstance(inputs, Joined):
        alone, found = parted(inputs.inputs)
        return inputs.having(alone), found
    return (inputs.inputs, inputs.embeddings) if isinstance(inputs, Embedded) else (inputs, {})


def without_embeddings(inputs: Any) -> Any:
    """Return the rows as an encoder looks at them, without embeddings beside them."""
    return inputs.inputs if isinstance(inputs, Embedded) else inputs
