"""The cross-entropy of many linear classifiers on one feature matrix, in one pass over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearfar.heads.solved.logistic import whitening

BLOCK = 2**19
"""Numbers of a block of rows: larger than for a single head, since each has more to do."""

RESOLVED = 1e-6
"""Part of its mean, in the kept units, that a column has to vary by: float32 says no less."""


@dataclass(frozen=True)
class Learner:
    """Number ``part`` of the row sets is what it learns from, towards ``targets`` (m, classes)."""

    part: int
    targets: NDArray[np.float64]

    @property
    def classes(self) -> int:
        """How many outputs it has."""
        return len(self.targets[0])


@dataclass(frozen=True)
class _Truths:
    """Distinct ``targets`` (t, classes, rows), and which of them each learner has."""

    targets: Tensor
    which: dict[int, int]


@dataclass(frozen=True)
class _Group:
    """Rows ``x`` (r, d) that belong to the same ``parts``, and classes → truths of its learners."""

    x: Tensor
    parts: frozenset[int]
    truths: dict[int, _Truths]


class SharedRows:
    """Rows of one matrix, some of which each ``Learner`` learns from.

    ``parts`` are distinct sets of rows, int64 (m,), ascending. Rows are brought together that
    belong to the same parts, so that a block of them is multiplied by the weights of all its
    learners at once, and by no others. The matrix is kept once, its columns brought to mean 0 and
    deviation 1 over all rows in use; that a learner's rows have another mean and deviation
    (``mean``, ``inverse_deviation``: float64 (parts, d), in units of the kept matrix) is a change
    of its weights. A column that does not vary over a part has 0 in the place of 1/deviation.
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        parts: Sequence[NDArray[np.int64]],
        learners: Sequence[Learner],
    ) -> None:
        self.learners = learners
        member = membership(parts, len(features))
        numbers = group_numbers(member)
        order = np.argsort(numbers, kind="stable")
        order = order[np.searchsorted(numbers[order], 0) :]
        self.x = torch.from_numpy(features[order].astype(np.float32, copy=False))
        self.count = [len(part) for part in parts]
        self.shift, self.unit = whitening.standardise(self.x)
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        self.groups = [
            self._group(member, order, int(begin), int(end))
            for begin, end in zip(starts, [*starts[1:], len(order)], strict=True)
        ]
        self.positions = [np.flatnonzero(of_part[order]) for of_part in member]
        self._standardise()

    def _group(self, member: NDArray[np.bool_], order: NDArray[np.int64], b: int, e: int) -> _Group:
        """Return the group of the rows from ``b`` to ``e``."""
        parts = frozenset(np.flatnonzero(member[:, order[b]]).tolist())
        places = {part: np.cumsum(member[part])[order[b:e]] - 1 for part in parts}
        found: dict[int, tuple[list[NDArray[np.float64]], dict[int, int]]] = {}
        for number, learner in enumerate(self.learners):
            if learner.part in parts:
                distinct, which = found.setdefault(learner.classes, ([], {}))
                targets = learner.targets[places[learner.part]]
                same = (k for k, other in enumerate(distinct) if np.array_equal(targets, other))
                which[number] = next(same, len(distinct))
                if which[number] == len(distinct):
                    distinct.append(targets)
        truths = {
            classes: _Truths(torch.from_numpy(np.stack(distinct)).float().mT.contiguous(), which)
            for classes, (distinct, which) in found.items()
        }
        return _Group(self.x[b:e], parts, truths)

    def _standardise(self) -> None:
        """Take mean and deviation over every part, from sums over groups."""
        total = self.shift.new_zeros(2, len(self.count), len(self.shift))
        for group in self.groups:
            for (some,) in whitening.blocks(group.x):
                wide = some.double()
                sums = torch.stack([wide.sum(0), wide.square_().sum(0)])
                total[:, sorted(group.parts)] += sums[:, None]
        mean, square = total / torch.tensor(self.count)[:, None]
        deviation = (square - mean.square()).clamp_(min=0).sqrt()
        varies = whitening.varies(deviation * self.unit, self.shift + mean * self.unit)
        varies &= deviation > RESOLVED * mean.abs()
        self.mean = mean
        self.inverse_deviation = torch.where(varies, 1 / deviation, 0.0)

    def covariance(self, part: int, most: int) -> Tensor:
        """Return the covariance of standardised features over at most so many rows of a part."""
        some = self.positions[part]
        some = some[whitening.spaced(len(some), most)]
        x = (self.x[some] - self.mean[part].float()) * self.inverse_deviation[part].float()
        return whitening.covariance(x)

    def scaling(self, number: int) -> tuple[Tensor, Tensor]:
        """Return mean and 1/deviation (d,) of the features as given over a learner's rows."""
        part = self.learners[number].part
        mean = self.shift + self.mean[part] * self.unit
        return mean, self.inverse_deviation[part] / self.unit

    def cross_entropy(
        self, running: Tensor, weight: Tensor, intercept: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean cross-entropies (k,), float64, and gradients, of the learners ``running``.

        These, int64 (k,), are ordered by their classes; ``weight`` (Σ classes, d) and ``intercept``
        (Σ classes,) of all, float64, one after the other, refer to features standardised over the
        learner's own rows, and so do the gradients, which have the same shapes.
        """
        part = torch.tensor([self.learners[k].part for k in running])
        classes = torch.tensor([self.learners[k].classes for k in running])
        of_row = torch.arange(len(running)).repeat_interleave(classes)
        scale, mean = self.inverse_deviation[part[of_row]], self.mean[part[of_row]]
        weight = weight * scale
        bias = (intercept - (weight * mean).sum(1)).float()
        narrow = weight.float()
        loss = weight.new_zeros(len(running))
        grad, bias_grad = torch.zeros_like(weight), torch.zeros_like(intercept)
        for group in self.groups:
            mine = torch.tensor([int(p) in group.parts for p in part])
            if mine.any():
                rows = mine[of_row].nonzero()[:, 0]
                slabs = _slabs(group, running[mine].tolist())
                found = _pass(group.x, slabs, narrow[rows], bias[rows])
                loss[mine] += found[0]
                grad[rows] += found[1]
                bias_grad[rows] += found[2]
        count = torch.tensor(self.count, dtype=torch.float64)[part]
        grad = (grad - bias_grad[:, None] * mean) * scale / count[of_row, None]
        return loss / count, grad, bias_grad / count[of_row]


def membership(parts: Sequence[NDArray[np.int64]], count: int) -> NDArray[np.bool_]:
    """Return which of ``count`` rows belong to which part, (parts, count)."""
    member = np.zeros((len(parts), count), dtype=np.bool_)
    for of_part, rows in zip(member, parts, strict=True):
        of_part[rows] = True
    return member


def group_numbers(member: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number rows (n,) by the parts that they belong to, ``member`` (parts, n).

    Rows of no part are -1, groups are numbered from 0.
    """
    numbers = np.zeros(member.shape[1], dtype=np.int64)
    for of_part in member:
        codes = 2 * numbers + of_part
        numbers = (np.cumsum(np.bincount(codes) > 0) - 1)[codes]
    return numbers if member.any(0).all() else numbers - 1


def _slabs(group: _Group, numbers: list[int]) -> list[tuple[int, Tensor]]:
    """Return, for learners of equal classes each, how many these are and their targets.

    Targets are (1 or k, classes, rows).
    """
    slabs = []
    for truths in group.truths.values():
        which = [truths.which[number] for number in numbers if number in truths.which]
        if which:
            first = which[0]
            same = len(set(which)) == 1
            targets = truths.targets[first : first + 1] if same else truths.targets[which]
            slabs.append((len(which), targets))
    return slabs


def _pass(
    x: Tensor, slabs: list[tuple[int, Tensor]], weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the summed cross-entropies over the rows ``x`` (r, d), and their gradients.

    Outputs are held as (learners, classes, rows): every operation runs along contiguous rows.
    """
    counts = [count for count, _ in slabs]
    sizes = [count * targets.shape[1] for count, targets in slabs]
    loss = torch.zeros(sum(counts), dtype=torch.float64)
    grad = torch.zeros_like(weight)
    bias_grad = torch.zeros(len(bias), dtype=torch.float64)
    memory, end = torch.empty(2, 0), 0
    for (some,) in whitening.blocks(x, numbers=BLOCK):
        begin, end = end, end + len(some)
        if memory.shape[1] != len(bias) * len(some):
            memory = torch.empty(2, len(bias) * len(some))
        outputs, spare = memory.view(2, len(bias), -1)
        torch.addmm(bias[:, None], weight, some.T, out=outputs)
        own = torch.split(loss, counts), torch.split(outputs, sizes), torch.split(spare, sizes)
        for (count, targets), total, scores, scratch in zip(slabs, *own, strict=True):
            shape = (count, targets.shape[1], -1)
            total += _excess(scores.view(shape), targets[:, :, begin:end], scratch.view(shape))
        grad.addmm_(outputs, some)
        bias_grad += outputs.sum(1)
    return loss, grad.double(), bias_grad


def _excess(scores: Tensor, truth: Tensor, scratch: Tensor) -> Tensor:
    """Turn scores (k, classes, rows) into probability - truth; return summed losses (k,)."""
    scores.sub_(scores.amax(1, keepdim=True))
    right = torch.mul(scores, truth, out=scratch).sum(1)
    total = scores.exp_().sum(1, keepdim=True)
    scores.mul_(total.reciprocal()).sub_(truth)
    return total[:, 0].log_().sub_(right).sum(1, dtype=torch.float64)
