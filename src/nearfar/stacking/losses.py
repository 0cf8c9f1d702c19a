"""Losses of K models at once and their gradients, over batches that need not be of one size."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from nearfar.losses import ELEMENTWISE_LOSSES, REGRESSION_LOSSES
from nearfar.losses.classification import cross_entropy
from nearfar.objectives.batches import Batch
from nearfar.objectives.predictor import Predictor

Losses = tuple[Tensor, Tensor, list[Tensor] | None]
"""Losses (K,), their gradient (K, n, b), and for classifiers which rows were classified rightly."""


class StackedLoss(Protocol):
    """From outputs (K, n, b) and the K batches; those beyond the rows of a batch do not count."""

    def __call__(self, outputs: Tensor, batches: Sequence[Batch]) -> Losses: ...


def stacked_loss(modules: Sequence[Predictor]) -> StackedLoss | None:
    """Return the one loss of all ``modules``, None where they differ or it cannot be stacked."""
    criterion = modules[0].criterion
    if any(module.criterion is not criterion or module.gaps for module in modules):
        return None
    if criterion is cross_entropy:
        weighted = any(module.weighted for module in modules)
        return None if weighted else StackedCrossEntropy(modules)
    grads = {id(REGRESSION_LOSSES[name]): name for name in _GRADIENTS}
    name = grads.get(id(criterion))
    return None if name is None else StackedRegression(modules, name)


class _Shares:
    """What a row counts in its batch's loss: 1 / rows, or 0 beyond the batch; (K, b)."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, sizes: tuple[int, ...], like: Tensor) -> Tensor:
        if sizes not in self._known:
            size = torch.tensor(sizes, device=like.device)[:, None]
            counts = torch.arange(max(sizes), device=like.device) < size
            self._known[sizes] = counts.to(like.dtype) / size
        return self._known[sizes]


def _stacked(parts: Sequence[Tensor], rows: int) -> Tensor:
    """Return parts (b, …), b at most ``rows``, one above the other; the last row is repeated."""
    if all(part is parts[0] for part in parts):
        return parts[0].expand(len(parts), *parts[0].shape)
    if any(len(part) < rows for part in parts):
        short = [part[-1:].expand(rows - len(part), *part.shape[1:]) for part in parts]
        parts = [torch.cat(pair) for pair in zip(parts, short, strict=True)]
    return torch.stack(list(parts))


class StackedCrossEntropy:
    """Softmax and the mean negative log-likelihood of each row's class."""

    def __init__(self, modules: Sequence[Predictor]) -> None:
        self._classify = [module.classifies for module in modules]
        self._shares = _Shares()

    def __call__(self, outputs: Tensor, batches: Sequence[Batch]) -> Losses:
        rows = outputs.shape[2]
        sizes = tuple(len(batch.targets) for batch in batches)
        share = self._shares(sizes, outputs)
        same = all(batch is batches[0] for batch in batches)
        given = batches[:1] if same else batches
        classes = _stacked([batch.classes for batch in given], rows).long()
        classes = classes.expand(len(batches), -1)
        right = None
        if any(self._classify):
            hits = (outputs.max(1).indices == classes).unbind()
            right = [row[:size] for row, size in zip(hits, sizes, strict=True)]
        chances = outputs.log_softmax(1)
        index = classes[:, None]
        losses = -(chances.gather(1, index)[:, 0] * share).sum(1)
        grad = chances.exp_()
        grad.scatter_add_(1, index, grad.new_full((1, 1, 1), -1.0).expand(index.shape))
        return losses, grad.mul_(share[:, None]), right


def _l1(error: Tensor) -> Tensor:
    return error.sign()


def _mse(error: Tensor) -> Tensor:
    return 2 * error


def _huber(error: Tensor) -> Tensor:
    return error.clamp(-1, 1)


_GRADIENTS: dict[str, Callable[[Tensor], Tensor]] = {"l1": _l1, "mse": _mse, "huber": _huber}

STACKED_LOSSES = ("cross_entropy", *_GRADIENTS)
"""Names of the losses that K models can have at once."""


def _weights(batch: Batch) -> Tensor:
    return batch.targets.new_ones(len(batch.targets)) if batch.weights is None else batch.weights


class StackedRegression:
    """The mean over rows and targets of a loss of their errors; rows may have weights."""

    def __init__(self, modules: Sequence[Predictor], name: str) -> None:
        self._readouts = [module.readout for module in modules]
        self._name, self._gradient = name, _GRADIENTS[name]
        self._shares = _Shares()

    def __call__(self, outputs: Tensor, batches: Sequence[Batch]) -> Losses:
        targets, rows = outputs.shape[1:]
        share = self._shares(tuple(len(batch.targets) for batch in batches), outputs)
        truth = _stacked(
            [
                readout.truth(batch.targets.to(outputs.dtype))
                for readout, batch in zip(self._readouts, batches, strict=True)
            ],
            rows,
        ).transpose(1, 2)
        if any(batch.weights is not None for batch in batches):
            share = share * _stacked([_weights(batch).to(share.dtype) for batch in batches], rows)
        share = share[:, None] / targets
        losses = ELEMENTWISE_LOSSES[self._name](outputs, truth).mul_(share).sum((1, 2))
        return losses, self._gradient(outputs - truth).mul_(share), None
