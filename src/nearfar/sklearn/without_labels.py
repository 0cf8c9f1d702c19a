"""Transformers that learn without labels, and one that does not learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from nearfar import objectives
from nearfar.sklearn.transformer import EncoderTransformer


class SimCLR(EncoderTransformer):
    """Two views of a row near, other rows far (Chen et al. 2020), with the views of SCARF.

    Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020,
    equation 1, behind a projection that is thrown away. Columns have no crops or colours, so a view
    of a row has some cells of other rows: Bahri et al., "SCARF", ICLR 2022, which corrupts one of
    the two views, this both. ``y`` is not looked at.

    Args:
        temperature: what cosines are divided by.
        corruption: probability of a cell to be replaced by that of another training row, in [0, 1].
        projection: hidden widths of the projection; empty for one affine map.
        out: outputs of the projection.
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

    objective = objectives.NTXent
    objective_options = ("temperature", "out")

    def __init__(
        self,
        *,
        temperature: float = 0.5,
        corruption: float = 0.3,
        projection: tuple[int, ...] = (128,),
        out: int = 64,
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
        self.corruption = corruption
        self.projection = projection
        self.out = out

    def _chosen(self) -> dict[str, Any]:
        """See ``EncoderTransformer``."""
        return {**super()._chosen(), "hidden": self.projection}


class MomentumContrast(EncoderTransformer):
    """A view picks the other one among the rows of past batches (MoCo: He et al. 2020).

    He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020,
    algorithm 1; views as of :class:`SimCLR`. ``y`` is not looked at.

    Args:
        queue: keys of past batches that a query is compared with.
        temperature: what cosines are divided by.
        momentum: share of themselves that the weights of the key encoder keep in a step.
        corruption: share of the cells that a view takes from other rows, see :class:`SimCLR`.
        projection: hidden widths of the projection; empty for one affine map, as in the paper.
        out: outputs of the projection.
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

    objective = objectives.MomentumContrast
    objective_options = ("queue", "temperature", "momentum", "out")

    def __init__(
        self,
        *,
        queue: int = 1024,
        temperature: float = 0.07,
        momentum: float = 0.99,
        corruption: float = 0.3,
        projection: tuple[int, ...] = (),
        out: int = 64,
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
        self.queue = queue
        self.temperature = temperature
        self.momentum = momentum
        self.corruption = corruption
        self.projection = projection
        self.out = out

    def _chosen(self) -> dict[str, Any]:
        """See ``EncoderTransformer``."""
        return {**super()._chosen(), "hidden": self.projection, "split_batch_norm": 1}


class Autoencoder(EncoderTransformer):
    """Features from which the columns can be told again.

    encoder → decoder of as many layers → squared error summed over the scaled columns of a row
    (Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science
    2006, without its layer-wise start). With ``hidden`` below the number of columns it compresses.
    ``y`` is not looked at.

    Args:
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

    objective = objectives.AutoEncoder

    def __init__(
        self,
        *,
        layers: int = 2,
        hidden: int = 32,
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


class UntrainedEncoder(EncoderTransformer):
    """The same encoder with the weights it starts from: what training has to beat.

    Random features of the scaled columns. ``y`` is not looked at, and ``epochs``, ``batch_size``,
    ``lr`` and ``weight_decay`` change nothing.

    Args:
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

    def __init__(
        self,
        *,
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
