"""Rows in memory: what every source gives and everything else takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nearfar.data.inputs.embedded import Embeddings
from nearfar.data.inputs.molecules import MoleculeBatch

Batch = MoleculeBatch | Tensor
Index = npt.NDArray[np.int64]


class Inputs(Protocol):
    """The inputs of all rows, held as contiguous tensors on one device."""

    @property
    def kind(self) -> str:
        """``molecule``, ``vector`` or ``image``."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def select(self, index: Tensor) -> Any:
        """Return the batch of the rows ``index`` (int64, shape (b,), on the inputs' device)."""

    def take(self, index: Tensor) -> Inputs:
        """Return the rows ``index`` (int64, shape (b,), on the inputs' device) alone."""

    def to(self, device: torch.device | str) -> Inputs:
        """Return the same inputs on ``device``."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that the inputs consist of, by name, for the digest."""


@dataclass(frozen=True)
class GivenRows:
    """All rows of a source as they were given, those too that cannot be used."""

    columns: Mapping[str, list[Any]]
    """Cells by column."""
    length: int
    reasons: Mapping[int, str]
    """Why a row cannot be used, by its position from 0."""
    where: Callable[[int], str]
    """The place of a position, for messages."""


@dataclass(frozen=True)
class InputRows:
    """Rows without targets: what a prediction is made for."""

    inputs: Inputs
    ids: list[str]
    """Row number in the source as text; the first data row is 1."""
    names: list[str]
    """Display names, empty strings if there are none."""
    smiles: list[str]
    """Molecules: as given. Otherwise an empty list."""
    source: dict[str, Any]
    """Provenance: where the rows came from, how many were read, how many dropped and why."""
    given: GivenRows | None = field(default=None, kw_only=True)
    """What ``ids`` count, where the rows were read to predict for them."""
    keys: list[str] | None = field(default=None, kw_only=True)
    """What rows are called in other files, where the data say so."""
    paths: Sequence[str] | None = field(default=None, kw_only=True)
    """Of pictures in a folder without a table: those of all that were found there, which ``ids``
    count, relative to it."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Dataset(InputRows):
    """Rows with targets."""

    targets: npt.NDArray[np.float64]
    """Shape (n, k), in the target's own unit; of classes, their numbers, k = 1.

    Of several targets a row may lack some, NaN, but has one at least. Of several labels a row, 1
    where it has the label and 0 where not.
    """
    target_names: list[str]
    unit: str
    """Unit of the targets, empty if none was given."""
    groups: Index
    """Shape (n,): rows of one group never straddle a split."""
    parts: npt.NDArray[np.str_] | None
    """Predefined ``train``, ``validation`` or ``test`` per row, or None."""
    digest: str
    """SHA-256 of what determines numbers: ids, inputs, targets, classes, groups, parts."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers; empty where a number is predicted."""
    multilabel: bool = False
    """Whether the targets are labels of which a row may have several."""
    embeddings: Mapping[str, Embeddings] = field(default_factory=dict, kw_only=True)
    """Embeddings of the rows, by what the study says of their files."""

    @property
    def file_contents(self) -> dict[str, dict[str, Any]]:
        """What the files of embeddings hold, by what the study says of them."""
        return {key: found.content for key, found in self.embeddings.items()}

    @property
    def embedding_files(self) -> dict[str, dict[str, Any]]:
        """How the files of embeddings were read, by the hashes of what they hold."""
        named = sorted(self.embeddings.items(), key=lambda item: bool(item[1].names))
        return {
            found.digest: {**json.loads(key), "names": list(found.names)} for key, found in named
        }


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts: int64, ascending, disjoint."""

    train: Index
    validation: Index
    test: Index


def content_digest(
    rows: InputRows,
    targets: npt.NDArray[np.float64],
    target_names: list[str],
    groups: Index,
    parts: npt.NDArray[np.str_] | None,
    classes: tuple[str, ...] = (),
    *,
    multilabel: bool = False,
) -> str:
    """Return the SHA-256 of the content, whatever file and format it was read from."""
    digest = hashlib.sha256()

    def add(name: str, value: npt.NDArray[Any] | list[str]) -> None:
        if isinstance(value, list):
            data = b"".join(f"{len(text.encode())}:{text}".encode() for text in value)
            digest.update(f"{name}=text({len(value)})[{len(data)}]".encode())
            digest.update(data)
            return
        array = np.ascontiguousarray(value)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name}={array.dtype.name}{array.shape}[{array.nbytes}]".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")

    add("ids", rows.ids)
    add("smiles", rows.smiles)
    for name, array in sorted(rows.inputs.arrays().items()):
        add(f"inputs.{name}", array)
    add("targets", targets)
    add("target_names", target_names)
    add("groups", groups)
    add("parts", [] if parts is None else [str(part) for part in parts])
    if classes:
        add("classes", list(classes))
    if multilabel:
        add("task", ["multilabel"])
    return digest.hexdigest()
