"""What blocks of rows share: which rows a block has, and memory kept from one to the next."""

import threading
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Every view of the samples ``start`` to ``stop`` (not included), views after each other."""

    start: int
    stop: int
    samples: int
    views: int

    @property
    def count(self) -> int:
        return (self.stop - self.start) * self.views

    def of(self, table: Tensor) -> Tensor:
        """The rows out of ``table`` (all rows, width)."""
        return self.inside(table).flatten(0, 1)

    def inside(self, table: Tensor) -> Tensor:
        """A view of them, (views, samples of the block, width)."""
        return table.view(self.views, self.samples, -1)[:, self.start : self.stop]

    def number(self, row: Tensor) -> Tensor:
        """Numbers among all rows, int64, of rows numbered within the block."""
        samples = self.stop - self.start
        return row // samples * self.samples + row % samples + self.start

    def own(self, pairs: Tensor) -> Tensor:
        """A view of ``pairs`` (rows of the block, all rows): where a row meets itself."""
        count, width = self.stop - self.start, self.samples * self.views
        stride = (count * width + self.samples, width + 1)
        return pairs.as_strided((self.views, count), stride, pairs.storage_offset() + self.start)


class Scratch:
    """Buffers by name. Fresh ones for every block would cost more in page faults than the sums."""

    _of_thread = threading.local()

    @classmethod
    def of(cls, device: torch.device) -> "Scratch":
        """A scratch for one call; on a CPU the thread keeps it for the next call."""
        if device.type != "cpu":
            return cls(device)
        if not hasattr(cls._of_thread, "kept"):
            cls._of_thread.kept = cls(device)
        kept: Scratch = cls._of_thread.kept
        return kept

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
