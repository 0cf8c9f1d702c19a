"""Targets scaled by what the training rows say about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from nearfar.errors import UserError

Floats = npt.NDArray[np.float64]

ALL_TARGETS = "all targets"
"""The target of a number that is the mean over several targets."""


@dataclass(frozen=True)
class TargetScaler:
    """z-scores with the training rows' mean and sample deviation (n − 1), target by target."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(
        cls, targets: Floats, rows: npt.NDArray[np.int64], names: list[str] | None = None
    ) -> Self:
        """Take mean and deviation from ``targets[rows]`` alone.

        Args:
            targets: float64 (n, k).
            rows: int64, the training rows.
            names: of the targets, for the message.

        Raises:
            UserError: if there are fewer than two rows, or a target is the same in all of them.
        """
        if len(rows) < 2:
            raise UserError(f"{len(rows)} training row: at least 2 are needed to scale the target")
        chosen = targets[rows]
        mean, std = chosen.mean(axis=0), chosen.std(axis=0, ddof=1)
        for k, low in enumerate(chosen.min(axis=0)):
            if low == chosen[:, k].max() or not 0 < std[k] < np.inf:
                name = f"'{names[k]}'" if names else f"number {k + 1}"
                raise UserError(
                    f"target {name} is {low:g} in all {len(rows)} training rows: nothing to learn"
                )
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def transform(self, targets: Floats) -> Floats:
        """Return z-scores of targets (n, k) in their own unit."""
        scores: Floats = (targets - np.array(self.mean)) / np.array(self.std)
        return scores

    def inverse(self, scores: Floats) -> Floats:
        """Return targets (n, k) in their own unit from z-scores."""
        targets: Floats = scores * np.array(self.std) + np.array(self.mean)
        return targets

    def to_plain(self) -> dict[str, list[float]]:
        """Return plain floats, for YAML and JSON."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_plain(cls, plain: dict[str, list[float]]) -> Self:
        """Return the scaler that ``to_plain`` described."""
        return cls(tuple(map(float, plain["mean"])), tuple(map(float, plain["std"])))
