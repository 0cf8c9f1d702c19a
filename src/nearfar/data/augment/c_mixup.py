"""C-Mixup: rows mixed with rows whose targets are near (Yao et al., NeurIPS 2022)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, validate_call
from torch import Tensor

from nearfar.data.inputs.joined import JoinedBatch

Positive = Annotated[float, Field(gt=0, lt=float("inf"))]


@dataclass(frozen=True)
class Mixture:
    """Which row of the batch each row is mixed with (b,), and how much stays of itself (b,)."""

    partner: Tensor
    share: Tensor

    def blend(self, values: Any) -> Any:
        """Return ``share`` · row + (1 - ``share``) · partner of values (b, …); columns too."""
        if isinstance(values, JoinedBatch):
            batch, columns = self.blend(values.batch), self.blend(values.columns)
            return replace(values, batch=batch, columns=columns)
        share = self.share.to(values.dtype).reshape(-1, *(1,) * (values.dim() - 1))
        return share * values + (1 - share) * values[self.partner]


class CMixup:
    """Mix each row of a batch with one whose target is near, inputs and targets alike.

    The partner is drawn from the rows of the batch with probabilities that fall as exp(-d²/(2
    ``bandwidth``²)) with the distance d of the targets in z units (algorithm 1, with the batch in
    the place of all training rows, as the paper does for large data); a row may draw itself. The
    share that stays is drawn for every row from Beta(``alpha``, ``alpha``). Of several targets d²
    is the sum; where some are not known, over those that both rows have, scaled up to all, and a
    partner has every target that the row has.

    Args:
        alpha: the larger, the more even the mixture.
        bandwidth: in z units; the larger, the farther are partners.
        at: mix ``inputs`` (images, columns) or what the encoder makes of them, ``features``
            (Manifold Mixup, as the paper does for some tables); None: inputs where these are
            numbers and the encoder sees them anew, else features.
    """

    @validate_call
    def __init__(
        self,
        *,
        alpha: Positive = 2.0,
        bandwidth: Positive = 1.0,
        at: Literal["inputs", "features"] | None = None,
    ) -> None:
        self.alpha, self.bandwidth, self.at = alpha, bandwidth, at

    def draw(self, targets: Tensor) -> Mixture:
        """Draw partners and shares for rows with these targets (b, k), in z units."""
        partner = torch.multinomial(self.probabilities(targets), 1)[:, 0]
        concentration = torch.full((len(targets), 2), self.alpha, device=targets.device)
        share = torch.distributions.Dirichlet(concentration).sample()[:, 0]
        return Mixture(partner, share)

    def probabilities(self, targets: Tensor) -> Tensor:
        """Return the probability of each row (columns) to be the partner of each (rows), (b, b)."""
        known = ~targets.isnan()
        values, has = targets.double().nan_to_num(0.0), known.double()
        squares = torch.zeros(len(values), len(values), dtype=values.dtype, device=values.device)
        for column, there in zip(values.T, has.T, strict=True):
            both = there[:, None] * there
            squares += both * (column[:, None] - column).square()
        shared = has @ has.T
        squares = squares * values.shape[1] / shared.clamp_min(1)
        logits = -squares / (2 * self.bandwidth**2)
        lacking = shared < has.sum(1, keepdim=True)
        return logits.masked_fill(lacking, -torch.inf).softmax(1)
