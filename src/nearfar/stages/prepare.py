"""Columns of any kind made numbers for a stage: learnt from its training rows, kept in its folder.

A stage that goes on from another's encoder takes that one's preparation: the encoder knows no
other numbers. Columns beside molecules or images are seen by heads alone: each fit has its own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save as arrays_to_bytes

from nearfar.data import Columns, Dataset, Preparation, Split
from nearfar.data.inputs.joined import Joined
from nearfar.errors import UserError
from nearfar.objectives import OBJECTIVES
from nearfar.plan.specs import EncodedSpec, PretrainSpec, StageSpec, spec_of, start_of
from nearfar.records.files import write_atomically
from nearfar.records.stages import StageStore

FILE = "columns.safetensors"


def preparation_of(
    spec: EncodedSpec, dataset: Dataset, split: Split, store: StageStore
) -> tuple[Preparation | None, Any]:
    """Return what prepares the columns of a stage, and its inputs: those of the data set prepared.

    None, and the inputs as they are, where these need no preparation.

    Args:
        spec: of the stage.
        dataset: with the labels that the stage may see in its training rows.
        split: what is left of it under the stage's conditions.
        store: where the stage before it lies.

    Raises:
        UserError: no column varies over the training rows, or columns do not fit those that the
            encoder was trained on.
    """
    if isinstance(dataset.inputs, Joined):
        return _beside(spec, dataset, dataset.inputs, split)
    start = start_of(spec)
    if start is not None:
        before = read_preparation(store.folder(start.stage))
        if before is None:
            if isinstance(dataset.inputs, Columns):
                raise UserError(
                    "the encoder that this arm starts from was trained on complete columns of "
                    "numbers, and here are gaps or columns of other kinds"
                )
            return None, dataset.inputs
        same = spec_of(start.stage, store).data.digest == spec.data.digest
        if same and isinstance(dataset.inputs, Columns):
            return before, before.apply_to_own(dataset.inputs)
        return before, before.apply(dataset.inputs)  # type: ignore[arg-type]
    if not isinstance(dataset.inputs, Columns):
        return None, dataset.inputs
    rows = split.train
    labels = labels_of(dataset)[rows] if _reads_labels(spec) else None
    found = Preparation.fit(dataset.inputs, rows, labels, dataset.groups[rows])
    return found, found.apply_to_own(dataset.inputs)


def _beside(
    spec: EncodedSpec, dataset: Dataset, inputs: Joined, split: Split
) -> tuple[Preparation | None, Any]:
    """Return what prepares the columns beside molecules or images, and these with them prepared."""
    if isinstance(spec, PretrainSpec):
        return None, inputs.inputs
    assert isinstance(inputs.columns, Columns)
    rows = split.train
    labels = labels_of(dataset)[rows]
    found = Preparation.fit(inputs.columns, rows, labels, dataset.groups[rows])
    return found, Joined(inputs.inputs, found.apply_to_own(inputs.columns))


def labels_of(dataset: Dataset) -> NDArray[np.float64]:
    """Return the labels (n, k) of all rows: targets, or indicators of all classes but the first."""
    if not dataset.classes:
        return dataset.targets
    indicators: NDArray[np.bool_] = dataset.targets == np.arange(1, len(dataset.classes))
    return indicators.astype(np.float64)


def _reads_labels(spec: StageSpec) -> bool:
    if isinstance(spec, PretrainSpec):
        return bool(OBJECTIVES[spec.objective.name].reads_labels)
    return True


def write_preparation(folder: Path, preparation: Preparation) -> None:
    """Write ``columns.safetensors`` of a stage: arrays, and plain values as JSON."""
    plain, arrays = preparation.to_plain()
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = {"columns": json.dumps(plain)}
    write_atomically(folder / FILE, arrays_to_bytes(contiguous, metadata=text))


def read_preparation(folder: Path) -> Preparation | None:
    """Read ``columns.safetensors`` of a stage, None if there is none."""
    path = folder / FILE
    if not path.is_file():
        return None
    with safe_open(path, framework="np") as file:
        plain = json.loads(file.metadata()["columns"])
    return Preparation.from_plain(plain, load_file(path))


def preparer(folder: Path) -> Callable[[Any], Any]:
    """Return what prepares inputs as the stage in ``folder`` had its own, or returns them."""
    preparation = read_preparation(folder)
    return lambda inputs: prepared_by(preparation, inputs)


def prepared_by(preparation: Preparation | None, inputs: Any) -> Any:
    """Return inputs with their columns, or those beside them, prepared; without one as they are."""
    if preparation is None:
        return inputs
    if isinstance(inputs, Joined):
        return Joined(inputs.inputs, preparation.apply(inputs.columns))
    return preparation.apply(inputs)
