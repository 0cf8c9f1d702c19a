"""Momentum contrast (MoCo: He et al., CVPR 2020)."""

from copy import deepcopy
from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from nearfar.heads.networks import MLP
from nearfar.losses import info_nce_loss, unit
from nearfar.objectives.batches import Batch
from nearfar.objectives.split_batch_norm import split_batch_norm
from nearfar.ranks.exchange import from_first, gathered, total
from nearfar.ranks.share import by_rows, part


class KeyQueue(nn.Module):
    """The last ``size`` keys, at length 1; random directions at first, as in the authors' code.

    ``add`` overwrites the oldest. Rows and position are buffers, so a checkpoint holds them.
    """

    rows: Tensor
    position: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows", unit(torch.randn(size, width)))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def add(self, keys: Tensor) -> None:
        """Put keys (n, d) in the place of the n oldest; of more than fit, the last stay."""
        size = len(self.rows)
        kept = keys[-size:]
        first = self.position + len(keys) - len(kept)
        places = (first + torch.arange(len(kept), device=keys.device)) % size
        self.rows.index_copy_(0, places, kept.to(self.rows.dtype))
        self.position.add_(len(keys)).remainder_(size)


class _Compared(NamedTuple):
    """Loss and accuracy of the process's queries, and the keys of the whole batch."""

    loss: Tensor
    accuracy: Tensor
    keys: Tensor


class MomentumContrast(nn.Module):
    """A query of one view has to pick the key of the other among the keys of past batches.

    Queries come from ``encoder`` and its projection, keys from copies that take no gradient: in
    training, ``loss`` first moves them to ``momentum`` · themselves + (1 - ``momentum``) · the
    originals, and after comparing puts the keys into the queue (algorithm 1 of the paper).
    ``symmetric`` swaps the views as well and takes the mean of both losses (the authors' notebook
    takes the sum); keys of both views enter the queue.

    ``split_batch_norm`` is the number of groups of a batch with batch-norm statistics of their own.
    Keys are shuffled before they fall into groups and put back in order behind. On several devices
    this is what the paper's shuffling does (section 3.3): otherwise a query's and its key's
    statistics come from the same rows and give the answer away. On one device shuffling without
    groups would change nothing, so the two are one option: 1 means neither.

    The projection is an MLP of the ``hidden`` widths (none, as in the paper: one affine map) with
    ``out`` outputs, brought to length 1; it is thrown away after training.

    Where several devices train, each has its share of the groups, keys are shuffled across all of
    them, and the queue takes the keys of all and is the same on each.

    In evaluation mode nothing moves: ``loss`` compares with the training queue as it is.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 2
    reads_labels: ClassVar[bool] = False
    sees_ranks: ClassVar[bool] = True
    chunked: ClassVar[tuple[str, ...]] = ("encoder", "key_encoder")
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification", "multilabel"})

    picks: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        queue: PositiveInt = 4096,
        temperature: Annotated[float, Field(gt=0)] = 0.07,
        momentum: Annotated[float, Field(ge=0, le=1)] = 0.999,
        symmetric: bool = False,
        split_batch_norm: PositiveInt = 8,
        hidden: tuple[PositiveInt, ...] = (),
        out: PositiveInt = 128,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = MLP(int(encoder.out_features), out, hidden=hidden)  # type: ignore[arg-type]
        self.key_encoder, self.key_projection = deepcopy(encoder), deepcopy(self.projection)
        self.key_encoder.requires_grad_(False)
        self.key_projection.requires_grad_(False)
        self.queue, self.validation_queue = KeyQueue(queue, out), KeyQueue(queue, out)
        self.temperature, self.momentum = temperature, momentum
        self.symmetric, self.groups = symmetric, split_batch_norm
        self.register_buffer("picks", torch.zeros(2), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of two views, a scalar; in training, move keys and queue."""
        if self.training:
            self._follow()
        return self._compare(batch, self.queue, moves=self.training)

    @torch.no_grad()
    def validation_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch of held-out rows against a queue of such rows.

        Everything is in evaluation mode during the call, and neither the momentum encoder nor the
        training queue moves; the validation queue takes the keys.
        """
        training = self.training
        self.eval()
        try:
            return self._compare(batch, self.validation_queue, moves=True)
        finally:
            self.train(training)

    def monitor(self) -> dict[str, float]:
        """Return how often the positive was picked since the last call, and begin anew.

        It counts training and validation alike, so ask after each. To be called before a checkpoint
        is written: the counts are not part of the state. Empty where nothing was compared.
        """
        picked, asked = self.picks.tolist()
        self.picks.zero_()
        return {"pick_accuracy": picked / asked} if asked else {}

    def _compare(self, batch: Batch, queue: KeyQueue, *, moves: bool) -> Tensor:
        one, other = batch.views
        results = [self._one_way(one, other, queue)]
        if self.symmetric:
            results.append(self._one_way(other, one, queue))
        first, step = part()
        for result in results:
            rows = len(result.keys[first::step])
            asked = torch.stack([result.accuracy * rows, result.accuracy.new_full((), rows)])
            self.picks += total(asked)
            if moves:
                queue.add(result.keys)
        return by_rows(torch.stack([result.loss for result in results]).mean())

    def _one_way(self, query_view: Tensor, key_view: Tensor, queue: KeyQueue) -> _Compared:
        with split_batch_norm(self.encoder, self.groups):
            queries = unit(self.projection(self.encoder(query_view)))
        keys = self._keys(key_view)
        first, step = part()
        rows = queue.rows.clone()
        loss, accuracy = info_nce_loss(queries, keys[first::step], rows, self.temperature)
        return _Compared(loss, accuracy, keys)

    @torch.no_grad()
    def _keys(self, view: Tensor) -> Tensor:
        """Return the keys of the batch, (n, ``out``), of all ranks."""
        shuffled = self.training and self.groups > 1
        if not shuffled:
            return gathered(unit(self.key_projection(self.key_encoder(view))))
        whole = gathered(view)
        order = from_first(torch.randperm(len(whole), device=view.device))
        first, step = part()
        with split_batch_norm(self.key_encoder, self.groups):
            keys = unit(self.key_projection(self.key_encoder(whole[order[first::step]])))
        return gathered(keys)[order.argsort()]

    @torch.no_grad()
    def _follow(self) -> None:
        pairs = (
            (self.key_encoder, self.encoder),
            (self.key_projection, self.projection),
        )
        for key, query in pairs:
            for mine, leading in zip(key.parameters(), query.parameters(), strict=True):
                mine.lerp_(leading, 1 - self.momentum)
