"""Sorted labels: compiled code walks every row's order, and nothing of it is stored."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol
from warnings import warn

import torch
from torch import Tensor

from nearfar.losses.rnc.order import KEY_BITS, ComparedLabels, OrderBlock
from nearfar.losses.rnc.scratch import Scratch


class Kernel(Protocol):
    """Compiled code for one kind of device; what it does is said in ``kernel_numba.log_sums``."""

    def log_sums(
        self, weight: Tensor, lattice: Tensor, own: Tensor, tolerance: float, smallest: float
    ) -> Tensor: ...


class WalkedLabels:
    """One-dimensional labels, sorted once for the batch."""

    def __init__(self, labels: Tensor, views: int, tolerance: float, kernel: Kernel) -> None:
        """``labels``: float64 (n,), finite."""
        self.samples, self.tolerance, self.kernel = len(labels), tolerance, kernel
        ordered, self.permutation = labels.sort()
        top = ordered.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
        fine = 2.0 ** (KEY_BITS - self.samples.bit_length())
        self.lattice = (ordered / top * fine).round_().long()
        column, sizes = ordered[:, None], ordered.abs()
        self.stored = partial(ComparedLabels, column, _apart, sizes, views, tolerance)

    def block(self, start: int, stop: int, scratch: Scratch) -> "WalkedBlock":
        """The order of samples ``start`` to ``stop`` (not included), in the sorted batch."""
        return WalkedBlock(self, torch.arange(start, stop, device=self.lattice.device))


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
        labels = self.labels
        kernel = labels.kernel
        return kernel.log_sums(weight, labels.lattice, self.samples, labels.tolerance, smallest)


def kernel_for(device: torch.device, samples: int) -> Kernel | None:
    """The compiled code for so many labels on a device, or None where there is none."""
    if device.type == "cpu":
        return _on_processor()
    if device.type != "cuda":
        return None
    kernel = _on_gpu()
    return kernel if kernel is not None and samples <= kernel.MOST_SAMPLES else None


@cache
def _on_processor() -> Kernel | None:
    try:
        from nearfar.losses.rnc import kernel_numba
    except ImportError:
        return None
    return kernel_numba


@cache
def _on_gpu() -> Any:
    """What Triton compiles, after a trial: it may lack a C compiler or not know the GPU."""
    try:
        from nearfar.losses.rnc import kernel_triton
    except ImportError:
        return None
    try:
        fault = "" if kernel_triton.is_right(torch.device("cuda")) else "wrong numbers"
    except Exception as error:
        fault = f"{type(error).__name__}: {error}".splitlines()[0]
    if fault:
        warn(f"Rank-N-Contrast sorts on this GPU, slower: its kernel fails ({fault})", stacklevel=2)
    return None if fault else kernel_triton
