"""Batches that go through the encoder in chunks, for those that do not fit at once.

GradCache (Gao et al. 2021, arXiv:2101.06983): features of all chunks are computed without keeping
activations; the loss is that of the whole batch, of all features; its gradient then flows back
through one chunk after the other, each computed once more with the random numbers that it had.
So a loss that compares rows stays what it is, which adding up the gradients of small batches
would change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from nearfar.ranks.share import current, sharing
from nearfar.train.randomness import random_state, set_random_state


@contextmanager
def chunked(module: nn.Module, size: int | None) -> Iterator[None]:
    """Within the context, parts of ``module`` take ``size`` rows of what they are given at a time.

    Parts are those that ``module.chunked`` names, its ``encoder`` unless it says so. Chunks of a
    batch are as equal as can be; each view of a row counts as one. Batch norm takes its statistics
    from each chunk, and its running ones move once for each. None: nothing changes. There is no
    second derivative.

    Raises:
        ValueError: ``module`` has no such part.
    """
    if size is None:
        yield
        return
    with ExitStack() as stack:
        for name in getattr(module, "chunked", ("encoder",)):
            part: Any = getattr(module, name, None)
            if part is None:
                raise ValueError(f"{type(module).__name__} has no {name} that chunks go through")
            part.forward = partial(_in_chunks, part, part.forward, size)
            stack.callback(part.__dict__.pop, "forward")
        yield


def _in_chunks(part: nn.Module, forward: Callable[[Any], Tensor], size: int, given: Any) -> Tensor:
    rows = len(given)
    count = _count(rows, size)
    if count < 2:
        return forward(given)
    chunks = _cut(given, rows, count)
    weights = [p for p in part.parameters() if p.requires_grad]
    if not torch.is_grad_enabled() or not (weights or getattr(given, "requires_grad", False)):
        return torch.cat([forward(chunk) for chunk in chunks])
    found = []
    for chunk in chunks:
        again = _Again.of(part, forward)
        features: Tensor = _Chunk.apply(again, chunk, *weights)  # type: ignore[no-untyped-call]
        found.append(features)
    return torch.cat(found)


def _count(rows: int, size: int) -> int:
    """Return the number of chunks, the same on all ranks, whose shares differ by a row a view."""
    share = current()
    if share is not None:
        most = -(-share.rows // share.rank.count)
        rows = -(-rows * most // share.size)
    return -(-rows // size)


def _cut(given: Any, rows: int, count: int) -> Iterator[Any]:
    """Yield ``count`` consecutive parts of a batch, a tensor or with ``rows_between(begin, end)``.

    Raises:
        TypeError: it cannot be cut.
    """
    if not isinstance(given, Tensor) and not hasattr(given, "rows_between"):
        raise TypeError(f"chunk: a {type(given).__name__} of rows cannot be cut into chunks")
    ends = [rows * number // count for number in range(count + 1)]
    for begin, end in pairwise(ends):
        yield given[begin:end] if isinstance(given, Tensor) else given.rows_between(begin, end)


class _Chunk(torch.autograd.Function):
    """What a part makes of a chunk; nothing is kept for the way back but the chunk."""

    @staticmethod
    def forward(ctx: Any, again: _Again, chunk: Any, *weights: Tensor) -> Tensor:
        ctx.again, ctx.chunk, ctx.weights = again, chunk, weights
        return again.forward(chunk)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        chunk, sources, own = ctx.chunk, list(ctx.weights), ctx.needs_input_grad[1]
        if own:
            chunk = chunk.detach().requires_grad_()
            sources.insert(0, chunk)
        features = ctx.again(chunk)
        grads = torch.autograd.grad(features, sources, upstream, allow_unused=True)
        return None, *(() if own else (None,)), *grads


@dataclass(frozen=True)
class _Again:
    """A part as it is about to see a chunk, to compute it once more in the same way.

    That is: with the same random numbers, precision, share of the ranks, and with what batch norms
    have in the place of their ``forward`` (``acting``).
    """

    part: nn.Module
    forward: Callable[[Any], Tensor]
    device: torch.device
    drawn: Any
    autocast: tuple[bool, torch.dtype]
    share: Any
    acting: dict[nn.Module, Any]

    @classmethod
    def of(cls, part: nn.Module, forward: Callable[[Any], Tensor]) -> _Again:
        """Take all that down."""
        device = next((p.device for p in part.parameters()), torch.device("cpu"))
        kind = device.type
        norms = (module for module in part.modules() if isinstance(module, _BatchNorm))
        return cls(
            part,
            forward,
            device,
            random_state(device),
            (torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)),
            current(),
            {norm: norm.__dict__.get("forward") for norm in norms},
        )

    def __call__(self, chunk: Any) -> Tensor:
        """Return what the part made of a chunk, with a graph; nothing else of the part changes."""
        enabled, dtype = self.autocast
        with (
            torch.enable_grad(),
            torch.autocast(self.device.type, dtype=dtype, enabled=enabled),
            sharing(self.share),
            self._as_it_was(),
        ):
            return self.forward(chunk)

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        now = random_state(self.device)
        acting = {norm: norm.__dict__.get("forward") for norm in self.acting}
        buffers = [(buffer, buffer.clone()) for buffer in self.part.buffers()]
        set_random_state(self.drawn)
        _let_act(self.acting)
        try:
            yield
        finally:
            _let_act(acting)
            set_random_state(now)
            for buffer, value in buffers:
                buffer.data.copy_(value)


def _let_act(forwards: dict[nn.Module, Any]) -> None:
    for norm, forward in forwards.items():
        norm.__dict__.pop("forward", None)
        if forward is not None:
            norm.__dict__["forward"] = forward
