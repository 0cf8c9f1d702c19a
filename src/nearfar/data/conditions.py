"""What a study changes about the rows to learn from: left out, without a label, mislabelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, Index, Split
from nearfar.data.spelling import composed
from nearfar.data.split.place import place_rows
from nearfar.data.split.stratified import draw
from nearfar.errors import UserError, nearest

Unseen = tuple[float, float] | tuple[str, ...]
"""Targets from the first to the second number, both included; or classes."""

_SMALLEST = 2


@dataclass(frozen=True)
class Conditions:
    """Under which conditions rows are learnt from; the default changes nothing."""

    unseen: Unseen | None = None
    """What no training and no validation row has for a target."""
    labels: float = 1.0
    """Fraction of the training rows that have a label."""
    label_noise: float = 0.0
    """Fraction of the labelled training rows whose label is a spurious one."""

    @property
    def draws(self) -> bool:
        """Whether what changes depends on a seed."""
        return self.labels < 1 or self.label_noise > 0

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return the conditions that ``to_plain`` described, among other keys."""
        unseen = plain.get("unseen")
        return cls(
            None if unseen is None else tuple(unseen),
            plain.get("labels", 1.0),
            plain.get("label_noise", 0.0),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return what differs from the default, as plain values."""
        plain: dict[str, Any] = {} if self.unseen is None else {"unseen": list(self.unseen)}
        plain |= {"labels": self.labels} if self.labels < 1 else {}
        return plain | ({"label_noise": self.label_noise} if self.label_noise > 0 else {})


def conditioned(
    dataset: Dataset, split: Split, conditions: Conditions, seed: int
) -> tuple[Dataset, Split]:
    """Return rows as they are to be learnt from; test rows stay as they are.

    What is drawn depends on ``seed`` alone: where a smaller fraction of rows has spurious labels,
    these have them, the same ones, in a larger fraction too.

    Args:
        dataset: the rows.
        split: of its rows.
        conditions: what is to change.
        seed: the run's.

    Returns:
        The data set with spurious targets where there are any, and what is left of the split.

    Raises:
        UserError: fewer than two rows are left of a part, fewer labelled rows than classes, an
            unknown class, groups that are too large for the fraction of labels.
    """
    if conditions.unseen is not None:
        split = _without(dataset, split, conditions.unseen)
    if conditions.labels < 1:
        split = _labelled(dataset, split, conditions.labels, seed)
    if conditions.label_noise > 0:
        dataset = _mislabelled(dataset, split, conditions.label_noise, seed)
    return dataset, split


def is_unseen(dataset: Dataset, unseen: Unseen) -> npt.NDArray[np.bool_]:
    """Return which rows (n,) have such a target.

    Raises:
        UserError: an unknown class, classes where numbers are predicted or the other way round, or
            several targets.
    """
    target = dataset.targets[:, 0]
    if dataset.multilabel:
        raise UserError("unseen: is for one class or number a row, and this study has labels")
    if dataset.classes:
        names = [composed(str(name)) for name in unseen]
        for name in names:
            if name not in dataset.classes:
                known = nearest(name, dataset.classes)
                raise UserError(f"unseen: no class is called {name!r}; {known}")
        return np.isin(target, [dataset.classes.index(name) for name in names])
    numbers = [bound for bound in unseen if not isinstance(bound, str)]
    if len(numbers) != 2:
        raise UserError("unseen: needs [lowest, highest] where numbers are predicted")
    if dataset.targets.shape[1] > 1:
        raise UserError("unseen: is a range of one target, and this study has several")
    inside: npt.NDArray[np.bool_] = (target >= numbers[0]) & (target <= numbers[1])
    return inside


def _without(dataset: Dataset, split: Split, unseen: Unseen) -> Split:
    """Return the split without training and validation rows that have such a target."""
    out = is_unseen(dataset, unseen)
    kept = {"train": split.train, "validation": split.validation}
    kept = {part: rows[~out[rows]] for part, rows in kept.items()}
    for part, rows in kept.items():
        if len(rows) < _SMALLEST:
            raise UserError(f"unseen: leaves {len(rows)} {part} rows, at least {_SMALLEST} needed")
    tested = int(np.count_nonzero(out[split.test]))
    if not 0 < tested < len(split.test):
        raise UserError(
            f"unseen: {tested} of {len(split.test)} test rows have such a target, so nothing could "
            f"be compared"
        )
    return Split(**kept, test=split.test)


def _labelled(dataset: Dataset, split: Split, fraction: float, seed: int) -> Split:
    """Return the split with this fraction of its training rows: those that have a label.

    Of classes they are drawn in proportion, with at least one row of each. Where the data name a
    column of groups, whole groups are drawn, and the number of rows is nearly the wished one: some
    rows of every group would say almost as much as all of them.
    """
    size = min(max(round(fraction * len(split.train)), _SMALLEST), len(split.train))
    rng = np.random.default_rng([seed, 1])
    present = len(set(dataset.targets[split.train, 0].tolist())) if dataset.classes else 0
    if size < present:
        raise UserError(
            f"labels: {fraction:g} of {len(split.train)} training rows are {size}, fewer than the "
            f"{present} classes"
        )
    if dataset.source.get("group") is not None:
        chosen = _whole_groups(dataset, split.train, size, rng)
    elif dataset.classes:
        chosen = draw(dataset.targets[split.train, 0].astype(np.int64), size, rng)
    else:
        chosen = np.sort(rng.permutation(len(split.train))[:size])
    return Split(split.train[chosen], split.validation, split.test)


def _whole_groups(dataset: Dataset, rows: Index, size: int, rng: np.random.Generator) -> Index:
    """Return which of ``rows`` are in groups that are drawn until ``size`` rows are together."""
    part = place_rows(dataset, rows, (size, 0, len(rows) - size), rng)
    chosen = np.flatnonzero(part == 0)
    if not size / 2 <= len(chosen) <= size * 2:
        raise UserError(
            f"labels: groups are too large to draw {size} of {len(rows)} training rows: "
            f"{len(chosen)} would be; choose a larger fraction or smaller groups"
        )
    lacking = set(dataset.targets[rows, 0]) - set(dataset.targets[rows[chosen], 0])
    if dataset.classes and lacking:
        name = dataset.classes[int(min(lacking))]
        raise UserError(f"labels: class '{name}' has no row in the {len(chosen)} that are drawn")
    return chosen


def _mislabelled(dataset: Dataset, split: Split, fraction: float, seed: int) -> Dataset:
    """Return the data set with spurious targets in this fraction of the training rows.

    A row takes the targets of another training row, drawn at random, so that they keep their
    distribution and lose their meaning. Of classes, it takes another than its own.
    """
    rows = split.train
    rng = np.random.default_rng([seed, 2])
    order, lots = rng.permutation(len(rows)), rng.random(len(rows))
    changed = order[: round(fraction * len(rows))]
    targets = dataset.targets.copy()
    if dataset.classes:
        present, number = np.unique(dataset.targets[rows, 0], return_inverse=True)
        others = _others(number[changed], lots[changed], len(present))
        targets[rows[changed], 0] = present[others]
    else:
        others = _others(changed, lots[changed], len(rows))
        targets[rows[changed]] = dataset.targets[rows[others]]
    return replace(dataset, targets=targets)


def _others(numbers: Index, lots: npt.NDArray[np.float64], count: int) -> Index:
    """Return for each number below ``count`` another one; ``lots`` in [0, 1) decide which."""
    shifts = 1 + (lots * (count - 1)).astype(np.int64)
    return (numbers + shifts) % count
