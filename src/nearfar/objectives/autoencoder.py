"""Auto-encoding as a pre-training objective: the features must suffice to give the input back."""

from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from nearfar.errors import UserError
from nearfar.heads.decoders import Decoder, VectorDecoder
from nearfar.objectives.batches import Batch
from nearfar.ranks.exchange import total
from nearfar.ranks.share import by_rows, current


class AutoEncoder(nn.Module):
    """encoder → decoder → error summed over all numbers of a row, averaged over rows.

    Images are compared with values in [0, 1], and the decoder ends in a sigmoid. Columns are
    compared after batch norm without weights, so that none outweighs the others by its unit.

    Args:
        encoder: of images or vectors, with ``in_shape``.
        loss: ``mse`` is the sum of squared errors of a row (the published number), ``bce`` the sum
            of binary cross-entropies, for images alone.
        frozen_encoder: train the decoder alone; the encoder stays bit-identical.

    Raises:
        UserError: the encoder's inputs are neither images nor vectors, or ``bce`` for vectors.
    """

    least_rows: ClassVar[int] = 2
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = False
    sees_ranks: ClassVar[bool] = True
    chunked: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification", "multilabel"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        loss: Literal["mse", "bce"] = "mse",
        frozen_encoder: bool = False,
    ) -> None:
        super().__init__()
        shape = getattr(encoder, "in_shape", None)
        if shape is None:
            raise UserError(
                "objective autoencoder gives back images or vectors, which the encoder"
                f" {type(encoder).__name__} does not take"
            )
        if loss == "bce" and len(shape) == 1:
            raise UserError("objective autoencoder: loss bce is for images; vectors take mse")
        self.encoder, self.decoder = encoder, mirror(encoder, shape)
        self.scale = nn.BatchNorm1d(shape[0], affine=False) if len(shape) == 1 else None
        self._cross_entropy, self._frozen = loss == "bce", frozen_encoder
        if frozen_encoder:
            encoder.requires_grad_(False)
        self._squares: Tensor | float = 0.0
        self._rows = 0

    def train(self, mode: bool = True) -> Self:
        """Set training mode, but leave a frozen encoder in evaluation mode."""
        super().train(mode)
        self.encoder.train(mode and not self._frozen)
        return self

    def loss(self, batch: Batch) -> Tensor:
        """Return the error of a batch, a scalar."""
        inputs: Tensor = batch.inputs
        decoded: Tensor = self.decoder(self.encoder(inputs)).float()
        truth = inputs if self.scale is None else self.scale(inputs)
        guess = decoded.sigmoid() if self.scale is None else decoded
        squares = (guess - truth).square().sum()
        self._squares = self._squares + total(squares)
        share = current()
        self._rows += len(inputs) if share is None else share.rows
        if self._cross_entropy:
            bits = functional.binary_cross_entropy_with_logits(decoded, truth, reduction="sum")
            return by_rows(bits / len(inputs))
        return by_rows(squares / len(inputs))

    @torch.no_grad()
    def reconstruct(self, inputs: Tensor) -> Tensor:
        """Return what the decoder makes of a batch of inputs: the same shape and scale."""
        decoded: Tensor = self.decoder(self.encoder(inputs))
        if self.scale is None:
            return decoded.sigmoid()
        mean, variance = self.scale.running_mean, self.scale.running_var
        assert mean is not None
        assert variance is not None
        return decoded * (variance + self.scale.eps).sqrt() + mean

    def monitor(self) -> dict[str, float]:
        """Return the mean sum of squared errors (``sse``) of the rows seen since the last call.

        It counts training and validation alike, so ask after each.
        """
        if not self._rows:
            return {}
        value = float(self._squares) / self._rows
        self._squares, self._rows = 0.0, 0
        return {"sse": value}


def mirror(encoder: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Return a fresh decoder for an encoder of rows of a shape, (columns,) or (c, h, w)."""
    features = int(encoder.out_features)  # type: ignore[arg-type]
    if len(shape) == 1:
        layers: list[nn.Module] = encoder.layer_groups()  # type: ignore[operator]
        return VectorDecoder(features, len(layers), shape[0])
    channels, height, width = shape
    return Decoder(features, (channels, height, width))
