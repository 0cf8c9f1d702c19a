"""The split of a first study."""

from __future__ import annotations

from nearfar.data.dataset import Dataset
from nearfar.data.options import SplitOptions
from nearfar.data.split.splits import split_rows
from nearfar.errors import UserError

_FOLDED_ROWS = 20_000
"""With as many rows, a tenth of them tells enough."""
_FOLDS = (10, 5)


def first_split(dataset: Dataset, *, predefined: bool) -> SplitOptions:
    """Return the parts that the data name; else folds where rows are few; else a random split.

    Ten folds, or five where groups or rare classes do not allow ten, or a random split where they
    do not allow five either.

    Raises:
        UserError: the rows cannot be divided at all.
    """
    if not predefined and len(dataset) < _FOLDED_ROWS:
        for count in _FOLDS:
            options = SplitOptions(kind="folds", folds=count)
            if _divides(dataset, options, count):
                return options
    options = SplitOptions(kind="predefined" if predefined else "random")
    split_rows(dataset, options, 0)
    return options


def _divides(dataset: Dataset, options: SplitOptions, trainings: int) -> bool:
    try:
        for seed in range(trainings):
            split_rows(dataset, options, seed)
    except UserError:
        return False
    return True
