"""Transformers that learn from classes: rows of one class become near, others far."""

from __future__ import annotations

from typing import Any

import numpy as np

from nearfar import objectives
from nearfar.sklearn.transformer import EncoderTransformer


class SupervisedContrastive(EncoderTransformer):
    """Supervised contrast: views of a class near, others far (Khosla et al. 2020).

    Khosla et al., "Supervised contrastive learning", NeurIPS 2020, equation 2, behind a projection
    that is thrown away, on two views of every row. Of rows of numbers a view has some cells of
    other rows (see :class:`SimCLR`).

    Args:
        temperature: what cosines are divided by.
        corruption: share of the cells that a view takes from other rows, see :class:`SimCLR`.
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
        classes_: the classes, sorted.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.SupervisedContrast
    objective_options = ("temperature", "out")
    labels = "classes"

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        corruption: float = 0.2,
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


class ContrastivePairs(EncoderTransformer):
    """Pairs of a class are drawn together, others pushed apart up to a margin (Hadsell 2006).

    Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", CVPR
    2006, equation 4, over all pairs of a batch; no projection.

    Args:
        margin: distance from which unlike rows are far enough.
        distance: ``l2``, or ``mahalanobis``, learned along.
        normalise: put features at length 1 before they are compared.
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
        classes_: the classes, sorted.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.ContrastivePairs
    objective_options = ("margin", "distance", "normalise")
    labels = "classes"

    def __init__(
        self,
        *,
        margin: float = 1.0,
        distance: str = "l2",
        normalise: bool = False,
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
        self.margin = margin
        self.distance = distance
        self.normalise = normalise


class Triplets(EncoderTransformer):
    """An anchor is nearer to its class than to others by a margin (Schroff et al. 2015).

    Schroff, Kalenichenko and Philbin, "FaceNet", CVPR 2015, equation 2; mining as in Hermans,
    Beyer and Leibe, "In defense of the triplet loss", 2017. No projection.

    Args:
        margin: by how much nearer.
        mining: which triplets of a batch count: ``all``, ``batch_hard`` or ``semi_hard``.
        distance: ``l2``, or ``mahalanobis``, learned along.
        normalise: put features at length 1 before they are compared.
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
        classes_: the classes, sorted.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.Triplets
    objective_options = ("margin", "mining", "distance", "normalise")
    labels = "classes"
    least_rows = 3

    def __init__(
        self,
        *,
        margin: float = 0.2,
        mining: str = "semi_hard",
        distance: str = "l2",
        normalise: bool = True,
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
        self.margin = margin
        self.mining = mining
        self.distance = distance
        self.normalise = normalise


class PairLikelihood(EncoderTransformer):
    """The likelihood of picking rows of one's class, and no others.

    Row i picks row j with p_ij = exp(f_i · f_j / temperature) / Σ_k exp(f_i · f_k / temperature);
    the loss is -log p_ij of pairs of a class and -log(1 - p_ij) of others. No projection. Such a
    softmax over rows, of distances, is in Goldberger et al., "Neighbourhood components analysis",
    NeurIPS 2004.

    Args:
        temperature: what products are divided by.
        normalise: put features at length 1 before they are compared.
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
        classes_: the classes, sorted.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.PairLikelihood
    objective_options = ("temperature", "normalise")
    labels = "classes"
    least_rows = 3

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        normalise: bool = True,
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
        self.normalise = normalise


class ClassificationEncoder(EncoderTransformer):
    """Features of an encoder that was trained to classify through one affine map.

    What a contrastive objective has to beat: the same encoder, labels and budget under
    cross-entropy. The affine map is thrown away.

    Args:
        label_smoothing: share of a class's probability that is spread over all; None for none.
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
        classes_: the classes, sorted.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    objective = objectives.CrossEntropy
    objective_options = ("label_smoothing",)
    labels = "classes"

    def __init__(
        self,
        *,
        label_smoothing: float | None = None,
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
        self.label_smoothing = label_smoothing
