"""Objectives over labelled pairs and triplets: rows of a class are similar, others are not."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import (
    Mahalanobis,
    contrastive_loss,
    l2_distances,
    pair_likelihood_loss,
    triplet_loss,
    unit,
)
from nearfar.objectives.batches import Batch


class _LabelledRows(nn.Module):
    """One view of rows with class numbers; features at length 1 where ``normalise``."""

    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})

    def __init__(self, encoder: nn.Module, normalise: bool) -> None:
        super().__init__()
        self.encoder, self.normalise = encoder, normalise

    def features(self, batch: Batch) -> Tensor:
        """Return the encoder's features (b, d) as the loss compares them."""
        features: Tensor = self.encoder(batch.inputs)
        return unit(features) if self.normalise else features


class _LearnedOrEuclidean(nn.Module):
    """Features (b, d) → distances (b, b): ``l2``, or ``mahalanobis``, learned with the encoder."""

    def __init__(self, kind: Literal["l2", "mahalanobis"], width: int) -> None:
        super().__init__()
        self.learned = Mahalanobis(width) if kind == "mahalanobis" else None

    def forward(self, features: Tensor) -> Tensor:
        """Return the distances between the rows of a batch."""
        if self.learned is None:
            return l2_distances(features)
        distances: Tensor = self.learned(features)
        return distances


class ContrastivePairs(_LabelledRows):
    """``contrastive_loss`` on the encoder's features (Hadsell et al., CVPR 2006).

    There is no projection. ``normalise`` puts features at length 1 first, where no two are farther
    apart than 2.
    """

    least_rows: ClassVar[int] = 2

    def __init__(
        self,
        encoder: nn.Module,
        *,
        margin: Annotated[float, Field(gt=0)] = 1.0,
        distance: Literal["l2", "mahalanobis"] = "l2",
        normalise: bool = False,
    ) -> None:
        super().__init__(encoder, normalise)
        self.margin = margin
        self.distances = _LearnedOrEuclidean(distance, int(encoder.out_features))  # type: ignore[arg-type]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        distances = self.distances(self.features(batch))
        return contrastive_loss(distances, batch.classes, self.margin)


class Triplets(_LabelledRows):
    """``triplet_loss`` on the encoder's features (Schroff et al. 2015, Hermans et al. 2017).

    There is no projection. ``normalise`` puts features at length 1 first, as Schroff et al. do,
    which keeps them from collapsing or growing; Hermans et al. leave them as they are.
    """

    least_rows: ClassVar[int] = 3

    def __init__(
        self,
        encoder: nn.Module,
        *,
        margin: Annotated[float, Field(gt=0)] = 0.2,
        mining: Literal["all", "batch_hard", "semi_hard"] = "semi_hard",
        distance: Literal["l2", "mahalanobis"] = "l2",
        normalise: bool = True,
    ) -> None:
        super().__init__(encoder, normalise)
        self.margin, self.mining = margin, mining
        self.distances = _LearnedOrEuclidean(distance, int(encoder.out_features))  # type: ignore[arg-type]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        distances = self.distances(self.features(batch))
        return triplet_loss(distances, batch.classes, self.margin, self.mining)


class PairLikelihood(_LabelledRows):
    """``pair_likelihood_loss`` on the encoder's features, at length 1 where ``normalise``.

    There is no projection.
    """

    least_rows: ClassVar[int] = 3

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        normalise: bool = True,
    ) -> None:
        super().__init__(encoder, normalise)
        self.temperature = temperature

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        return pair_likelihood_loss(self.features(batch), batch.classes, self.temperature)
