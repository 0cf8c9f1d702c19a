"""Which of the test rows a fit is scored on."""

import numpy as np
from numpy.typing import NDArray

from nearfar.data import Dataset, Split, is_unseen, shots
from nearfar.data.conditions import Unseen
from nearfar.errors import UserError

_LEAST = 2
"""Test rows that a number needs at least."""


def tested_rows(
    dataset: Dataset, split: Split, rows: str, unseen: Unseen | None
) -> NDArray[np.int64]:
    """Return the test rows that a block ``test`` names: int64, ascending.

    Args:
        dataset: the rows as they were learnt from.
        split: what was learnt from and chosen on; test rows as they are.
        rows: all, seen, unseen, many, medium or few.
        unseen: what the study leaves out.

    Raises:
        UserError: fewer than two test rows are so.
    """
    chosen = np.ones(len(split.test), dtype=bool)
    if rows in {"seen", "unseen"}:
        assert unseen is not None
        chosen = is_unseen(dataset, unseen)[split.test] == (rows == "unseen")
    elif rows != "all":
        chosen = shots(dataset.targets[split.train], dataset.targets[split.test]) == rows
    if chosen.sum() < _LEAST:
        raise UserError(
            f"test.rows: {int(chosen.sum())} of {len(chosen)} test rows are {rows!r}, "
            f"at least {_LEAST} needed"
        )
    return split.test[chosen]
