"""Denominators and their gradient for sorted labels, one row after another, in machine code.

With samples sorted by label, the order of row a from far to near is a merge of two runs: its left
neighbours from the first one upward and its right neighbours from the last one downward. Compiled
by numba at the first call, or read from its cache; nothing else in the package imports numba.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.rnc.order import LATTICE_TOLERANCE, OFFSET

FAR_OUT = 1 << 62
"""Lattice value before the first sample (negative) and after the last: farther than any label."""
LOOKED_AT = 64
"""Neighbours looked at together for ties."""
ONE = np.uintp(1)


def _compiled(function: Callable[..., Any]) -> Any:
    try:
        return njit(error_model="numpy", nogil=True, cache=True)(function)
    except RuntimeError:  # nowhere to keep a cache
        return njit(error_model="numpy", nogil=True)(function)


@_compiled
def _merge(lattice: Any, own: int, order: Any, far: Any) -> int:
    """Fill ``order`` (places in ``lattice``, far to near) and ``far`` (the differences).

    Both ends are merged at once, without branches. Gives the position of ``own`` itself.
    """
    count = len(order)
    value = lattice[own + 1]
    low, high = np.uintp(own), np.uintp(own + 2)
    while lattice[low] == value:
        low -= ONE
    while lattice[high] == value:
        high += ONE
    others = count - np.intp(high - low - ONE)
    left, right, near_left, near_right = ONE, np.uintp(count), low, high
    for position in range((others + 1) // 2):
        below, above = value - lattice[left], lattice[right] - value
        is_left = below > above
        order[position] = left if is_left else right
        far[position] = max(below, above)
        left += np.uintp(is_left)
        right -= np.uintp(not is_left)
        below, above = value - lattice[near_left], lattice[near_right] - value
        is_left = below <= above
        order[others - 1 - position] = near_left if is_left else near_right
        far[others - 1 - position] = min(below, above)
        near_left -= np.uintp(is_left)
        near_right += np.uintp(not is_left)
    for equal in range(count - others):
        order[others + equal] = low + ONE + np.uintp(equal)
        far[others + equal] = 0
    return int(others + own - np.intp(low))


@_compiled
def _any_tie(far: Any, following: Any, keep: float, step: float) -> bool:
    found = 0
    for p in range(len(far)):
        found += float(following[p]) >= float(far[p]) * keep - step
    return found > 0


@_compiled
def _ties(far: Any, keep: float, step: float, lasts: Any, firsts: Any) -> tuple[int, int]:
    """Fill ``lasts`` with positions and the last that ties with each, ``firsts`` alike.

    A position q ties with an earlier p if far[q] >= far[p] keep - step. Positions that are their
    own last or first are left out. Gives the two lengths.
    """
    count, ends, begins, last = len(far), 0, 0, 0
    for begin in range(0, count, LOOKED_AT):
        stop = min(begin + LOOKED_AT, count - 1)
        if not _any_tie(far[begin:stop], far[begin + 1 : stop + 1], keep, step):
            continue
        for p in range(begin, stop):
            last = max(last, p)
            limit = float(far[p]) * keep - step
            while last + 1 < count and float(far[last + 1]) >= limit:
                last += 1
                firsts[0, begins], firsts[1, begins] = last, p
                begins += 1
            if last > p:
                lasts[0, ends], lasts[1, ends] = p, last
                ends += 1
    return ends, begins


@_compiled
def _accumulate(values: Any) -> None:
    """Prefix sums in the place of ``values``; four additions at a time do not wait."""
    count, total = len(values), 0.0
    whole = count // 4 * 4
    for p in range(0, whole, 4):
        one, three = values[p], values[p + 2]
        two, four = one + values[p + 1], three + values[p + 3]
        values[p], values[p + 1], values[p + 2] = total + one, total + two, total + (two + three)
        total += two + four
        values[p + 3] = total
    for p in range(whole, count):
        total += values[p]
        values[p] = total


@_compiled
def _sum_of_logs(values: Any) -> float:
    """``values`` rise from the first one; few logarithms, of products that stay in range."""
    count, logs, product = len(values), 0.0, 1.0
    whole = count // 4 * 4 if values[0] > 1e-60 else 0
    for p in range(0, whole, 4):
        product *= (values[p] * values[p + 1]) * (values[p + 2] * values[p + 3])
        if not 1e-60 < product < 1e200:
            logs += math.log(product)
            product = 1.0
    for p in range(whole, count):
        logs += math.log(values[p])
    return logs + math.log(product)


@_compiled
def _divide(views: float, denominator: Any, share: Any) -> None:
    for p in range(len(share)):
        share[p] = views / denominator[p]


@_compiled
def _row(
    order: Any, own: int, lasts: Any, firsts: Any, views: float, mass: Any, sums: Any
) -> float:
    """Sum of log denominators of a row; ``mass`` is overwritten by its derivative by itself.

    ``sums``: two arrays (samples) to work in; the first arrives with the prefix sums.
    """
    denominator, share = sums
    for tie in range(lasts.shape[1]):
        denominator[lasts[0, tie]] = denominator[lasts[1, tie]]
    _divide(views, denominator, share)
    share[own] -= 1 / denominator[own]
    _accumulate(share[::-1])
    for tie in range(firsts.shape[1] - 1, -1, -1):
        share[firsts[0, tie]] = share[firsts[1, tie]]
    for p in range(len(order)):
        mass[order[p]] = share[p]
    return float(views * _sum_of_logs(denominator) - math.log(denominator[own]))


@_compiled
def _gather_views(row: Any, mass: Any) -> None:
    samples = len(mass) - 1
    for b in range(samples):
        mass[b + 1] = row[b]
    for start in range(samples, len(row), samples):
        view = row[start : start + samples]
        for b in range(samples):
            mass[b + 1] += view[b]


@_compiled
def _slope(row: Any, share: Any) -> None:
    samples = len(share) - 1
    for start in range(0, len(row), samples):
        view = row[start : start + samples]
        for b in range(samples):
            view[b] = view[b] * share[b + 1] - 1


@_compiled
def _log_sums(
    weight: Any,
    lattice: Any,
    own: Any,
    logs: Any,
    offset: float,
    slack: float,
    tolerance: float,
    smallest: float,
) -> None:
    """See :func:`log_sums`; ``lattice`` stands between minus and plus FAR_OUT."""
    groups, samples = len(own), len(lattice) - 2
    order, far = np.empty(samples, np.uint32), np.empty(samples, np.int64)
    lasts, firsts = np.empty((2, samples), np.uint32), np.empty((2, samples), np.uint32)
    mass, sums = np.empty(samples + 1), (np.empty(samples), np.empty(samples))
    views = float(weight.shape[1] // samples)
    position, ends, begins = 0, 0, 0
    for group in range(groups):
        label, before = lattice[own[group] + 1], lattice[own[max(group - 1, 0)] + 1]
        if group > 0 and label == before:
            position += own[group] - own[group - 1]
        else:
            position = _merge(lattice, own[group], order, far)
            step = (abs(label) + offset) * tolerance + slack
            ends, begins = _ties(far, 1 - tolerance, step, lasts, firsts)
        first_ends = lasts[1, 0] if ends and lasts[0, 0] == 0 else 0
        for row in range(group, len(weight), groups):
            _gather_views(weight[row], mass)
            for p in range(samples):
                sums[0][p] = mass[order[p]]
            _accumulate(sums[0])
            if sums[0][first_ends] < smallest:
                logs[row] = -math.inf
                continue
            tied = lasts[:, :ends], firsts[:, :begins]
            logs[row] = _row(order, position, tied[0], tied[1], views, mass, sums)
            _slope(weight[row], mass)


def log_sums(
    weight: Tensor, lattice: Tensor, own: Tensor, tolerance: float, smallest: float
) -> Tensor:
    """Sums of log denominators of the rows of a block, float64 (rows,), and their derivative.

    A row whose first denominator is below ``smallest`` is not done: -inf.

    Args:
        weight: (copies · groups, views · samples) in float32 or float64, exp(s_ik / T) up to a
            factor per row, the rows of a group ``groups`` rows apart; overwritten by its slope.
        lattice: int64 (samples), the labels, rising; see ``order.py``.
        own: int64 (groups), the sample of a group.
        tolerance: what differences may differ by and be equal, relative.
        smallest: see above.
    """
    logs = torch.empty(len(weight), dtype=torch.float64)
    padded = F.pad(lattice, (1, 1), value=FAR_OUT)
    padded[0] = -FAR_OUT
    arrays = (tensor.numpy() for tensor in (weight, padded, own, logs))
    _log_sums(*arrays, float(OFFSET), float(LATTICE_TOLERANCE), tolerance, smallest)
    return logs
