"""What blocks of rows share: which rows a block has, and memory kept from one to the next."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Every view of the samples ``start`` to ``stop`` (not included), views after each other."""

    start: int
    stop: int
    samples: int
    views: int
    device: torch.device

    @cached_property
    def index(self) -> Tensor:
        """int64 (views · samples of the block,): where the rows stand among all rows."""
        view = torch.arange(self.views, device=self.device)[:, None] * self.samples
        return (view + torch.arange(self.start, self.stop, device=self.device)).flatten()

    def own(self, pairs: Tensor) -> Tensor:
        """A view of ``pairs`` (rows of the block, all rows): where a row meets itself."""
        count, width = self.stop - self.start, self.samples * self.views
        stride = (count * width + self.samples, width + 1)
        return pairs.as_strided((self.views, count), stride, pairs.storage_offset() + self.start)


class Scratch:
    """Buffers by name. Fresh ones for every block would cost more in page faults than the sums."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._kept: dict[str, Tensor] = {}

    def empty(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Uninitialised memory that holds until ``name`` is asked for again."""
        size = int(torch.Size(shape).numel())
        kept = self._kept.get(name)
        if kept is None or kept.numel() < size or kept.dtype != dtype:
            kept = self._kept[name] = torch.empty(size, dtype=dtype, device=self._device)
        return kept[:size].view(shape)
