"""What ranks send each other: features with their gradients, numbers, the gradient of the step.

Collectives of torch.distributed, in its default group; every rank calls the same in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nearfar.ranks.share import current

if TYPE_CHECKING:
    from nearfar.ranks.share import Rank, Share


class _AllGather(torch.autograd.Function):
    """Tensors of equal shape of all ranks, (count, …); on the way back the sum of gradients.

    That of ``torch.distributed.nn`` sends a message to each rank in turn where the backend, as
    gloo, has no sum that is scattered.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        total = upstream.contiguous().clone()
        dist.all_reduce(total)
        own: Tensor = total[dist.get_rank()]
        return own


def of_all(own: Tensor) -> Tensor:
    """Return what all ranks have, (count, …), in their order; gradients flow back to each."""
    found: Tensor = _AllGather.apply(own)  # type: ignore[no-untyped-call]
    return found


def gathered(own: Tensor, dim: int = 0) -> Tensor:
    """Return the rows of the whole batch, in its order, of those that each rank has along ``dim``.

    Gradients flow back to the rank whose row it is, summed over ranks. Where the batch is not
    split it is what was given.
    """
    share = current()
    return own if share is None else _in_order(own, share, dim)


def gathered_or_none(own: Tensor | None) -> Tensor | None:
    """Return ``gathered`` of what is given."""
    return None if own is None else gathered(own)


def _in_order(own: Tensor, share: Share, dim: int) -> Tensor:
    first = own.movedim(dim, 0)
    if len(first) != share.size:
        raise ValueError(
            f"{len(first)} rows, but this process has {share.size} of the batch's {share.rows}"
        )
    most = -(-share.rows // share.rank.count)
    if len(first) < most:
        first = torch.cat([first, first.new_zeros(most - len(first), *first.shape[1:])])
    whole = of_all(first).transpose(0, 1).flatten(0, 1)[: share.rows]
    return whole.movedim(0, dim)


@torch.no_grad()
def total(values: Tensor) -> Tensor:
    """Return the sum over ranks of numbers that each has of its own rows; no gradient flows."""
    if current() is None:
        return values.detach()
    found = values.detach().clone()
    dist.all_reduce(found)
    return found


@torch.no_grad()
def from_first(values: Tensor) -> Tensor:
    """Return what rank 0 has where all have a tensor of this shape, in the place of their own."""
    if current() is None:
        return values
    found = values.contiguous().clone()
    dist.broadcast(found, 0)
    return found


def said_by_first(what: Any) -> Any:
    """Return what rank 0 says, a plain value; the others wait for it."""
    box = [what]
    dist.broadcast_object_list(box, 0)
    return box[0]


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter], loss: Tensor, rank: Rank) -> Tensor:
    """Leave the mean of the ranks' gradients in the parameters; return that of their losses.

    One message for all. A parameter that no rank has a gradient of keeps none.
    """
    trained = [p for p in parameters if p.requires_grad]
    grads = [p.grad for p in trained]
    wide = torch.float64 if any(p.dtype == torch.float64 for p in trained) else torch.float32
    there = [float(grad is not None) for grad in grads]
    head = torch.tensor([0.0, *there], dtype=wide, device=loss.device)
    head[0] = loss
    flat = [
        (torch.zeros_like(p) if grad is None else grad).flatten().to(wide)
        for p, grad in zip(trained, grads, strict=True)
    ]
    message = torch.cat([head, *flat])
    dist.all_reduce(message)
    message /= rank.count
    means = torch.split(message[len(head) :], [p.numel() for p in trained])
    if all(there):
        known = there
    else:
        known = message[1 : len(head)].tolist()
    for p, mean, has in zip(trained, means, known, strict=True):
        if has:
            p.grad = mean.view_as(p).to(p.dtype)
    return message[0].to(loss.dtype)
