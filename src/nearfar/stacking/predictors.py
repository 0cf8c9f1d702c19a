"""Several predictors of one shape as one: their losses and gradients in one computation.

The parameters of the K modules lie side by side in one tensor and the modules' own are views of
it, so that each module can be judged, and its weights kept, by itself.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from nearfar.encoders.emnist_cnn import EmnistCNN
from nearfar.encoders.images import CENTRE, SPREAD
from nearfar.encoders.mlp import MLP
from nearfar.objectives.batches import Batch, Rows
from nearfar.objectives.closed_form import affine_maps
from nearfar.objectives.predictor import Predictor
from nearfar.stacking.kinds import (
    STACKED_ENCODERS,
    STACKED_HEADS,
    STACKED_READOUTS,
    is_stacked_kind,
)
from nearfar.stacking.layers import (
    Convolution,
    Flatten,
    InputNorm,
    Layer,
    Leaf,
    MaxPool,
    Scale,
    StackedAffine,
    relu,
    sigmoid,
)
from nearfar.stacking.losses import StackedLoss, stacked_loss
from nearfar.stacking.parameters import StackedParameters


class Predicts(Protocol):
    """A task that trains a predictor on rows of ``data``."""

    module: Predictor
    data: Rows


def stack_of(tasks: Sequence[Predicts]) -> "Stack | None":
    """Return what trains the predictors of ``tasks`` at once, None where they cannot be stacked.

    That depends on nothing but the kinds and shapes of their modules and their loss. Linear and MLP
    heads without dropout can be, under cross-entropy or a regression loss: on features that are
    computed before, on the EMNIST CNN or on an MLP without dropout, with any of their layers
    trained. All modules have to be of one shape, and on the device where they are trained.
    """
    modules = [task.module for task in tasks]
    outlines = [_outline(module) for module in modules]
    if not modules or outlines[0] is None or any(each != outlines[0] for each in outlines):
        return None
    loss = stacked_loss(modules)
    return None if loss is None else Stack(modules, [task.data for task in tasks], loss)


def _outline(module: Predictor) -> tuple[object, ...] | None:
    """Return what has to be equal in modules to be stacked, None where one cannot be."""
    encoder, head, readout = module.encoder, module.head, module.readout
    if not is_stacked_kind(head, STACKED_HEADS) or not is_stacked_kind(readout, STACKED_READOUTS):
        return None
    if encoder.state_dict() and not is_stacked_kind(encoder, STACKED_ENCODERS):
        return None
    shapes = [
        (name, p.shape, p.stride(), p.requires_grad, p.dtype, p.device)
        for name, p in module.named_parameters()
    ]
    factors = [(len(members), factor) for members, factor in module.groups()]
    return (type(encoder), type(head), _normalises(module), *shapes, *factors)


def _normalises(module: Predictor) -> bool:
    """Whether inputs are normalised with the statistics of their batch in training."""
    if not isinstance(module.encoder, MLP):
        return False
    mode = module.training
    module.train()
    normalises = module.encoder.norm.training
    module.train(mode)
    return normalises


class Stack:
    """K predictors of one shape; ``step`` leaves their gradients in ``gradients``.

    ``values`` and ``gradients`` are (K, p), of the parameters that are trained; ``factors`` (p,)
    are those on their learning rates.
    """

    def __init__(
        self, modules: Sequence[Predictor], data: Sequence[Rows], loss: StackedLoss
    ) -> None:
        self.modules, self._data, self._loss = modules, data, loss
        self.draws = any(rows.draws for rows in data)
        self._parameters = StackedParameters(modules)
        self.values, self.gradients = self._parameters.values, self._parameters.gradients
        self.factors = self._parameters.factors(modules[0].groups())
        self._images = isinstance(modules[0].encoder, EmnistCNN)
        self._raw = isinstance(modules[0].encoder, EmnistCNN | MLP)
        self._norm: InputNorm | None = None
        self._layers = list(self._chain())
        self._first = next(k for k, layer in enumerate(self._layers) if layer.trained)

    def same_data(self, one: int, other: int) -> bool:
        """Whether the rows of two modules are the same."""
        return self._data[one].gives_what(self._data[other])

    def release(self) -> None:
        """Give every module back parameters of its own, with the values that they have."""
        self._parameters.release()

    @torch.no_grad()
    def step(self, batches: Sequence[Batch]) -> tuple[Tensor, list[Tensor] | None]:
        """Leave the gradients of the K losses, of one batch for each module.

        Modules that are given the very same batch share the work on its inputs. A batch may be
        smaller than others.

        Returns:
            The losses (K,), and for classifiers which rows of each batch were classified rightly.
        """
        x = self._inputs(batches)
        if self._norm is not None:
            self._norm.sizes = [len(batch.targets) for batch in batches]
        for layer in self._layers:
            x = layer.forward(x)
        losses, grad, right = self._loss(x, batches)
        for k in range(len(self._layers) - 1, self._first - 1, -1):
            grad = self._layers[k].backward(grad, needed=k > self._first)
        return losses, right

    def _inputs(self, batches: Sequence[Batch]) -> Tensor:
        """Return the inputs of the K batches, or of the one that all share, rows innermost.

        A batch that is smaller than others repeats its first row.
        """
        given = batches[:1] if all(batch is batches[0] for batch in batches) else batches
        if self._raw:
            parts: list[Tensor] = [batch.inputs for batch in given]
        else:
            parts = [m.encoder(b.inputs) for m, b in zip(self.modules, given, strict=False)]
        first, rows = parts[0], max(map(len, parts))
        if not self._images and len(parts) == 1:
            return first.t()[None]
        if self._images:
            made = first.new_empty(len(parts), *first.shape[1:], rows)
            rows_first = made.movedim(-1, 1)
        else:
            rows_first = first.new_empty(len(parts), rows, *first.shape[1:])
            made = rows_first.transpose(1, 2)
        for into, part in zip(rows_first, parts, strict=True):
            into[: len(part)] = part
            if len(part) < rows:
                into[len(part) :] = part[:1]
        return made

    def _chain(self) -> Iterator[Layer]:
        """Yield the layers from the inputs to the outputs of the heads."""
        encoder = self.modules[0].encoder
        if isinstance(encoder, EmnistCNN):
            yield from self._cnn(encoder)
        elif isinstance(encoder, MLP):
            yield from self._mlp(encoder)
        mean = torch.stack([module.standardise.mean for module in self.modules])
        scale = torch.stack([module.standardise.scale for module in self.modules])
        if bool((mean != 0).any()) or bool((scale != 1).any()):
            if bool((mean == mean[0]).all()) and bool((scale == scale[0]).all()):
                mean, scale = mean[:1], scale[:1]
            yield Scale(mean[:, :, None], scale[:, :, None])
        maps = affine_maps(self.modules[0].head) or []
        for number, affine in enumerate(maps):
            if number:
                yield relu()
            yield StackedAffine(*self._leaves(affine))

    def _cnn(self, encoder: EmnistCNN) -> Iterator[Layer]:
        yield Scale(CENTRE, SPREAD)
        rectify = False
        parts = [part for group in encoder.layers for part in group.children()]
        for part in parts:
            if isinstance(part, nn.Conv2d):
                yield Convolution(*self._leaves(part), part.stride[0], rectify=rectify)
            elif isinstance(part, nn.MaxPool2d):
                assert isinstance(part.kernel_size, int)
                assert isinstance(part.stride, int)
                yield MaxPool(part.kernel_size, part.stride)
            elif isinstance(part, nn.Sigmoid):
                yield sigmoid()
            rectify = isinstance(part, nn.ReLU)
        yield Flatten()

    def _mlp(self, encoder: MLP) -> Iterator[Layer]:
        encoders = [module.encoder for module in self.modules]
        norm = InputNorm([each.norm for each in encoders if isinstance(each, MLP)])
        if _normalises(self.modules[0]):
            self._norm = norm
            yield norm
        else:
            yield norm.held()
        for group in encoder.layers:
            for part in group.children():
                if isinstance(part, nn.Linear):
                    yield StackedAffine(*self._leaves(part))
                    yield relu()

    def _leaves(self, part: nn.Conv2d | nn.Linear) -> tuple[Leaf, Leaf]:
        """Return the weights and biases of a part of the first module, with the others'."""
        assert part.bias is not None
        return self._parameters.leaf(part.weight), self._parameters.leaf(part.bias)
