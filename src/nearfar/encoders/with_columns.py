"""Encoders of molecules or images whose features have measured columns beside them."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, cat, nn

from nearfar.data.inputs.joined import Joined, JoinedBatch
from nearfar.data.inputs.vectors import Vectors
from nearfar.encoders.base import KINDS, Encoder, FixedEncoder


class JoinedEncoder(Encoder):
    """Features of ``encoder``, then the prepared columns: (b, ``encoder.out_features`` + c).

    Args:
        encoder: of the molecules or images.
        columns: how many numbers the prepared columns are.
    """

    accepts: ClassVar[frozenset[str]] = KINDS

    def __init__(self, encoder: Encoder, columns: int) -> None:
        super().__init__()
        self.alone = encoder
        self.out_features = encoder.out_features + columns

    def forward(self, batch: JoinedBatch) -> Tensor:
        """Return features and columns of a batch, float32 (b, ``out_features``)."""
        features: Tensor = self.alone(batch.batch)
        return cat([features, batch.columns.to(features.dtype)], dim=1)

    def start_from(self, batch: JoinedBatch) -> None:
        """Show training rows to an encoder that starts from some."""
        start_from: Any = getattr(self.alone, "start_from", None)
        if start_from is not None:
            start_from(batch.batch)

    def held(self) -> Iterable[nn.Parameter]:
        """Return the parameters of the encoder that stay as they are."""
        return self.alone.held()

    def layer_groups(self) -> list[nn.Module]:
        """Return the encoder's layers."""
        return self.alone.layer_groups()


class JoinedFixed(FixedEncoder):
    """Features of a fixed ``encoder``, then the prepared columns.

    Args:
        encoder: of the molecules or images.
        columns: how many numbers the prepared columns are.
    """

    accepts: ClassVar[frozenset[str]] = KINDS

    def __init__(self, encoder: FixedEncoder, columns: int) -> None:
        self.alone = encoder
        self.out_features = encoder.out_features + columns

    def features(self, inputs: Joined) -> np.ndarray:
        """Return features and columns of every row, float32 (n, ``out_features``)."""
        return beside(self.alone.features(inputs.inputs), inputs)


def beside(features: np.ndarray, inputs: Joined) -> np.ndarray:
    """Return features (n, d) with the prepared columns of the rows beside them."""
    assert isinstance(inputs.columns, Vectors)
    return np.concatenate([features, inputs.columns.values.cpu().numpy()], axis=1)


def joined_encoder(
    encoder: Encoder | FixedEncoder, inputs: Any
) -> Encoder | FixedEncoder | JoinedEncoder | JoinedFixed:
    """Return an encoder of ``inputs``: where these have columns beside them, one that joins them.

    Args:
        encoder: of the molecules or images alone.
        inputs: any rows; columns beside them are prepared.
    """
    if not isinstance(inputs, Joined):
        return encoder
    assert isinstance(inputs.columns, Vectors)
    count = len(inputs.columns.columns)
    if isinstance(encoder, FixedEncoder):
        return JoinedFixed(encoder, count)
    return JoinedEncoder(encoder, count)
