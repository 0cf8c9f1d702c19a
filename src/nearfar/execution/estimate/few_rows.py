"""Few rows of a data set, divided as all of them are, for a stage to be rehearsed on."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.data import Conditions, Dataset, Split, SplitOptions
from nearfar.plan.specs import (
    Data,
    FitSpec,
    PretrainSpec,
    ScoreSpec,
    SolveSpec,
    StageSpec,
)
from nearfar.train.recipe import Recipe

Index = NDArray[np.int64]

LEAST = 4
"""Rows of a part at least: some heads and measures need two on either side."""
ROUNDS = 3
"""Epochs of a rehearsal; the first also warms up, and is not counted."""
PREDEFINED = SplitOptions(kind="predefined")


def few_rows(dataset: Dataset, split: Split, rows: int) -> tuple[Dataset, Split]:
    """Return about ``rows`` rows with their parts said, in the proportions of ``split``.

    As many classes as possible have a training row, and no other row is of a class without one;
    of several targets every part has each.
    """
    share = rows / sum(map(len, (split.train, split.validation, split.test)))
    train = _spread(dataset, split.train, share)
    chosen = {"train": train}
    for part in ("validation", "test"):
        all_of_part: Index = getattr(split, part)
        if dataset.classes:
            trained = np.isin(dataset.targets[all_of_part, 0], dataset.targets[train, 0])
            all_of_part = all_of_part[trained]
        chosen[part] = _spread(dataset, all_of_part, share)
    index = np.sort(np.concatenate(list(chosen.values())))
    parts = np.empty(len(index), dtype="U10")
    found = {}
    for name, some in chosen.items():
        places = np.searchsorted(index, some)
        parts[places] = name
        found[name] = np.sort(places)
    return _taken(dataset, index, parts), Split(**found)


def _taken(dataset: Dataset, index: Index, parts: NDArray[np.str_]) -> Dataset:
    return replace(
        dataset,
        inputs=dataset.inputs.take(torch.from_numpy(index)),
        embeddings={key: found.taken(index) for key, found in dataset.embeddings.items()},
        ids=[dataset.ids[row] for row in index],
        names=[dataset.names[row] for row in index],
        smiles=[dataset.smiles[row] for row in index] if dataset.smiles else [],
        targets=dataset.targets[index],
        groups=dataset.groups[index],
        parts=parts,
        given=None,
    )


def _spread(dataset: Dataset, rows: Index, share: float) -> Index:
    """Return a share of the rows: evenly spread, those first that show every class or target."""
    count = min(max(round(share * len(rows)), LEAST), len(rows))
    if count == len(rows):
        return rows
    targets = dataset.targets[rows]
    first: list[int] = []
    if dataset.classes or dataset.multilabel:
        for column in targets.T:
            first += np.unique(column, return_index=True)[1].tolist()
    elif targets.shape[1] > 1:
        first = [int(np.argmax(~np.isnan(column))) for column in targets.T]
        count = max(count, len(set(first)))
    even = (np.arange(count) * len(rows) // count).tolist()
    chosen: Index = rows[np.sort(list(dict.fromkeys([*first, *even]))[:count])]
    return chosen


def shortened(spec: StageSpec) -> StageSpec:
    """Return a stage as it is rehearsed: on the rows that its data set says, for few epochs.

    On one device, whatever it is planned for.
    """
    spec = replace(spec, environment=spec.environment.alone)
    data = Data(spec.data.digest, PREDEFINED, None, Conditions())
    if isinstance(spec, ScoreSpec):
        return replace(spec, data=data, test=spec.test.model_copy(update={"rows": "all"}))
    if isinstance(spec, PretrainSpec):
        return replace(spec, data=data, recipe=_few_epochs(spec.recipe), keep=())
    start = None if spec.input is None else replace(spec.input, epoch=None)
    if isinstance(spec, FitSpec):
        return replace(spec, data=data, input=start, recipe=_few_epochs(spec.recipe))
    assert isinstance(spec, SolveSpec)
    return replace(spec, data=data, input=start)


def _few_epochs(recipe: Recipe) -> Recipe:
    changed = recipe.model_copy(update={"epochs": ROUNDS, "iterations": None})
    return Recipe.from_plain(changed.to_plain())
