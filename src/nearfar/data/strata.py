"""What rows have to be divided in proportion by: their class, their rarest label, their gaps."""

from __future__ import annotations

import numpy as np

from nearfar.data.dataset import Dataset, Index


def strata_of(dataset: Dataset) -> Index | None:
    """Return the stratum of every row, int64 (n,) from 0; None where all rows are alike.

    Of classes it is the row's class. Where rows have several labels, it is the rarest label that
    the row has, and one more stratum has the rows without any. Where rows lack some of several
    numbers, it is the rarest target that the row has. So every part gets its share of the rarest
    first, as in iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, "On the
    stratification of multi-label data"), which goes on to the other labels of these rows.
    """
    targets = dataset.targets
    if dataset.classes:
        return np.asarray(targets[:, 0].astype(np.int64))
    known = ~np.isnan(targets)
    if dataset.multilabel:
        return _rarest(targets == 1)
    return None if known.all() else _rarest(known)


def _rarest(has: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Index:
    """Return of every row the rarest column that it has, (n,); rows without any are one more."""
    counts = has.sum(axis=0)
    order = np.argsort(counts, kind="stable")
    found = np.where(has.any(axis=1), order[has[:, order].argmax(axis=1)], has.shape[1])
    return np.asarray(np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64))
