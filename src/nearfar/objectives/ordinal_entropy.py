"""Regression with spread-out features: ordinal entropy (Zhang et al., ICLR 2023)."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from nearfar.losses import ordinal_entropy_loss
from nearfar.objectives.known_targets import by_known_targets
from nearfar.objectives.supervised import Regression


class OrdinalEntropy(Regression):
    """encoder → one affine map → a regression loss, plus ``ordinal_entropy_loss``.

    The regulariser compares the encoder's features with the targets in z units, weighted by
    ``diversity`` and ``tightness``. Of rows that lack some of several targets each target counts
    alone, by the rows that have it.
    """

    def __init__(
        self,
        encoder: nn.Module,
        outputs: int,
        *,
        loss: Literal["l1", "mse", "huber"] = "l1",
        diversity: Annotated[float, Field(ge=0)] = 1.0,
        tightness: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        super().__init__(encoder, outputs, loss=loss)
        self.regulariser = partial(ordinal_entropy_loss, diversity=diversity, tightness=tightness)

    def added(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the regulariser of features (b, d) and targets (b, k), a scalar."""
        return by_known_targets(self.regulariser, features, targets)
