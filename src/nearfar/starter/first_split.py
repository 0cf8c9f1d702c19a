"""The split of a first study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from nearfar.data.dataset import Dataset
from nearfar.data.load import load_dataset
from nearfar.data.options import DataOptions, SplitOptions
from nearfar.data.split.folds import one_of_the_others
from nearfar.data.split.splits import split_rows, straddling_groups
from nearfar.errors import UserError

_FOLDED_ROWS = 20_000
"""With as many rows, a tenth of them tells enough."""
_FOLDS = (10, 5, 4, 3)
"""Under three trainings there is no test of significance."""
_RANDOM = 10
"""Splits that are drawn at random, one for each seed."""


def first_split(dataset: Dataset, *, predefined: bool) -> SplitOptions:
    """Return the parts that the data name; else folds where rows are few; else a random split.

    Ten folds, or as many fewer, down to three, as have rows of every class each: without a rare
    class in the tested rows nothing can be said of it. Three, or the next number that works, where
    a class has rows in fewer. Of large groups as many folds as can be, down to three, with
    as much to choose epochs by; a random split where all that is not possible.

    Raises:
        UserError: the rows cannot be divided at all.
    """
    if not predefined and len(dataset) < _FOLDED_ROWS:
        small = [SplitOptions(kind="folds", folds=count) for count in _FOLDS]
        most = min(len(np.unique(dataset.groups)), _FOLDS[0])
        large = [
            SplitOptions(kind="folds", folds=count, validation=one_of_the_others(count))
            for count in range(most, _FOLDS[-1] - 1, -1)
        ]
        for options in (small, large):
            possible = None
            for each in options:
                if _divides(dataset, each, each.folds or 0):
                    if tests_every_class(dataset, each, each.folds or 0):
                        return each
                    possible = each
            if possible is not None:
                return possible
    last = SplitOptions(kind="predefined" if predefined else "random")
    for seed in range(1 if predefined else _RANDOM):
        split_rows(dataset, last, seed)
    return last


def tests_every_class(dataset: Dataset, options: SplitOptions, trainings: int) -> bool:
    """Return whether each of so many trainings tests rows of every class; so of numbers."""
    return all(
        len(np.unique(dataset.targets[split_rows(dataset, options, seed).test, 0]))
        == len(dataset.classes)
        for seed in range(trainings if dataset.classes else 0)
    )


def split_or_without_groups(
    dataset: Dataset,
    chosen: dict[str, Any],
    facts: list[str],
    folder: Path,
    split: Callable[[Dataset], SplitOptions],
    *,
    insists: bool,
) -> tuple[SplitOptions, Dataset]:
    """Return a split, and the data set: without the groups that were found if they allow none.

    Args:
        dataset: as ``chosen`` says.
        chosen: the options of the data; loses a group that allows no split.
        facts: what is told; the line on the group becomes one on what was done.
        folder: where relative paths begin.
        split: finds a split of a data set.
        insists: whether the user named the group.

    Raises:
        UserError: the rows cannot be divided at all.
    """
    try:
        found = split(dataset)
        _tell_of_given_parts(facts, dataset, found)
        return found, dataset
    except UserError as error:
        group = None if insists else chosen.pop("group", None)
        if group is None:
            way_out = " (--group none does without them)" if insists and "group" in chosen else ""
            raise _of(chosen["path"], UserError(f"{error}{way_out}")) from error
        dataset = load_dataset(DataOptions(**{**chosen, "on_bad_rows": "drop"}), folder)
        try:
            found = split(dataset)
        except UserError as again:
            raise _of(chosen["path"], again) from again
        facts[:] = [fact for fact in facts if not fact.startswith(GROUP_FACT.format(group))]
        facts.append(
            f"careful: rows with one value of '{group}' may stand in different parts of a split: "
            f"they cannot be kept together ({error}); --group {quote(group)} insists"
        )
        return found, dataset


def _tell_of_given_parts(facts: list[str], dataset: Dataset, options: SplitOptions) -> None:
    """Say of groups whether parts as given divide them: no group changes these."""
    group = dataset.source.get("group")
    if options.kind != "predefined" or group is None:
        return
    divided = straddling_groups(dataset, split_rows(dataset, options, 0))
    told = f"rows with one value of '{group}' stand in one part each, as the parts are given"
    if divided:
        groups = len(np.unique(dataset.groups))
        told = (
            f"careful: {divided} of {groups} groups by '{group}' have rows in several parts, as "
            "these are given: tests are of rows whose like is learnt from (--part none draws a "
            "split that keeps each group in one part)"
        )
    facts[:] = [told if fact.startswith(GROUP_FACT.format(group)) else fact for fact in facts]


def _of(path: str, error: UserError) -> UserError:
    """The error with the name of the data that it is about."""
    name = Path(path).name
    return error if str(error).startswith(name) else UserError(f"{name}: {error}")


GROUP_FACT = "rows with one value of '{}' stay in one part of a split"


def _divides(dataset: Dataset, options: SplitOptions, trainings: int) -> bool:
    try:
        for seed in range(trainings):
            split_rows(dataset, options, seed)
    except UserError:
        return False
    return True
