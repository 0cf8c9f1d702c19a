"""The loss of a batch of which several ranks have a share each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from nearfar.objectives.batches import Batch
from nearfar.ranks.batch_norm import synced_batch_norm
from nearfar.ranks.exchange import gathered, gathered_or_none
from nearfar.ranks.share import current


def loss_on_ranks(objective: nn.Module, batch: Batch) -> Tensor:
    """Return what this rank makes of a batch's loss, of its share of the rows; the mean counts.

    Batch norms see the rows of all ranks. An objective whose class has ``sees_ranks = True``
    gathers for itself what it compares, and returns its part of the loss. Any other is given the
    features of the whole batch by its ``encoder``, all targets and weights, and so computes the
    whole loss on every rank: that costs what comes after the encoder once more on each.
    """
    share = current()
    loss: Any = objective.loss
    if share is None:
        whole: Tensor = loss(batch)
        return whole
    if getattr(objective, "sees_ranks", False):
        with synced_batch_norm(objective):
            part: Tensor = loss(batch)
        return part
    targets, weights = gathered(batch.targets), gathered_or_none(batch.weights)
    encoder: Any = objective.encoder
    with synced_batch_norm(encoder), _gathering(encoder, share.size):
        same: Tensor = loss(replace(batch, targets=targets, weights=weights))
    return same


@contextmanager
def _gathering(encoder: nn.Module, size: int) -> Iterator[None]:
    """Within the context, let ``encoder`` return the features of all ranks' rows.

    Of several views in one batch those of each view, after each other.
    """

    def gather(module: nn.Module, given: Any, features: Tensor) -> Tensor:
        if len(features) % size:
            raise ValueError(f"{len(features)} features of {size} rows of a batch")
        views = features.view(len(features) // size, size, *features.shape[1:])
        return gathered(views, dim=1).flatten(0, 1)

    hook = encoder.register_forward_hook(gather)
    try:
        yield
    finally:
        hook.remove()
