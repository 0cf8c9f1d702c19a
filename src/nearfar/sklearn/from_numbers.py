"""Transformers that learn from numbers: rows near in y become near in features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar import objectives
from nearfar.data.scales import Floats
from nearfar.sklearn.transformer import EncoderTransformer, number_targets


class RankNContrast(EncoderTransformer):
    """Rank-N-Contrast: features ordered by distance between targets (Zha et al. 2023).

    Zha, Cao, Son, Yang and Katabi, "Rank-N-Contrast: learning continuous representations for
    regression", NeurIPS 2023, equation 1, on the encoder's features; no projection, one view.
    Several targets are compared in z units.

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVR
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(RankNContrast(epochs=1, random_state=0), SVR(C=100))
    >>> model.fit(X, y).predict(X[:2]).shape
    (2,)

    Args:
        temperature: what similarities are divided by.
        label_diff: distance between targets, ``l1`` or ``l2``.
        feature_sim: similarity of features: ``l2`` or ``l1`` (negative distances), ``cosine`` or
            ``dot``.
        layers: hidden layers of the encoder.
        hidden: width of every layer, and number of features.
        dropout: probability of dropping a unit in training.
        epochs: passes over the rows.
        batch_size: rows of a batch; never more than there are.
        lr: highest learning rate of AdamW, in one cycle.
        weight_decay: of AdamW.
        device: where it is trained: ``cpu``, ``cuda``, or ``auto`` (cuda where there is one). The
            fitted encoder is on the processor.
        random_state: for weights, batches and views.

    Attributes:
        encoder_: the trained encoder, a ``torch.nn.Module`` of scaled rows, float32.
        column_mean_, column_scale_: what the columns are scaled with, shape (columns,).
        loss_curve_: the mean loss of every epoch.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.RankNContrast
    objective_options = ("temperature", "label_diff", "feature_sim")
    labels = "numbers"

    def __init__(
        self,
        *,
        temperature: float = 2.0,
        label_diff: str = "l1",
        feature_sim: str = "l2",
        layers: int = 2,
        hidden: int = 128,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            layers=layers,
            hidden=hidden,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            device=device,
            random_state=random_state,
        )
        self.temperature = temperature
        self.label_diff = label_diff
        self.feature_sim = feature_sim

    def _targets(self, given: NDArray[Any]) -> tuple[Floats, int]:
        """See ``EncoderTransformer``."""
        targets = number_targets(given, type(self).__name__)
        return targets, targets.shape[1]


class RegressionEncoder(EncoderTransformer):
    """Features of an encoder that was trained to predict numbers through one affine map.

    What a contrastive objective has to beat: the same encoder, labels and budget under a plain
    loss. The affine map is thrown away.

    Args:
        loss: ``l1``, ``mse`` or ``huber``, in z units.
        layers: hidden layers of the encoder.
        hidden: width of every layer, and number of features.
        dropout: probability of dropping a unit in training.
        epochs: passes over the rows.
        batch_size: rows of a batch; never more than there are.
        lr: highest learning rate of AdamW, in one cycle.
        weight_decay: of AdamW.
        device: where it is trained: ``cpu``, ``cuda``, or ``auto`` (cuda where there is one). The
            fitted encoder is on the processor.
        random_state: for weights, batches and views.

    Attributes:
        encoder_: the trained encoder, a ``torch.nn.Module`` of scaled rows, float32.
        column_mean_, column_scale_: what the columns are scaled with, shape (columns,).
        loss_curve_: the mean loss of every epoch.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.Regression
    objective_options = ("loss",)
    labels = "numbers"

    def __init__(
        self,
        *,
        loss: str = "l1",
        layers: int = 2,
        hidden: int = 128,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            layers=layers,
            hidden=hidden,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            device=device,
            random_state=random_state,
        )
        self.loss = loss

    def _targets(self, given: NDArray[Any]) -> tuple[Floats, int]:
        """See ``EncoderTransformer``."""
        targets = number_targets(given, type(self).__name__)
        return targets, targets.shape[1]
