"""How the outputs of a head become numbers, and what a loss compares instead of these.

A head puts out raw values (n, ``outputs``); ``read`` gives predictions (n, k) in z units of them.
In training, a loss compares ``guess`` of the raw values with ``truth`` of the targets (n, k), which
are in z units as well.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

Several = Annotated[int, Field(ge=2)]
FEW = 1e-4
"""What is added to a frequency of training rows before its logarithm is taken."""


class ZUnits(nn.Module):
    """The outputs are the predictions, in z units (or logits of classes, or of pixels)."""

    losses: ClassVar[tuple[str, ...]] = ()
    """The losses that belong to this readout alone; empty for those of the task."""

    def __init__(self, targets: int = 1) -> None:
        super().__init__()
        self.outputs = targets

    def fit(self, targets: Tensor, std: Tensor) -> None:
        """Take what is needed from the training rows.

        Args:
            targets: float64 (n, k), in z units; NaN where a row lacks one.
            std: (k,), what 1 in z units is in their own.
        """

    def read(self, raw: Tensor) -> Tensor:
        """Return predictions (n, k) in z units."""
        return raw

    def guess(self, raw: Tensor) -> Tensor:
        """Return what the loss takes as prediction."""
        return raw

    def truth(self, targets: Tensor) -> Tensor:
        """Return what the loss takes as target, of targets (n, k) in z units."""
        return targets

    def constant(self, number: Tensor) -> Tensor:
        """Return the best guess that is the same for all rows; ``number`` (k,) is it in z."""
        return number


class OwnUnits(ZUnits):
    """The outputs are the predictions in the targets' own units, and so are losses.

    They are counted from the training mean, so that a head that starts at 0 starts there.
    """

    std: Tensor

    def __init__(self, targets: int) -> None:
        super().__init__(targets)
        self.register_buffer("std", torch.ones(targets))

    def fit(self, targets: Tensor, std: Tensor) -> None:
        """See ``ZUnits``."""
        self.std.copy_(std)

    def read(self, raw: Tensor) -> Tensor:
        """See ``ZUnits``."""
        return raw / self.std

    def truth(self, targets: Tensor) -> Tensor:
        """See ``ZUnits``."""
        return targets * self.std

    def constant(self, number: Tensor) -> Tensor:
        """See ``ZUnits``."""
        return self.truth(number)


class _Levels(ZUnits):
    """Levels (k, ``count``), evenly from the lowest training target to the highest.

    ``frequencies``: how the training rows are distributed over them, or over their thresholds.
    """

    levels: Tensor
    frequencies: Tensor

    def __init__(self, targets: int, count: int, questions: int) -> None:
        super().__init__(targets)
        self.targets, self.count = targets, count
        self.register_buffer("levels", torch.linspace(-1, 1, count).repeat(targets, 1))
        self.register_buffer("frequencies", torch.full((targets, questions), 0.5))

    def fit(self, targets: Tensor, std: Tensor) -> None:
        """See ``ZUnits``."""
        known = ~targets.isnan()
        columns = [column[has] for column, has in zip(targets.T, known.T, strict=True)]
        low = torch.stack([column.min() for column in columns])
        high = torch.stack([column.max() for column in columns])
        steps = torch.arange(self.count, dtype=low.dtype, device=low.device) / (self.count - 1)
        self.levels.copy_(low[:, None] + (high - low)[:, None] * steps)
        truth = self.truth(targets.to(self.levels.dtype))
        if known.all():
            self.frequencies.copy_(truth.mean(0))
        else:
            counted = torch.where(known[..., None], truth, truth.new_zeros(())).sum(0)
            self.frequencies.copy_(counted / known.sum(0)[:, None])

    @property
    def thresholds(self) -> Tensor:
        """Half way between one level and the next, (k, ``count`` - 1)."""
        return (self.levels[:, 1:] + self.levels[:, :-1]) / 2


class Bins(_Levels):
    """Classification over ``count`` bins; the prediction is the expected value.

    Rothe et al., "DEX: deep expectation of apparent age from a single image", ICCV workshops 2015,
    equation 1, where a target belongs to the bin of the nearest level (``smoothing`` 0). Otherwise
    its probability is spread as by a Gaussian of ``smoothing`` bin widths, so that targets between
    two levels differ: Imani and White, "Improving regression performance with distributional
    losses", ICML 2018, section 3; what lies beyond the outer levels counts as theirs.
    """

    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)

    def __init__(
        self,
        targets: int,
        *,
        count: Several = 20,
        smoothing: Annotated[float, Field(ge=0)] = 0.75,
    ) -> None:
        super().__init__(targets, count, count)
        self.smoothing, self.outputs = smoothing, targets * count

    def read(self, raw: Tensor) -> Tensor:
        """See ``ZUnits``."""
        return (self.guess(raw).softmax(-1) * self.levels).sum(-1)

    def guess(self, raw: Tensor) -> Tensor:
        """Return logits (n, k, ``count``)."""
        return raw.reshape(len(raw), self.targets, self.count)

    def truth(self, targets: Tensor) -> Tensor:
        """Return probabilities (n, k, ``count``)."""
        distance = self.thresholds - targets[..., None]
        if self.smoothing:
            width = self.levels[:, 1:2] - self.levels[:, :1]
            below = torch.special.ndtr(distance / (self.smoothing * width))
        else:
            below = (distance > 0).to(targets.dtype)
        ends = below.new_zeros((*below.shape[:-1], 1))
        return torch.cat([below, ends + 1], -1) - torch.cat([ends, below], -1)

    def constant(self, number: Tensor) -> Tensor:
        """See ``ZUnits``."""
        return (self.frequencies + FEW).log()


class Ordinal(_Levels):
    """For every threshold between levels, whether the target is above it.

    The prediction is the level with as many thresholds below it as are answered yes (Niu et al.,
    "Ordinal regression with multiple output CNN for age estimation", CVPR 2016, equation 3).
    ``shared``: all questions have one output and each a bias of its own, so that the answers are
    consistent (Cao, Mirjalili and Raschka, "Rank consistent ordinal regression for neural
    networks", Pattern Recognition Letters 2020, section 3.3); otherwise an output each. Biases
    start from the frequencies in the training rows.
    """

    losses: ClassVar[tuple[str, ...]] = ("binary_cross_entropy",)

    def __init__(self, targets: int, *, count: Several = 20, shared: bool = True) -> None:
        super().__init__(targets, count, count - 1)
        self.outputs = targets * (1 if shared else count - 1)
        self.bias = nn.Parameter(torch.zeros(targets, count - 1))

    def fit(self, targets: Tensor, std: Tensor) -> None:
        """See ``ZUnits``."""
        super().fit(targets, std)
        with torch.no_grad():
            self.bias.copy_(self.constant(std))

    def read(self, raw: Tensor) -> Tensor:
        """See ``ZUnits``."""
        number = (self.guess(raw) > 0).sum(-1)
        return self.levels.expand(len(raw), -1, -1).gather(-1, number[..., None])[..., 0]

    def guess(self, raw: Tensor) -> Tensor:
        """Return logits (n, k, ``count`` - 1)."""
        return raw.reshape(len(raw), self.targets, -1) + self.bias

    def truth(self, targets: Tensor) -> Tensor:
        """Return whether the targets are above the thresholds: 0 or 1, (n, k, ``count`` - 1)."""
        return (targets[..., None] > self.thresholds).to(targets.dtype)

    def constant(self, number: Tensor) -> Tensor:
        """See ``ZUnits``."""
        return self.frequencies.clamp(FEW, 1 - FEW).logit()


Readout = ZUnits
READOUTS: dict[str, type[Readout]] = {
    "z": ZUnits,
    "own": OwnUnits,
    "bins": Bins,
    "ordinal": Ordinal,
}
