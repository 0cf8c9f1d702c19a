"""Who has which rows of a batch.

A *rank* is one of several processes that train one model. All have the same weights and the same
order of rows. Of a batch each has a share; what it returns as loss is such that the batch's loss is
the mean over ranks, and so is the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Rank:
    """One of ``count`` processes that train a model: its ``number``, from 0.

    ``place`` is the number of its device among those of its machine.
    """

    number: int = 0
    count: int = 1
    place: int = 0

    @property
    def leads(self) -> bool:
        """Whether it is the one that judges, keeps and reports."""
        return self.number == 0


ALONE = Rank()


@dataclass(frozen=True)
class Share:
    """What a rank has of a batch of ``rows`` rows: every ``count``-th, from its own number on.

    A batch with fewer than two rows for each rank is not split: every rank has all of it.
    """

    rank: Rank
    rows: int

    @property
    def is_split(self) -> bool:
        """Whether every rank has other rows."""
        return self.rank.count > 1 and self.rows >= 2 * self.rank.count

    @property
    def size(self) -> int:
        """How many rows the rank has."""
        return len(range(self.rank.number, self.rows, self.rank.count))

    @property
    def part(self) -> tuple[int, int]:
        """The rank's number, and how many ranks there are: what losses take as ``part``."""
        return self.rank.number, self.rank.count

    def of(self, rows: Tensor) -> Tensor:
        """Return the rank's share of the ``rows`` (n, …) of a batch."""
        return rows[self.rank.number :: self.rank.count] if self.is_split else rows


_current: ContextVar[Share | None] = ContextVar("share", default=None)


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """Within the context, the rank computes its part of the loss of a batch; None: all of it."""
    token = _current.set(share)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Share | None:
    """Return the share of the batch whose loss is computed; None where one has all its rows."""
    share = _current.get()
    return share if share is not None and share.is_split else None


WHOLE = (0, 1)


def part() -> tuple[int, int]:
    """Return which part of the anchors' terms of a loss this process computes: (number, of)."""
    share = current()
    return WHOLE if share is None else share.part


def as_mean(loss: Tensor) -> Tensor:
    """Return a part of a loss, of which the parts' sum is the whole, times the number of parts."""
    share = current()
    return loss if share is None else loss * share.rank.count


def by_rows(loss: Tensor) -> Tensor:
    """Return the mean loss of a rank's own rows, weighted by how many of the batch's these are."""
    share = current()
    return loss if share is None else loss * (share.rank.count * share.size / share.rows)
