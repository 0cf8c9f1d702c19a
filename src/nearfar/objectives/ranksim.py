"""Regression with neighbours in order: RankSim (Gong et al., ICML 2022)."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import ranksim_loss
from nearfar.objectives.known_targets import by_known_targets
from nearfar.objectives.supervised import Regression


class RankSim(Regression):
    """encoder → one affine map → a regression loss, plus ``weight`` · ``ranksim_loss``.

    The regulariser compares the encoder's features with the targets in z units. Of rows that lack
    some of several targets each target is ranked alone, by the rows that have it. The weight
    multiplies the gradient of the regulariser behind the ranks, which a factor before them would
    not do (see the loss): the paper's setting for ages, a factor of 100 and λ = 2, is ``weight``
    100 and ``interpolation`` 200 here.
    """

    def __init__(
        self,
        encoder: nn.Module,
        outputs: int,
        *,
        loss: Literal["l1", "mse", "huber"] = "l1",
        weight: Annotated[float, Field(gt=0)] = 0.01,
        interpolation: Annotated[float, Field(gt=0)] = 200.0,
    ) -> None:
        super().__init__(encoder, outputs, loss=loss)
        self.weight = weight
        self.regulariser = partial(ranksim_loss, interpolation=interpolation)

    def added(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted regulariser of features (b, d) and targets (b, k), a scalar."""
        before = features.detach()
        # As large as it was, with a gradient as many times as large.
        scaled = before + self.weight * (features - before)
        found = by_known_targets(self.regulariser, scaled, targets)
        return self.weight * found.detach() + (found - found.detach())
