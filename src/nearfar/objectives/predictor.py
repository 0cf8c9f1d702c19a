"""Supervised: encoder, standardisation, head and readout under a loss, any part of it trained."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from nearfar.data import Images
from nearfar.heads.networks import Standardise
from nearfar.heads.readouts import Readout
from nearfar.losses.classification import cross_entropy
from nearfar.losses.gaps import mean_of_known
from nearfar.losses.precision import in_full_precision
from nearfar.objectives.batches import Batch
from nearfar.objectives.closed_form import affine_maps, cross_entropy_step
from nearfar.ranks.exchange import gathered, gathered_or_none

Loss = Callable[[Tensor, Tensor], Tensor]


IMAGES, PIXELS = 128, 1 << 21
"""Images, and pixels of them, that a processor encodes at once: of more, what layers put out has
left its caches before the next layer asks for it (1,024 of EfficientNet-Lite0 at 96 pixels take
three times the time and eight times the memory)."""


class Predictor(nn.Module):
    """encoder → standardise → head → readout; ``loss(batch)`` compares with the batch's targets.

    ``trained`` is ``all`` (encoder and head), ``head``, or a number k: the encoder's last k layer
    groups and the head. What is not trained stays bit-identical: its parameters take no gradient
    and its batch norm uses and keeps the statistics it has. ``batch_norm="eval"`` holds those
    statistics in the trained layers of the encoder too. ``classifies``: the head puts out logits,
    whose accuracy ``monitor`` returns. Each layer of the encoder learns ``layer_decay`` times as
    fast as the one after it. ``elementwise`` is the loss before its mean is taken,
    for batches whose rows have weights, and for targets of which some are not known (``gaps``).
    Without a ``readout`` the head's outputs are the predictions.
    """

    gaps: bool = False
    """Whether some targets are NaN: not known, and left out of the loss."""
    weighted: bool = False
    """Whether batches have weights."""
    sees_ranks: ClassVar[bool] = True

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        loss: Loss,
        *,
        trained: Literal["all", "head"] | int = "all",
        batch_norm: Literal["train", "eval"] = "train",
        encoder_lr: float = 1.0,
        layer_decay: float = 1.0,
        classifies: bool = False,
        elementwise: Loss | None = None,
        readout: Readout | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.readout = encoder, head, readout or Readout()
        self.standardise = Standardise(int(encoder.out_features))  # type: ignore[arg-type]
        self.criterion, self._batch_norm, self._encoder_lr = loss, batch_norm, encoder_lr
        self.classifies, self._elementwise = classifies, elementwise
        self._layer_decay = layer_decay
        self._right: list[Tensor] = []
        self._live = self._live_parts(trained)
        live = {id(p) for part in self._live for p in part.parameters()}
        live -= {id(p) for p in getattr(encoder, "held", tuple)()}
        for parameter in encoder.parameters():
            parameter.requires_grad_(id(parameter) in live)

    def _live_parts(self, trained: Literal["all", "head"] | int) -> list[nn.Module]:
        if trained == "all":
            return [self.encoder]
        if trained == "head":
            return []
        groups: list[nn.Module] = self.encoder.layer_groups()  # type: ignore[operator]
        if trained > len(groups):
            raise ValueError(f"train: last:{trained}, but the encoder has {len(groups)} layers")
        return groups[-trained:]

    def train(self, mode: bool = True) -> Self:
        """Set training mode for what is trained, evaluation mode for the rest."""
        super().train(mode)
        self.encoder.eval()
        for part in self._live if mode else []:
            part.train()
            if self._batch_norm == "eval":
                for module in part.modules():
                    if isinstance(module, nn.modules.batchnorm._BatchNorm):
                        module.eval()
        return self

    def forward(self, inputs: Any) -> Tensor:
        """Return predictions (b, k) in z units."""
        return self.readout.read(self.outputs(inputs))

    def outputs(self, inputs: Any) -> Tensor:
        """Return what the head puts out (b, …), not yet read."""
        return self._decoded(self.encoder(inputs))

    def of_features(self, features: Tensor) -> Tensor:
        """Return predictions (b, k) in z units, of what the encoder made of a batch (b, d)."""
        return self.readout.read(self._decoded(features))

    @in_full_precision
    def _decoded(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.standardise(features))
        return outputs

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        outputs = gathered(self._decoded(batch.blended(self.encoder(batch.inputs))))
        targets = gathered(batch.targets)
        if self.training:
            self._count(outputs, targets[:, 0])
        return self.compare(outputs, targets, gathered_or_none(batch.weights))

    def compare(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the loss of what the head puts out (b, …), a scalar.

        ``targets`` (b, k) are in z units; rows count by ``weights`` (b,), or targets by (b, k).
        """
        truth = self.truth(targets.to(outputs.dtype))
        return self.measure(self.readout.guess(outputs), truth, weights)

    def truth(self, targets: Tensor) -> Tensor:
        """Return what the loss takes as target, NaN where one is not known."""
        truth = self.readout.truth(targets)
        if not self.gaps:
            return truth
        unknown = targets.isnan().reshape(*targets.shape, *(1,) * (truth.dim() - targets.dim()))
        return truth.masked_fill(unknown, float("nan"))

    def measure(self, guess: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the loss of what the readout makes of outputs and of targets, a scalar."""
        if weights is None and not self.gaps:
            return self.criterion(guess, truth)
        assert self._elementwise is not None
        if self.gaps or weights is None:
            return mean_of_known(self._elementwise, guess, truth, weights)
        each = self._elementwise(guess, truth)
        if weights.dim() > 1:
            return (each * weights.to(each.dtype)).mean()
        rows = each.reshape(len(each), -1).mean(1)
        return (rows * weights.to(rows.dtype)).mean()

    def _count(self, prediction: Tensor, classes: Tensor) -> None:
        if self.classifies:
            self.note(prediction.argmax(1) == classes)

    def note(self, right: Tensor) -> None:
        """Note for ``monitor`` which rows of a batch (b,) were classified rightly."""
        self._right.append(right)

    def monitor(self) -> dict[str, float]:
        """Return the accuracy of a classifier over the rows trained on since the last call."""
        if not self._right:
            return {}
        value = float(torch.cat(self._right).double().mean())
        self._right.clear()
        return {"accuracy": value}

    def step_of(self) -> Callable[[Batch], Tensor] | None:
        """Return what gives a batch's loss and leaves its gradients, None where autograd is needed.

        It is not needed for a linear or an MLP head under cross-entropy whose features are computed
        before: there, autograd's bookkeeping would be most of the cost.
        """
        maps = affine_maps(self.head)
        fixed = not any(True for _ in self.encoder.parameters())
        if maps is None or not fixed or self.criterion is not cross_entropy or self.weighted:
            return None

        mean, scale = self.standardise.mean, self.standardise.scale

        def step(batch: Batch) -> Tensor:
            features = (self.encoder(batch.inputs) - mean) / scale
            classes = batch.classes.long()
            logits, loss = cross_entropy_step(maps, features, classes)
            self._count(logits, classes)
            return loss

        return step

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their factors on the learning rate."""
        encoder = [p for p in self.encoder.parameters() if p.requires_grad]
        own = [*self.head.parameters(), *self.readout.parameters()]
        if self._layer_decay == 1:
            return [(encoder, self._encoder_lr), (own, 1.0)]
        found: dict[int, list[nn.Parameter]] = {}
        after = self._layers_after()
        for parameter in encoder:
            found.setdefault(after[id(parameter)], []).append(parameter)
        factors = ((part, self._encoder_lr * self._layer_decay**k) for k, part in found.items())
        return [*factors, (own, 1.0)]

    def _layers_after(self) -> dict[int, int]:
        """Return by parameter how many of the encoder's layers come after it; all of them if it
        is of none, as positions are."""
        layers: list[nn.Module] = self.encoder.layer_groups()  # type: ignore[operator]
        count = {id(p): len(layers) for p in self.encoder.parameters()}
        for place, layer in enumerate(layers):
            count |= {id(p): len(layers) - 1 - place for p in layer.parameters()}
        return count


@torch.no_grad()
def in_chunks(
    module: nn.Module,
    inputs: Any,
    rows: Tensor,
    size: int = 1024,
    call: Callable[[Any], Tensor] | None = None,
) -> Tensor:
    """Return ``module`` of the rows (n,) of ``inputs`` in evaluation mode.

    Up to ``size`` at a time; of images a processor takes fewer.

    ``call``: a function of the module to call in the place of its ``forward``.
    """
    module.eval()
    of = module if call is None else call
    if isinstance(inputs, Images) and rows.device.type == "cpu":
        size = min(size, IMAGES, max(1, PIXELS // math.prod(inputs.shape[1:])))
    return torch.cat([of(inputs.select(part)) for part in torch.split(rows, size)])
