"""Denominators and their gradient for sorted labels on a GPU, one program a row; needs Triton.

No row is sorted. What is at least as far from sample a as j is a run of samples from the first one
on and another from the last one back, both found by bisection, so a denominator is the sum of a
prefix and a suffix of the row. The gradient's sums run from a outward in both directions. All of
them are sums of positive numbers, in float64, kept on the chip; a row is read twice, written once.
"""

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from nearfar.losses.rnc.order import LATTICE_TOLERANCE, OFFSET

MOST_SAMPLES = 8192
"""A row and its sums must fit on one multiprocessor."""
LEAST_SIZE, SAMPLES_A_WARP, MOST_WARPS = 32, 256, 32


def _compiled(function: Callable[..., Any]) -> Any:
    return triton.jit(function)


@_compiled
def _reached(lattice, value, start, way, length, scale, shift, bound, SIZE: tl.constexpr):  # type: ignore[no-untyped-def]
    """How many of the samples start + way, start + 2 way, ... satisfy a bound; the first ones do.

    The condition is scale · farness + shift >= bound (SIZE,), of ``length`` samples at most.
    """
    count = tl.zeros([SIZE], tl.int32)
    bit = SIZE
    while bit > 0:
        probe = count + bit
        within = probe <= length
        far = tl.abs(tl.load(lattice + start + way * probe, mask=within, other=0) - value)
        count = tl.where(within & (far.to(tl.float64) * scale + shift >= bound), probe, count)
        bit = bit // 2
    return count


@_compiled
def _at(sums, place, there):  # type: ignore[no-untyped-def]
    """``sums`` at ``place``, or zero."""
    return tl.where(there, tl.gather(sums, tl.where(there, place, 0), 0), 0)


@_compiled
def rows(  # type: ignore[no-untyped-def]
    weight,
    lattice,
    own,
    logs,
    firsts,
    samples,
    views,
    groups,
    TOLERANCE: tl.constexpr,
    OFFSET: tl.constexpr,
    SLACK: tl.constexpr,
    SIZE: tl.constexpr,
):
    """See :func:`log_sums`; ``firsts`` receives the first denominator of every row."""
    row, place = tl.program_id(0), tl.arange(0, SIZE)
    middle = tl.load(own + row % groups).to(tl.int32)
    inside = place < samples
    mine = weight + row.to(tl.int64) * samples * views
    mass = tl.zeros([SIZE], tl.float64)
    for view in range(views):
        mass += tl.load(mine + view * samples + place, mask=inside, other=0).to(tl.float64)

    # A Python float would be taken for a float32.
    one, tolerance = tl.full([], 1, tl.float64), tl.full([], TOLERANCE, tl.float64)
    value = tl.load(lattice + middle)
    far = tl.abs(tl.load(lattice + place, mask=inside, other=0) - value).to(tl.float64)
    keep = one - tolerance
    step = (tl.abs(value).to(tl.float64) + OFFSET) * tolerance + SLACK
    limit, left, right = far * keep - step, middle + 1, samples - middle - 1
    below = _reached(lattice, value, -1, 1, left, one, 0, limit, SIZE)
    above = _reached(lattice, value, samples, -1, right, one, 0, limit, SIZE)
    denominator = _at(tl.cumsum(mass, 0), below - 1, below > 0)
    denominator += _at(tl.cumsum(mass, 0, reverse=True), samples - above, above > 0)
    first = tl.min(tl.where(inside, denominator, float("inf")), 0)
    denominator = tl.where(inside, denominator, 1)
    others = tl.where(place == middle, views - 1, tl.where(inside, views, 0)).to(tl.float64)
    tl.store(logs + row, tl.sum(others * tl.log(denominator), 0))
    tl.store(firsts + row, first)

    part = others / denominator
    below = _reached(lattice, value, left, -1, left, -keep, step, -far, SIZE)
    above = _reached(lattice, value, middle, 1, right, -keep, step, -far, SIZE)
    inward = tl.cumsum(tl.where(place <= middle, part, 0), 0, reverse=True)
    outward = tl.cumsum(tl.where(place > middle, part, 0), 0)
    share = _at(inward, left - below, below > 0) + _at(outward, middle + above, above > 0)
    for view in range(views):
        pair = mine + view * samples + place
        tl.store(pair, tl.load(pair, mask=inside, other=0) * share - 1, mask=inside)


def settings(samples: int, tolerance: float) -> dict[str, Any]:
    """What the kernel is compiled for."""
    size = max(triton.next_power_of_2(samples), LEAST_SIZE)
    warps = min(max(size // SAMPLES_A_WARP, 1), MOST_WARPS)
    meant = {"TOLERANCE": tolerance, "OFFSET": OFFSET, "SLACK": LATTICE_TOLERANCE, "SIZE": size}
    return {**meant, "num_warps": warps}


def log_sums(
    weight: Tensor, lattice: Tensor, own: Tensor, tolerance: float, smallest: float
) -> Tensor:
    """See ``kernel_numba.log_sums``, the reference; for ``MOST_SAMPLES`` at most."""
    logs = torch.empty(len(weight), dtype=torch.float64, device=weight.device)
    firsts = torch.empty_like(logs)
    samples = len(lattice)
    counts = (samples, weight.shape[1] // samples, len(own))
    with torch.cuda.device_of(weight):  # type: ignore[no-untyped-call]
        rows[(len(weight),)](
            weight, lattice, own, logs, firsts, *counts, **settings(samples, tolerance)
        )
    return logs.masked_fill_(firsts < smallest, -torch.inf)


def is_right(device: torch.device) -> bool:
    """Whether a small batch comes out as its definition says."""
    lattice = torch.tensor([-3, 0, 1, 1, 9], device=device) << 40
    own = torch.arange(5, device=device)
    weight = torch.linspace(0.1, 2, 25, device=device).view(5, 5).fill_diagonal_(0)
    far = (lattice - lattice[:, None]).abs()
    farther = (far[:, None] >= far[:, :, None]).double()
    denominator = (farther * weight[:, None]).sum(2)
    others = 1 - torch.eye(5, dtype=torch.float64, device=device)
    wanted = (others * denominator.log()).sum(1)
    slope = weight * (farther * (others / denominator)[:, :, None]).sum(1) - 1
    found = log_sums(weight, lattice, own, tolerance=1e-12, smallest=0.0)
    return torch.allclose(found, wanted) and torch.allclose(weight.double(), slope, atol=1e-5)
