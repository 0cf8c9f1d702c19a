"""Layers of K models at once, each with its own weights and rows; gradients are written out.

Rows are innermost: vectors are (K, d, b), images (K, c, h, w, b). So the patches of a convolution
are copied in runs of b numbers or more, and every product is one of matrices, for all K models.
``forward`` keeps what ``backward`` needs; that leaves the gradients of the layer's weights and
returns the gradient of its input where it is ``wanted``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

aten = torch.ops.aten


@dataclass(frozen=True)
class Leaf:
    """A parameter of K models, (K, …), and where its gradient goes; None: it is not trained."""

    value: Tensor
    gradient: Tensor | None


class Layer(Protocol):
    """A function of K models, and its gradient."""

    trained: bool

    def forward(self, x: Tensor) -> Tensor: ...
    def backward(self, grad: Tensor, needed: bool) -> Tensor: ...


class StackedAffine:
    """(K or 1, d, b) → (K, n, b); ``weight`` (K, n, d), ``bias`` (K, n)."""

    def __init__(self, weight: Leaf, bias: Leaf) -> None:
        self.weight, self.bias = weight, bias
        self.trained = weight.gradient is not None
        self._given = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self._given = x = x.expand(len(self.weight.value), -1, -1)
        return torch.baddbmm(self.bias.value[:, :, None], self.weight.value, x)

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        if self.weight.gradient is not None and self.bias.gradient is not None:
            torch.bmm(grad, self._given.transpose(1, 2), out=self.weight.gradient)
            torch.sum(grad, 2, out=self.bias.gradient)
        return torch.bmm(self.weight.value.transpose(1, 2), grad) if needed else grad


class Activation:
    """A function of every number by itself, in place.

    ``gradient`` takes the gradient of the output and the output, and returns the input's gradient.
    """

    trained = False

    def __init__(
        self, function: Callable[[Tensor], Tensor], gradient: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        self._function, self._gradient = function, gradient
        self._made = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self._made = self._function(x)
        return self._made

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        return self._gradient(grad, self._made)


def relu() -> Activation:
    """Return max(x, 0)."""
    return Activation(torch.relu_, lambda grad, made: aten.threshold_backward(grad, made, 0))


def sigmoid() -> Activation:
    """Return 1 / (1 + exp(-x))."""
    return Activation(torch.sigmoid_, aten.sigmoid_backward)


class Scale:
    """(x - ``centre``) / ``spread``; both (K or 1, d, 1), or numbers."""

    trained = False

    def __init__(self, centre: Tensor | float, spread: Tensor | float) -> None:
        self.centre, self.spread = centre, spread

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.centre).div_(self.spread)

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        return grad / self.spread


class InputNorm:
    """Batch norm without weights, of inputs (K or 1, d, b): a first layer, without a gradient.

    ``sizes`` are the rows of each model's batch; rows beyond them do not count.
    """

    trained = False

    def __init__(self, norms: Sequence[nn.BatchNorm1d]) -> None:
        self.sizes: Sequence[int] = ()
        self._eps, self._momentum = norms[0].eps, norms[0].momentum
        self._means = [_buffer(norm.running_mean) for norm in norms]
        self._variances = [_buffer(norm.running_var) for norm in norms]
        self._steps = [_buffer(norm.num_batches_tracked) for norm in norms]

    def forward(self, x: Tensor) -> Tensor:
        rows, given = x.shape[2], self.sizes[: len(x)]
        sizes = x.new_tensor(given)[:, None]
        if min(given) == rows:
            counts = x.new_ones(1)
        else:
            counts = (torch.arange(rows, device=x.device) < sizes)[:, None].to(x.dtype)
        mean = (x * counts).sum(2) / sizes
        apart = x - mean[:, :, None]
        variance = (apart.square() * counts).sum(2) / sizes
        self._remember(mean, variance * (sizes / (sizes - 1)))
        return apart.mul_((variance + self._eps).rsqrt_()[:, :, None])

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics of all models towards those of their batches."""
        assert self._momentum is not None
        for kept, new in ((self._means, mean), (self._variances, variance)):
            for own, found in zip(kept, new.expand(len(kept), -1), strict=True):
                own.lerp_(found, self._momentum)
        for count in self._steps:
            count += 1

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        return grad

    def held(self) -> Scale:
        """Return a layer that normalises with the running statistics as they are."""
        deviation = (torch.stack(self._variances) + self._eps).sqrt_()
        return Scale(torch.stack(self._means)[:, :, None], deviation[:, :, None])


def _buffer(found: Tensor | None) -> Tensor:
    assert found is not None
    return found


class Flatten:
    """(K, c, h, w, b) → (K, c · h · w, b)."""

    trained = False

    def __init__(self) -> None:
        self._shape = torch.Size()

    def forward(self, x: Tensor) -> Tensor:
        self._shape = x.shape
        return x.flatten(1, 3)

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        return grad.view(self._shape)


class MaxPool:
    """The largest of ``size`` × ``size`` values, the window moved by ``stride``.

    Torch's own, where channels times rows of a model stand for channels that lie last in memory.
    """

    trained = False

    def __init__(self, size: int, stride: int) -> None:
        self.size, self.stride = size, stride
        self._given = self._index = torch.empty(0)
        self._channels = 0

    def forward(self, x: Tensor) -> Tensor:
        self._channels = x.shape[1]
        self._given = self._inward(x)
        best, self._index = functional.max_pool2d(
            self._given, self.size, self.stride, return_indices=True
        )
        return self._outward(best)

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        options = [self.size] * 2, [self.stride] * 2, [0, 0], [1, 1], False, self._index
        return self._outward(
            aten.max_pool2d_with_indices_backward(self._inward(grad), self._given, *options)
        )

    def _inward(self, x: Tensor) -> Tensor:
        """(K, c, h, w, b) → (K, c · b, h, w), channels last in memory."""
        models, _, height, width, _ = x.shape
        packed = x.permute(0, 2, 3, 1, 4).reshape(models, height, width, -1)
        return packed.permute(0, 3, 1, 2)

    def _outward(self, x: Tensor) -> Tensor:
        """(K, c · b, h, w) → (K, c, h, w, b), no copy."""
        models, _, height, width = x.shape
        apart = x.permute(0, 2, 3, 1).view(models, height, width, self._channels, -1)
        return apart.permute(0, 3, 1, 2, 4)


class Convolution:
    """(K, c, h, w, b) → (K, n, h', w', b): patches times weights, the bias among these.

    ``weight`` is (K, n, c, size, size), ``bias`` (K, n); no padding. With ``rectify`` the input
    passes a ReLU first, while patches are copied.
    """

    def __init__(self, weight: Leaf, bias: Leaf, stride: int, *, rectify: bool) -> None:
        self.weight, self.bias, self.stride, self.rectify = weight, bias, stride, rectify
        self.trained = weight.gradient is not None
        self._given = self._matrix = torch.empty(0)
        self._patches = self._gradients = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        models, count = self.weight.value.shape[:2]
        channels, size, stride = x.shape[1], self.weight.value.shape[-1], self.stride
        high, wide = ((side - size) // stride + 1 for side in x.shape[2:4])
        taps, places = channels * size * size, high * wide * x.shape[4]
        if self._patches.shape != (models, taps + 1, places):
            self._patches = x.new_ones(models, taps + 1, places)
            self._gradients = x.new_empty(models, taps, places)
        windows = self._windows(x, (0, size), (0, size), high, wide)
        into = self._patches[:, :taps].view(models, *windows.shape[1:])
        if self.rectify:
            torch.clamp_min(windows, 0, out=into)
        else:
            into.copy_(windows)
        self._given = x
        weight = self.weight.value.permute(0, 1, 3, 4, 2).flatten(2)
        self._matrix = torch.cat([weight, self.bias.value[..., None]], 2)
        return torch.bmm(self._matrix, self._patches).view(models, count, high, wide, -1)

    def backward(self, grad: Tensor, needed: bool) -> Tensor:
        high, wide = grad.shape[2:4]
        flat = grad.flatten(2)
        if self.weight.gradient is not None and self.bias.gradient is not None:
            found = torch.bmm(flat, self._patches.transpose(1, 2))
            target = self.weight.gradient.permute(0, 1, 3, 4, 2)
            target.copy_(found[..., :-1].view(target.shape))
            self.bias.gradient.copy_(found[..., -1])
        if not needed:
            return grad
        torch.bmm(self._matrix[..., :-1].transpose(1, 2), flat, out=self._gradients)
        return self._gathered(high, wide)

    def _gathered(self, high: int, wide: int) -> Tensor:
        """Return the gradient of the input: for each number, the sum over the patches that hold it.

        Taps that are less than a stride apart belong to different numbers.
        """
        size, stride, x = self.weight.value.shape[-1], self.stride, self._given
        parts = self._gradients.view(len(x), size, size, x.shape[1], high, wide, -1)
        total = torch.empty_like(x)
        total[:, :, stride * high :] = 0
        total[:, :, :, stride * wide :] = 0
        spans = [(i, min(i + stride, size)) for i in range(0, size, stride)]
        for rows in spans:
            for columns in spans:
                into = self._windows(total, rows, columns, high, wide)
                part = parts[:, slice(*rows), slice(*columns)]
                if rows[0] or columns[0]:
                    into += part
                else:
                    into.copy_(part)
        if self.rectify:
            aten.threshold_backward.grad_input(total, x, 0, grad_input=total)
        return total

    def _windows(
        self, x: Tensor, rows: tuple[int, int], columns: tuple[int, int], high: int, wide: int
    ) -> Tensor:
        """Return the inputs that some rows and columns of the weights are multiplied with.

        A view (K, rows, columns, c, high, wide, b) of ``x`` (K, c, h, w, b), places overlapping.
        """
        k, c, h, w, b = x.stride()
        corner = x[:, :, rows[0] :, columns[0] :]
        spans = rows[1] - rows[0], columns[1] - columns[0]
        return corner.as_strided(
            (len(x), *spans, x.shape[1], high, wide, x.shape[4]),
            (k, h, w, c, self.stride * h, self.stride * w, b),
        )
