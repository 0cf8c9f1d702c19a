"""What makes scores better than they would be of new rows: features that say the target, copies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Split
from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.joined import Joined
from nearfar.data.inputs.vectors import Vectors

_LIKE = 0.999
_FEWEST_ROWS = 3
_ROWS_A_VALUE = 10
_FEWEST_APART = 5


def leaks(dataset: Dataset) -> list[str]:
    """Return a clause for every feature that is a target in the same or in another form.

    Two numbers are, where their correlation is above 0.999; a column of any kind is another form
    of classes, labels or few numbers where each of its values, ten rows each on average, stands
    beside one of them alone.
    """
    given = dataset.inputs.columns if isinstance(dataset.inputs, Joined) else dataset.inputs
    if not isinstance(given, Vectors | Columns) or len(dataset) < _FEWEST_ROWS:
        return []
    columns = Columns.of_any(given)
    names = dataset.target_names if len(dataset.target_names) > 1 else ["itself"]
    facts, told = [], set()
    for k, name, likeness in _alike(columns, dataset.targets):
        told.add((k, name))
        facts.append(
            f"column '{name}' is almost the target {names[k]} (correlation {likeness:.4f})"
        )
    codes = columns.codes()
    for k, target in enumerate(names):
        facts += [
            f"column '{column.name}' is almost the target {target} (each of its "
            f"{len(np.unique(codes[:, place]))} values stands beside one {_noun(dataset)} alone)"
            for place, column in enumerate(columns.columns)
            if (k, column.name) not in told and _says(codes[:, place], dataset.targets[:, k])
        ]
    return facts


def copies_tested(dataset: Dataset, split: Split) -> int:
    """Return how many tested rows have the features of a row that is learnt from.

    Rows of numbers and other columns alone; copies of molecules and images make groups.
    """
    given = dataset.inputs
    if not isinstance(given, Vectors | Columns):
        return 0
    values = given.codes() if isinstance(given, Columns) else given.values.numpy() + 0.0
    known = {values[row].tobytes() for row in split.train.tolist()}
    return sum(values[row].tobytes() in known for row in split.test.tolist())


def _alike(columns: Columns, targets: npt.NDArray[np.float64]) -> list[tuple[int, str, float]]:
    """Return targets (n, k) by place with the columns of numbers that go along with them."""
    numbers = columns.numeric()
    if not numbers:
        return []
    targets = np.nan_to_num(targets - np.nanmean(targets, axis=0))
    values = np.stack([column.cells for column in numbers], axis=1)
    values = np.nan_to_num(values - np.nanmean(values, axis=0))
    scale = np.sqrt(np.outer((targets**2).sum(axis=0), (values**2).sum(axis=0)))
    likeness = np.abs(targets.T @ values) / np.where(scale > 0, scale, np.inf)
    return [
        (int(k), numbers[place].name, float(likeness[k, place]))
        for k, place in np.argwhere(likeness > _LIKE)
    ]


def _says(codes: npt.NDArray[np.int64], target: npt.NDArray[np.float64]) -> bool:
    """Tell whether few values (n,) each stand beside one value of the target (n,) alone.

    Where all but a few rows are of one class, that can be so by chance.
    """
    known = ~np.isnan(target)
    found, counts = np.unique(target[known], return_counts=True)
    values = np.unique(codes[known])
    if len(found) < 2 or counts.sum() - counts.max() < _FEWEST_APART:
        return False
    if _ROWS_A_VALUE * max(len(values), len(found)) > counts.sum():
        return False
    return len(np.unique(np.stack([codes[known], target[known]], axis=1), axis=0)) == len(values)


def _noun(dataset: Dataset) -> str:
    if dataset.multilabel:
        return "value of the label"
    return "class" if dataset.classes else "value of the target"
