"""Many logistic (softmax) regressions on one feature matrix, solved together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearfar.heads.solved.logistic import whitening
from nearfar.heads.solved.logistic.head import Logistic
from nearfar.heads.solved.logistic.lbfgs import MEMORY, Descent
from nearfar.heads.solved.logistic.shared_rows import Learner, SharedRows, group_numbers, membership

ROWS_PER_COLUMN = 8
"""Rows that the covariance is taken over for every column: it serves many heads."""

LEAST_GROUP = 512
"""Row sets are shared as long as the groups that they divide the rows into have so many each."""

FEW_GROUPS = 8
"""So many groups are never too many."""

MOST_NUMBERS = 2**27
"""Numbers (float64) that the solvers of heads solved together may keep."""

RAREST = 1e-9
"""Probability with which a class begins that has no rows."""


@dataclass(frozen=True)
class Problem:
    """One head: ``targets`` (m, classes), indicators, of its training ``rows``, int64 (m,)."""

    rows: NDArray[np.int64]
    targets: NDArray[np.float64]
    penalty: float


def solve_together(
    features: NDArray[np.float32], problems: Sequence[Problem], iterations: int = 1000
) -> list[Logistic]:
    """Return for each problem the head that ``Logistic.fit`` gives on its rows of ``features``.

    ``features`` are (n, d). Objective and coordinates are those of ``Logistic``, features are
    standardised over each problem's own rows, and results are equal to the solvers' tolerance.
    One pass over the features serves all heads (``shared_rows.py``), each of which takes its own
    steps (``lbfgs.py``). Rows may have any order, but none may come twice (ValueError).
    """
    ordered = [_ascending(problem) for problem in problems]
    heads = [Logistic(penalty=problem.penalty, iterations=iterations) for problem in problems]
    for bundle in _bundles(ordered, *features.shape):
        solution = _Solution(features, bundle, [ordered[k] for k in bundle.problems])
        solution.find(iterations)
        for place, number in enumerate(bundle.problems):
            heads[number].weight, heads[number].intercept = solution.raw(place)
    return heads


def _ascending(problem: Problem) -> Problem:
    if (np.diff(problem.rows) > 0).all():
        return problem
    rows, order = np.unique(problem.rows, return_index=True)
    if len(rows) < len(problem.rows):
        raise ValueError("a problem has a row twice")
    return Problem(rows, problem.targets[order], problem.penalty)


@dataclass
class _Bundle:
    """Problems that are solved together, by number, and their distinct row sets."""

    problems: list[int] = field(default_factory=list)
    parts: dict[bytes, NDArray[np.int64]] = field(default_factory=dict)
    numbers: int = 0

    def takes(self, number: int, problem: Problem, count: int, columns: int) -> bool:
        """Add a problem, unless memory or the groups of rows do not allow it."""
        numbers = columns * (columns + 2 * MEMORY * problem.targets.shape[1])
        key = problem.rows.tobytes()
        parts = {**self.parts, key: problem.rows}
        if self.problems:
            if self.numbers + numbers > MOST_NUMBERS:
                return False
            most = max(FEW_GROUPS, count // LEAST_GROUP)
            if key not in self.parts and _groups(parts.values(), count) > most:
                return False
        self.problems.append(number)
        self.parts, self.numbers = parts, self.numbers + numbers
        return True


def _groups(parts: Iterable[NDArray[np.int64]], count: int) -> int:
    return int(group_numbers(membership(list(parts), count)).max()) + 1


def _bundles(problems: Sequence[Problem], count: int, columns: int) -> list[_Bundle]:
    bundles: list[_Bundle] = []
    for number in sorted(range(len(problems)), key=lambda k: problems[k].targets.shape[1]):
        if not any(bundle.takes(number, problems[number], count, columns) for bundle in bundles):
            bundles.append(_Bundle())
            bundles[-1].takes(number, problems[number], count, columns)
    return bundles


class _Solution:
    """Heads that are solved together, by ascending classes, in coordinates of their own each."""

    def __init__(
        self, features: NDArray[np.float32], bundle: _Bundle, problems: Sequence[Problem]
    ) -> None:
        place = {key: k for k, key in enumerate(bundle.parts)}
        learners = [Learner(place[one.rows.tobytes()], one.targets) for one in problems]
        self.shared = SharedRows(features, list(bundle.parts.values()), learners)
        self.classes = torch.tensor([learner.classes for learner in learners])
        self.penalty = torch.tensor([one.penalty for one in problems], dtype=torch.float64)
        self.columns = features.shape[1]
        self.inverses = self._inverses()
        self.found: list[Tensor] = []

    def _inverses(self) -> list[Tensor | None]:
        """Return L⁻¹ of each head, where LLᵀ ≈ the Hessian; None where it would not pay."""
        covariances: dict[int, Tensor] = {}
        inverses: list[Tensor | None] = []
        most = max(whitening.FEWEST, ROWS_PER_COLUMN * self.columns)
        for learner, penalty in zip(self.shared.learners, self.penalty, strict=True):
            part, classes = learner.part, learner.classes
            if not whitening.pays(self.shared.count[part], self.columns, classes):
                inverses.append(None)
                continue
            if part not in covariances:
                covariances[part] = self.shared.covariance(part, most)
            factor = whitening.hessian_factor(covariances[part], classes, float(penalty)).float()
            identity = torch.eye(self.columns)
            inverses.append(torch.linalg.solve_triangular(factor, identity, upper=False))
        return inverses

    def find(self, iterations: int) -> None:
        """Descend to the minimum of every head."""
        sizes = sorted(Counter(self.classes.tolist()).items())
        first = [sum(count for _, count in sizes[:k]) for k in range(len(sizes))]
        starts = torch.split(self._starts(), [c * count for c, count in sizes])
        descents = [
            Descent(start.view(count, -1), iterations)
            for start, (_, count) in zip(starts, sizes, strict=True)
        ]
        while True:
            running = torch.cat([d.running + b for d, b in zip(descents, first, strict=True)])
            if not len(running):
                break
            trials = [d.trial.view(-1, self.columns + 1) for d in descents]
            value, grad = self._objective(running, torch.cat(trials))
            values = torch.split(value, [len(d.running) for d in descents])
            grads = torch.split(grad, [len(trial) for trial in trials])
            for descent, v, s in zip(descents, values, grads, strict=True):
                if len(v):
                    descent.take(v, s.reshape(len(v), -1))
        self.found = [
            own.view(-1, self.columns + 1) for descent in descents for own in descent.solutions
        ]

    def _starts(self) -> Tensor:
        """Return no weights, and intercepts that give every class its frequency."""
        frequencies = [learner.targets.mean(0) for learner in self.shared.learners]
        intercept = torch.from_numpy(np.concatenate(frequencies)).clamp_(min=RAREST).log_()
        return torch.cat([intercept.new_zeros(len(intercept), self.columns), intercept[:, None]], 1)

    def _objective(self, running: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return values (k,) and gradients of the heads ``running``, like ``parameters``.

        These are (Σ classes, d + 1): whitened weights and the intercept of every output.
        """
        classes = self.classes[running]
        of_row = torch.arange(len(running)).repeat_interleave(classes)
        weight = self._turned(running, parameters[:, :-1], back=False)
        loss, grad, bias_grad = self.shared.cross_entropy(running, weight, parameters[:, -1])
        penalty = self.penalty[running]
        squares = torch.zeros_like(loss).index_add_(0, of_row, weight.square().sum(1))
        grad += penalty[of_row, None] * weight
        grad = self._turned(running, grad, back=True)
        return loss + penalty / 2 * squares, torch.cat([grad, bias_grad[:, None]], 1)

    def _turned(self, running: Tensor, rows: Tensor, *, back: bool) -> Tensor:
        """Return, head by head, its ``rows`` times L⁻¹, or ``back``, times the transpose of that.

        The products are in float32, and one the exact gradient of the other.
        """
        turned = []
        own = torch.split(rows, self.classes[running].tolist())
        for number, some in zip(running.tolist(), own, strict=True):
            inverse = self.inverses[number]
            if inverse is not None:
                some = (some.float() @ (inverse.T if back else inverse)).double()
            turned.append(some)
        return torch.cat(turned)

    def raw(self, place: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return weight (d, classes) and intercept (classes,) of a head for features as given."""
        running = torch.tensor([place])
        weight = self._turned(running, self.found[place][:, :-1], back=False)
        mean, inverse = self.shared.scaling(place)
        raw = (weight * inverse).T
        return raw.numpy(), (self.found[place][:, -1] - mean @ raw).numpy()
