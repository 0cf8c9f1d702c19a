"""Data sets of rows that nobody looks at: their groups, classes and parts are what counts."""

from collections.abc import Sequence

import numpy as np

from nearfar.data import Dataset, Split, Vectors


def made_rows(
    groups: Sequence[int],
    parts: Sequence[str] | None = None,
    labels: Sequence[int] | None = None,
    group: str | None = "g",
) -> Dataset:
    """Return rows with these groups, predefined parts and classes; ``group`` names the column."""
    rows = len(groups)
    numbers = np.zeros(rows) if labels is None else np.array(labels, dtype=float)
    return Dataset(
        inputs=Vectors(np.zeros((rows, 1)), ["x"]),
        ids=[str(row + 1) for row in range(rows)],
        names=[""] * rows,
        smiles=[],
        source={"group": group},
        targets=numbers[:, None],
        target_names=["y"],
        unit="",
        groups=np.array(groups, dtype=np.int64),
        parts=None if parts is None else np.array(parts),
        digest="",
        classes=() if labels is None else tuple(f"class {k}" for k in range(max(labels) + 1)),
    )


def equal_splits(one: Split, other: Split) -> bool:
    """Whether two splits put the same rows into the same parts."""
    return all(
        np.array_equal(getattr(one, part), getattr(other, part))
        for part in ("train", "validation", "test")
    )
