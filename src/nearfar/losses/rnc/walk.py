"""Sorted labels on a CPU: compiled code walks every row's order, and nothing of it is stored."""

from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional as F

from nearfar.losses.rnc.order import (
    KEY_BITS,
    LATTICE_TOLERANCE,
    OFFSET,
    ComparedLabels,
    OrderBlock,
)
from nearfar.losses.rnc.scratch import Scratch


class WalkedLabels:
    """One-dimensional labels on a CPU, sorted once for the batch; needs numba."""

    def __init__(self, labels: Tensor, views: int, tolerance: float) -> None:
        """``labels``: float64 (n,), finite."""
        self.samples, self.tolerance = len(labels), tolerance
        ordered, self.permutation = labels.sort()
        top = ordered.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
        fine = 2.0 ** (KEY_BITS - self.samples.bit_length())
        lattice = (ordered / top * fine).round_().long()
        kernel = compiled_kernel()
        assert kernel is not None
        self.padded = F.pad(lattice, (1, 1), value=kernel.FAR_OUT)
        self.padded[0] = -kernel.FAR_OUT
        column, sizes = ordered[:, None], ordered.abs()
        self.stored = partial(ComparedLabels, column, _apart, sizes, views, tolerance)

    def block(self, start: int, stop: int, scratch: Scratch) -> "WalkedBlock":
        """The order of samples ``start`` to ``stop`` (not included), in the sorted batch."""
        return WalkedBlock(self, torch.arange(start, stop))


def _apart(some: Tensor, labels: Tensor) -> Tensor:
    return (some - labels.T).abs_()


@dataclass(frozen=True)
class WalkedBlock:
    """The order of a few ``samples``, int64 (r,)."""

    labels: WalkedLabels
    samples: Tensor

    @property
    def rows(self) -> int:
        return self.samples.shape[0]

    def take(self, rows: Tensor) -> "WalkedBlock":
        """The order of ``rows`` (int64, with repeats) of the rows."""
        return WalkedBlock(self.labels, self.samples[rows])

    def stored(self, scratch: Scratch) -> OrderBlock:
        """The same as tensors."""
        first, last = int(self.samples.min()), int(self.samples.max())
        whole = self.labels.stored().block(first, last + 1, scratch)
        return whole.take(self.samples - first)

    def log_sums(self, weight: Tensor, smallest: float) -> Tensor:
        """See ``sums.log_sums``."""
        kernel = compiled_kernel()
        assert kernel is not None
        logs = torch.empty(len(weight), dtype=torch.float64)
        kernel.log_sums(
            weight.numpy(),
            self.labels.padded.numpy(),
            self.samples.numpy(),
            logs.numpy(),
            float(OFFSET),
            float(LATTICE_TOLERANCE),
            self.labels.tolerance,
            smallest,
        )
        return logs


@cache
def compiled_kernel() -> ModuleType | None:
    """The module of compiled code, or None without numba."""
    try:
        from nearfar.losses.rnc import kernel
    except ImportError:
        return None
    return kernel
