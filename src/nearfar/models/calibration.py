"""How far a model errs on rows that it did not see, and the intervals and sets that follow.

Every row that some members were not trained on has the error of their mean. An interval for a new
row is made of these errors around the same members' mean for it: the jackknife+ after bootstrap
of Kim, Xu and Barber ("Predictive inference is free with the jackknife+-after-bootstrap", NeurIPS
2020). Where each row is left out by one member it is the CV+ of Barber, Candès, Ramdas and
Tibshirani ("Predictive inference with the jackknife+", Annals of Statistics 49, 2021), and where
all members leave out the same rows split conformal prediction (Vovk, Gammerman and Shafer,
"Algorithmic learning in a random world", 2005), whose coverage is at least the level if rows are
exchangeable; that of the others is at least 1 - 2 (1 - level), and near the level in practice.

Of classes the error is 1 - probability of the true one (Sadinle, Lei and Wasserman, "Least
ambiguous set-valued classifiers", JASA 114, 2019), joined over members as Romano, Sesia and Candès
do ("Classification with valid and adaptive coverage", NeurIPS 2020). Where a split keeps groups
together, each group counts as one row does (Lee, Barber and Willett, "Distribution-free inference
with hierarchical data", 2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import UserError, shown
from nearfar.models.held_out import HeldOut

Floats = NDArray[np.float64]

LEVEL = 0.9
MOST = 2000
"""Rows that errors are kept of."""
_AT_ONCE = 100_000
"""Numbers at a time: what the processor's own memory holds."""


def checked_level(level: object) -> float:
    """Return the share of rows that intervals and sets are to hold.

    Raises:
        UserError: it is no number from 0.5 to below 1.
    """
    if isinstance(level, Real) and 0.5 <= float(level) < 1:
        return float(level)
    raise UserError(f"level {shown(level)}: allowed: from 0.5 to below 1, such as {LEVEL}")


@dataclass(frozen=True)
class Calibration:
    """Errors of rows that members left out.

    ``out`` is bool (n, members): which did not see a row, at least one each. ``truth`` is (n, k),
    NaN where a row has no such target, and ``guess`` (members, n, k) what members said of it: in
    the target's own unit, or the probability of a label; of classes (k = 1) the probability of the
    true one, whose ``truth`` is 1. ``weights`` (n, k) add up to 1 over those rows of a group that
    have the target. ``source`` says in words which rows they are.
    """

    out: NDArray[np.bool_]
    truth: Floats
    guess: Floats
    weights: Floats
    source: str

    @classmethod
    def of(cls, held_out: HeldOut) -> Self:
        """Take rows that were held out; at most ``MOST``, drawn with a fixed seed."""
        some = np.arange(len(held_out.truth))
        if len(some) > MOST:
            some = np.sort(np.random.default_rng(0).permutation(len(some))[:MOST])
        guess = held_out.guess[:, some]
        truth = held_out.truth[some]
        weights = _shares(held_out.groups[some], ~np.isnan(truth))
        return cls(held_out.out[some], truth, guess, weights, held_out.source)

    @cached_property
    def errors(self) -> Floats:
        """What the mean of those who did not see a row errs by (n, k), NaN if not known."""
        return np.abs(self.truth - mean_of(self.guess, self.out))

    def of_members(self, places: Sequence[int]) -> Self | None:
        """Return the errors of some members alone; None where they left no row out."""
        out = self.out[:, places]
        rows = out.any(axis=1)
        if not rows.any():
            return None
        guess = self.guess[places][:, rows]
        source = self.source if rows.all() else f"{rows.sum()} of {self.source}"
        return type(self)(out[rows], self.truth[rows], guess, self.weights[rows], source)

    def of_mean(self) -> Self:
        """Return the same errors as those of one member: the mean of those that left a row out."""
        out = np.ones((len(self.truth), 1), dtype=bool)
        return replace(self, out=out, guess=mean_of(self.guess, self.out)[None])

    def enough_for(self, level: float, k: int) -> bool:
        """Whether there are errors enough of target ``k`` for an interval that is not infinite."""
        return self._total(k) >= level * (self._total(k) + 1)

    def _total(self, k: int) -> float:
        return float(self.weights[~np.isnan(self.errors[:, k]), k].sum())

    def known(self, k: int) -> tuple[int, str]:
        """Return how many errors of target ``k`` count, and of what: of ``rows`` or ``groups``."""
        return int(self._total(k) + 1e-9), "rows" if self._rows_alone(k) else "groups"

    def _rows_alone(self, k: int) -> bool:
        """Whether no two rows with target ``k`` are of one group."""
        return bool(np.all(self.weights[~np.isnan(self.errors[:, k]), k] == 1))

    def least(self, level: float) -> int:
        """Return how many rows, or groups, a level needs."""
        return int(np.ceil(level / (1 - level) - 1e-9))

    def too_few(self, level: float, k: int) -> str:
        """Return how many errors a level needs, and how many target ``k`` has, as words."""
        count, noun = self.known(k)
        source = self.source.removesuffix(", whole groups")
        within = f", of {source}" if noun == "groups" else f" ({self.source})"
        return f"they need {self.least(level)} held-out {noun}, and there are {count}{within}"

    def _patterns(self, k: int) -> Iterator[tuple[NDArray[np.bool_], Floats, Floats]]:
        """Yield which members left rows out, these rows' errors in ascending order, weights."""
        known = ~np.isnan(self.errors[:, k])
        out, errors, weights = self.out[known], self.errors[known, k], self.weights[known, k]
        patterns, place = np.unique(out, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            mine = np.flatnonzero(place.reshape(-1) == number)
            order = mine[np.argsort(errors[mine])]
            yield pattern, errors[order], weights[order]

    def intervals(self, values: Floats, level: float, k: int) -> tuple[Floats, Floats]:
        """Return the lower and upper ends (n,) for predictions of target ``k`` by each member.

        Args:
            values: (members, n), in the target's own unit.
            level: the share of rows that are to lie within.
            k: the target.
        """
        need = level * (self._total(k) + 1)
        patterns = list(self._patterns(k))
        means = np.stack([values[pattern].mean(axis=0) for pattern, _, _ in patterns], axis=1)
        errors = np.concatenate([found for _, found, _ in patterns])
        weights = np.concatenate([found for _, _, found in patterns])
        which = np.repeat(np.arange(len(patterns)), [len(found) for _, found, _ in patterns])
        if len(patterns) == 1:
            reach = _reached(errors[None], weights, need)
            return means[:, 0] - reach, means[:, 0] + reach
        low, high = np.empty(len(means)), np.empty(len(means))
        step = max(1, _AT_ONCE // len(errors))
        for start in range(0, len(means), step):
            part = slice(start, start + step)
            around = means[part][:, which]
            high[part] = _reached(around + errors, weights, need)
            low[part] = -_reached(errors - around, weights, need)
        return low, high

    def sets(self, chances: Floats, level: float, k: int = 0) -> NDArray[np.bool_]:
        """Return which classes (n, classes) are in the set of each row; never none.

        Args:
            chances: probabilities by each member, (members, n, classes).
            level: the share of rows whose class is to be in its set.
            k: the target.
        """
        need = level * (self._total(k) + 1)
        below = np.zeros(chances.shape[1:])
        for pattern, errors, weights in self._patterns(k):
            scores = 1 - chances[pattern].mean(axis=0)
            cumulated = np.concatenate([[0.0], np.cumsum(weights)])
            below += cumulated[np.searchsorted(errors, scores - 1e-9)]
        inside = below < need - 1e-9
        inside[np.arange(len(inside)), chances.mean(axis=0).argmax(axis=1)] = True
        return np.asarray(inside)


def _shares(groups: NDArray[np.int64], known: NDArray[np.bool_]) -> Floats:
    """Return 1 / how many rows of a row's group are known (n, k); 0 where none is."""
    names, place = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), known.shape[1]))
    np.add.at(counts, place, known)
    return np.asarray(known / np.maximum(counts[place], 1))


def mean_of(guess: Floats, out: NDArray[np.bool_]) -> Floats:
    """Return the mean (n, k) of guesses (members, n, k) over the members ``out`` (n, members)."""
    weights = out.T[:, :, None]
    summed: Floats = np.where(weights, guess, 0).sum(axis=0)
    return np.asarray(summed / weights.sum(axis=0))


def _reached(values: Floats, weights: Floats, need: float) -> Floats:
    """Return each row's smallest of values (n, m) up to which weights (m,) add up to ``need``."""
    if np.all(weights == 1):
        place = min(int(np.ceil(need - 1e-9)), values.shape[1]) - 1
        return np.asarray(np.partition(values, place, axis=1)[:, place])
    order = np.argsort(values, axis=1)
    enough = np.cumsum(weights[order], axis=1) >= need - 1e-9
    place = np.where(enough.any(axis=1), enough.argmax(axis=1), values.shape[1] - 1)
    rows = np.arange(len(values))
    return np.asarray(values[rows, order[rows, place]])
