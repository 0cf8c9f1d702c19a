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
    changes which ranks swap rather than the size of the gradient (see the loss), so the results
    hardly depend on it.
    """

    def __init__(
        self,
        encoder: nn.Module,
        outputs: int,
        *,
        loss: Literal["l1", "mse", "huber"] = "l1",
        weight: Annotated[float, Field(gt=0)] = 100.0,
        interpolation: Annotated[float, Field(gt=0)] = 2.0,
    ) -> None:
        super().__init__(encoder, outputs, loss=loss)
        self.weight = weight
        self.regulariser = partial(ranksim_loss, interpolation=interpolation)

    def added(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted regulariser of features (b, d) and targets (b, k), a scalar."""
        return self.weight * by_known_targets(self.regulariser, features, targets)
