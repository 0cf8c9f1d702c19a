"""What makes scores better than they would be of new rows: features that say the target, copies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Split
from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.joined import Joined
from nearfar.data.inputs.vectors import Vectors

_LIKE, _ROUNDING = 0.999, 1e-14
_FEWEST_ROWS = 3
_FEWEST_RANKED, _MOST_RANKED = 20, 1000
_ROWS_A_VALUE = 10
_FEWEST_APART = 5


def leaks(dataset: Dataset) -> list[str]:
    """Return a clause for every feature that is a target in the same or in another form.

    Two numbers are, where their correlation is above 0.999, or that of their ranks, as of a
    logarithm; a column of any kind is another form of classes, labels or few numbers where each of
    its values, ten rows each on average, stands beside one of them alone.
    """
    given = dataset.inputs.columns if isinstance(dataset.inputs, Joined) else dataset.inputs
    if not isinstance(given, Vectors | Columns) or len(dataset) < _FEWEST_ROWS:
        return []
    columns = Columns.of_any(given)
    names = dataset.target_names if len(dataset.target_names) > 1 else ["itself"]
    facts, told = [], set()
    for k, name, likeness in _alike(columns, dataset):
        told.add((k, name))
        facts.append(f"column '{name}' is almost the target {names[k]} ({likeness})")
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


def _alike(columns: Columns, dataset: Dataset) -> list[tuple[int, str, str]]:
    """Return targets by place, the columns of numbers that go along with them, and how much."""
    names = [column.name for column in columns.numeric()]
    if not names:
        return []
    values = np.stack([column.cells for column in columns.numeric()], axis=1)
    targets = dataset.targets
    found = {
        (int(k), int(place)): f"correlation {likeness:.4f}"
        for k, place, likeness in _going_along(values, targets)
    }
    if not (dataset.classes or dataset.multilabel) and len(targets) >= _FEWEST_RANKED:
        from scipy.stats import rankdata

        some = np.linspace(0, len(targets) - 1, min(_MOST_RANKED, len(targets))).round().astype(int)
        ranks = (rankdata(one[some], axis=0, nan_policy="omit") for one in (values, targets))
        for k, place, likeness in _going_along(*ranks):
            found.setdefault((int(k), int(place)), f"correlation of ranks {likeness:.4f}")
    return [(k, names[place], likeness) for (k, place), likeness in sorted(found.items())]


def _going_along(
    values: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]
) -> list[tuple[int, int, float]]:
    """Return which of targets (n, k) and columns (n, d) are alike on the rows that have both.

    These have to be half of the target's rows at least: of few rows some column goes along by
    chance.
    """
    (x, has_x), (y, has_y) = _centred(values), _centred(targets)
    both = np.maximum(has_y.T @ has_x, 1)
    sum_x, sum_y = has_y.T @ x, y.T @ has_x
    square_x = has_y.T @ x**2 - sum_x**2 / both
    square_y = (y**2).T @ has_x - sum_y**2 / both
    scale = np.sqrt(np.maximum(square_x * square_y, 0))
    likeness = np.abs(y.T @ x - sum_x * sum_y / both) / np.where(scale > 0, scale, np.inf)
    likeness[(2 * both < has_y.sum(axis=0)[:, None]) | (both < _FEWEST_ROWS)] = 0
    return [(k, place, min(likeness[k, place], 1)) for k, place in np.argwhere(likeness > _LIKE)]


def _centred(
    cells: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return cells less the mean of their column, at most 1, and 1 where they are known.

    They are zero where missing, and where they differ from the mean by its rounding alone.
    """
    known = ~np.isnan(cells)
    means = np.where(known, cells, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    apart = np.where(known, cells - means, 0)
    apart[np.abs(apart) <= _ROUNDING * np.abs(means)] = 0
    most = np.abs(apart).max(axis=0)
    return apart / np.where(most > 0, most, 1), known.astype(np.float64)


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
