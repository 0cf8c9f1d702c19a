"""Two halves of a data set that have no group in common, for studies of transfer."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from nearfar.data.dataset import Dataset, Index, content_digest
from nearfar.data.split.groups import merged_groups, scaffold_groups
from nearfar.errors import UserError

Half = Literal["first", "second"]


def half_of(dataset: Dataset, half: Half) -> Dataset:
    """Return about half of the rows, in their order.

    Rows of one group, and molecules with the same Bemis-Murcko scaffold, stay together: groups,
    from the largest to the smallest, go to the half that has fewer rows. The two halves are so the
    same whenever they are asked for, and unlike each other.

    Raises:
        UserError: one group has so many rows that the other half would have less than a quarter.
    """
    rows = np.flatnonzero(_second(dataset) == (half == "second"))
    if min(len(rows), len(dataset) - len(rows)) < len(dataset) / 4:
        raise UserError(
            f"data: half: groups are too large to halve {len(dataset)} rows: one half would have "
            f"{min(len(rows), len(dataset) - len(rows))}"
        )
    return _taken(dataset, rows)


def _second(dataset: Dataset) -> Index:
    """Return 1 for every row of the second half, 0 for the others."""
    alone = merged_groups([dataset.groups.tolist()], len(dataset))
    groups = scaffold_groups(dataset) if dataset.smiles else alone
    counts = np.bincount(groups)
    place, sizes = np.zeros(len(counts), dtype=np.int64), [0, 0]
    for group in np.argsort(-counts, kind="stable"):
        place[group] = sizes[1] < sizes[0]
        sizes[place[group]] += int(counts[group])
    return np.asarray(place[groups])


def _taken(dataset: Dataset, rows: Index) -> Dataset:
    """Return these rows alone."""
    _, groups = np.unique(dataset.groups[rows], return_inverse=True)
    chosen = replace(
        dataset,
        inputs=dataset.inputs.take(torch.from_numpy(rows)),
        ids=[dataset.ids[row] for row in rows],
        names=[dataset.names[row] for row in rows],
        keys=None if dataset.keys is None else [dataset.keys[row] for row in rows],
        smiles=[dataset.smiles[row] for row in rows] if dataset.smiles else [],
        targets=np.ascontiguousarray(dataset.targets[rows]),
        groups=groups.astype(np.int64),
        parts=None if dataset.parts is None else dataset.parts[rows],
        source={**dataset.source, "used": len(rows)},
    )
    digest = content_digest(
        chosen,
        chosen.targets,
        chosen.target_names,
        chosen.groups,
        chosen.parts,
        chosen.classes,
        multilabel=chosen.multilabel,
    )
    return replace(chosen, digest=digest)
