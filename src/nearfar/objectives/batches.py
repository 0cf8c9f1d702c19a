"""Rows of a data set on the device: inputs and targets, gathered by index, in one view or more."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nearfar.data.augment import CMixup, Mixture, view_of

GATHERED = 2**18
"""Numbers of cached features that are gathered at once, if a batch has not more."""


@dataclass(frozen=True)
class Batch:
    """Some rows: ``views`` as the encoder takes them, and ``targets`` (b, k), float64.

    Targets are in z units; of classes they are the number of the class, k = 1; of a reconstruction
    the images as they are, float32 (b, c, h, w). Every view holds all rows, in the same order.
    ``weights`` (b,) say how much a row counts in training; None: all alike. ``mixture`` says how
    the features of the rows are yet to be mixed, as targets and weights are already; None: not.
    """

    views: tuple[Any, ...]
    targets: Tensor
    weights: Tensor | None = None
    mixture: Mixture | None = None

    @property
    def inputs(self) -> Any:
        """The first view, the only one unless the objective asks for more."""
        return self.views[0]

    @property
    def classes(self) -> Tensor:
        """The number of each row's class (b,), of a classification data set."""
        return self.targets[:, 0]

    def blended(self, features: Tensor) -> Tensor:
        """Return features (b, …) of the rows, mixed if they are to be."""
        if self.mixture is None:
            return features
        mixed: Tensor = self.mixture.blend(features)
        return mixed


def features_of_views(encoder: nn.Module, batch: Batch) -> Tensor:
    """Return the features of one view (b, d), or of several (b, views, d), made in one batch."""
    if len(batch.views) == 1:
        return batch.blended(encoder(batch.inputs))
    stacked = encoder(torch.cat(batch.views))
    return batch.blended(stacked.unflatten(0, (len(batch.views), -1)).transpose(0, 1))


@dataclass(frozen=True)
class Rows:
    """All rows of a data set.

    ``inputs`` with ``select(index)``; ``targets[index]`` and, unless None, ``weights[index]`` as in
    :class:`Batch`. ``augment`` makes a view of a batch of inputs; the rows are shown as they are
    where there is none. ``mixing`` mixes the rows of a batch with each other: their inputs, or with
    ``mixes_features`` what an encoder makes of them.
    """

    inputs: Any
    targets: Any
    augment: Callable[[Any], Any] | None = None
    views: int = 1
    weights: Tensor | None = None
    mixing: CMixup | None = None
    mixes_features: bool = False

    @property
    def draws(self) -> bool:
        """Whether making a batch draws random numbers."""
        return self.augment is not None or self.mixing is not None

    def gives_what(self, other: "Rows") -> bool:
        """Whether batches of the same row numbers are known to be the same in ``other``."""
        return (
            type(self) is type(other)
            and not (self.draws or other.draws)
            and self.views == other.views
            and _same(self.inputs, other.inputs)
            and _same(self.targets, other.targets)
            and _same(self.weights, other.weights)
        )

    def batch(self, index: Tensor) -> Batch:
        """Gather the rows ``index`` (b,)."""
        inputs = self.inputs.select(index)
        if self.augment is None:
            return self._batch((inputs,) * self.views, index)
        views = (view_of(self.augment, inputs, index) for _ in range(self.views))
        return self._batch(tuple(views), index)

    def begin(self, number: int) -> None:
        """Tell views that change from round to round that one begins, from 1 on."""
        begin: Any = getattr(self.augment, "begin", None)
        if begin is not None:
            begin(number)

    def _batch(self, views: tuple[Any, ...], index: Tensor) -> Batch:
        weights = None if self.weights is None else self.weights[index]
        batch = Batch(views, self.targets[index], weights)
        return batch if self.mixing is None else self._mixed(batch, self.mixing)

    def _mixed(self, batch: Batch, mixing: CMixup) -> Batch:
        """Return a batch with its rows mixed, all views of a row with those of one other."""
        mixture = mixing.draw(batch.targets)
        weights = None if batch.weights is None else mixture.blend(batch.weights)
        targets = mixture.blend(batch.targets)
        if self.mixes_features:
            return Batch(batch.views, targets, weights, mixture)
        return Batch(tuple(map(mixture.blend, batch.views)), targets, weights)

    def batches(self, index: Tensor, size: int) -> Iterator[Batch]:
        """Yield the rows ``index`` (n,) in their order, ``size`` at a time."""
        for part in torch.split(index, size):
            yield self.batch(part)


@dataclass(frozen=True)
class CachedRows(Rows):
    """Rows of features, ``inputs.values`` (n, d): many small batches are gathered at once."""

    def batches(self, index: Tensor, size: int) -> Iterator[Batch]:
        """Yield the rows ``index`` (n,) in their order, ``size`` at a time."""
        width = self.inputs.values.shape[1]
        for part in torch.split(index, size * max(1, GATHERED // (size * width))):
            inputs = self.inputs.select(part)
            for some, rows in zip(torch.split(inputs, size), torch.split(part, size), strict=True):
                yield self._batch((some,), rows)


@dataclass(frozen=True)
class CachedViews(Rows):
    """Rows whose features were computed once for some views: a batch takes one of each row.

    ``bank`` (views, n, d) holds the features of views, of rows to train on; ``inputs`` those of all
    rows as they are.
    """

    bank: Tensor = field(kw_only=True)

    @property
    def draws(self) -> bool:
        """Always: the view of each row is drawn."""
        return True

    def batch(self, index: Tensor) -> Batch:
        """Gather the rows ``index`` (b,), each in a view drawn from torch's generator."""
        view = torch.randint(len(self.bank), index.shape, device=index.device)
        return self._batch((self.bank[view, index],), index)


def _same(one: Any, other: Any) -> bool:
    """Whether two are one tensor or equal ones, or objects made of the same parts."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        at_one_place = one.data_ptr() == other.data_ptr() and one.stride() == other.stride()
        return one.shape == other.shape and (at_one_place or torch.equal(one, other))
    parts, others = getattr(one, "__dict__", None), getattr(other, "__dict__", None)
    if not parts or not others or parts.keys() != others.keys():
        return False
    return all(_same(parts[name], others[name]) for name in parts)
