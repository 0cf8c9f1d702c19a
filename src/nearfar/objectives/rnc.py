"""Rank-N-Contrast as a pre-training objective (Zha et al., NeurIPS 2023)."""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import RnCLoss
from nearfar.objectives.batches import Batch, features_of_views
from nearfar.ranks.exchange import gathered
from nearfar.ranks.share import as_mean, part


class RankNContrast(nn.Module):
    """Order the encoder's features by distance between labels: ``loss(batch)`` is ``RnCLoss``.

    ``views`` of every row stand in a batch; the paper takes two of images. Labels of several
    dimensions are compared in z units, so that none outweighs the others; several labels a row by
    how many differ. Rows that lack some of several targets are compared by those that both have
    (:class:`SharedTargets`).
    """

    least_rows: ClassVar[int] = 2
    views: int = 1
    reads_labels: ClassVar[bool] = True
    sees_ranks: ClassVar[bool] = True
    blends_features: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "multilabel"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Annotated[float, Field(gt=0)] = 2.0,
        label_diff: Literal["l1", "l2"] = "l1",
        feature_sim: Literal["l2", "l1", "cosine", "dot"] = "l2",
        views: Literal[1, 2] = 1,
    ) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views
        self.criterion = RnCLoss(
            temperature=temperature, label_diff=label_diff, feature_sim=feature_sim
        )
        self.shared = SharedTargets(1 if label_diff == "l1" else 2)
        self.with_gaps = RnCLoss(
            temperature=temperature, label_diff=self.shared, feature_sim=feature_sim
        )

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        features = gathered(features_of_views(self.encoder, batch))
        targets = gathered(batch.targets)
        if not targets.isnan().any():
            return as_mean(self.criterion(features, targets, part()))
        self.shared.begin(targets)
        return as_mean(self.with_gaps(features, SharedTargets.with_known(targets), part()))


class SharedTargets:
    """Differences of labels of which rows lack some: by the targets that both rows have.

    The sum of differences over the targets that both have (of ``power`` 2, the root of the sum of
    squares) is scaled up to all of them, as scikit-learn's ``nan_euclidean_distances`` does. Two
    rows that have no target in common are neither near nor far: they get the mean difference of all
    other pairs of the batch.
    """

    def __init__(self, power: int) -> None:
        self.power, self.mean = power, 0.0

    @staticmethod
    def with_known(targets: Tensor) -> Tensor:
        """Return (n, 2k): targets (n, k), 0 where one is NaN, then 1 or 0, whether it is known."""
        known = ~targets.isnan()
        return torch.cat([targets.nan_to_num(0.0), known.to(targets.dtype)], dim=1)

    def begin(self, targets: Tensor) -> None:
        """Take the mean difference of the pairs of a batch (n, k) that have some in common."""
        labels = self.with_known(targets)
        found, shared = self._differences(labels, labels)
        pairs = (shared > 0).fill_diagonal_(False)
        self.mean = float(found[pairs].mean()) if bool(pairs.any()) else 0.0

    def __call__(self, some: Tensor, all_labels: Tensor) -> Tensor:
        """Return the differences (r, n) of labels (r, 2k) and (n, 2k), float64."""
        found, shared = self._differences(some, all_labels)
        return torch.where(shared > 0, found, torch.full_like(found, self.mean))

    def _differences(self, some: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Return the differences (r, n), and how many targets both rows have."""
        count = some.shape[1] // 2
        shared = some[:, count:] @ others[:, count:].T
        total = torch.zeros_like(shared)
        for k in range(count):
            both = some[:, count + k, None] * others[None, :, count + k]
            total += both * (some[:, k, None] - others[None, :, k]).abs().pow(self.power)
        scaled = total * count / shared.clamp_min(1)
        return (scaled if self.power == 1 else scaled.sqrt()), shared
