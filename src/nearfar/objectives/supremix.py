"""SupReMix: contrast for numbers with mixed features (Wu et al., "Mixup Your Own Pairs", 2023)."""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import supremix_loss
from nearfar.objectives.batches import Batch, features_of_views
from nearfar.objectives.known_targets import each_target

Positive = Annotated[float, Field(gt=0)]


class SupReMix(nn.Module):
    """encoder → ``supremix_loss`` of its features and the targets in z units.

    The anchor's share in a hard negative is drawn for each pair from a Beta distribution with the
    parameters ``beta``. ``window`` is in z units. ``views`` of every row stand in a batch; the
    paper takes two of images. Each of several targets is compared alone, by the rows that have it,
    and the mean is taken.
    """

    least_rows: ClassVar[int] = 2
    views: int = 1
    reads_labels: ClassVar[bool] = True
    blends_features: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})

    def __init__(
        self,
        encoder: nn.Module,
        *,
        temperature: Positive = 0.3,
        window: Positive = 0.25,
        beta: tuple[Positive, Positive] = (2.0, 8.0),
        views: Literal[1, 2] = 1,
    ) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views
        self.temperature, self.window, self.beta = temperature, window, beta

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        return each_target(
            self._of_one_target, features_of_views(self.encoder, batch), batch.targets
        )

    def _of_one_target(self, features: Tensor, targets: Tensor) -> Tensor:
        return supremix_loss(
            features,
            targets[:, 0],
            self._shares(len(features) * self.views, features.device),
            temperature=self.temperature,
            window=self.window,
        )

    def _shares(self, rows: int, device: torch.device) -> Tensor:
        concentration = torch.tensor(self.beta, device=device)
        drawn = torch.distributions.Beta(concentration[0], concentration[1])
        return drawn.sample((rows, rows))
