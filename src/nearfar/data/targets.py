"""Targets scaled by what the training rows say about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator

from nearfar.data.spelling import composed
from nearfar.errors import UserError

Floats = npt.NDArray[np.float64]

ALL_TARGETS = "all targets"
"""The target of a number that is the mean over several targets."""

SCALED = "z"
"""The unit of numbers that are scaled by what the training rows say, in every file of results."""


def _not_scaled(unit: str) -> str:
    if unit == SCALED:
        raise ValueError(
            f"the unit '{SCALED}' is what results call targets scaled by the training rows: leave "
            "the unit out, or call it otherwise, such as 'z-score'"
        )
    return unit


Unit = Annotated[str, AfterValidator(_not_scaled)]
"""What a study may call the target's own unit."""

Name = Annotated[str, AfterValidator(composed)]
"""The name of a column or a class of the data, as readers have these (NFC)."""
Names = Name | list[Name]


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
            targets: float64 (n, k), NaN where a row lacks one: each target goes by its own rows.
            rows: int64, the training rows.
            names: of the targets, for the message.

        Raises:
            UserError: if a target has fewer than two rows, or is the same in all of them.
        """
        if len(rows) < 2:
            raise UserError(f"{len(rows)} training row: at least 2 are needed to scale the target")
        chosen = targets[rows]
        known = ~np.isnan(chosen)
        for k, count in enumerate(known.sum(axis=0)):
            if count < 2:
                raise UserError(
                    f"target {_called(k, names)} has {count} of the {len(rows)} training rows: at "
                    "least 2 are needed to scale it"
                )
        if known.all():
            mean, std = chosen.mean(axis=0), chosen.std(axis=0, ddof=1)
        else:
            mean, std = np.nanmean(chosen, axis=0), np.nanstd(chosen, axis=0, ddof=1)
        for k, low in enumerate(np.nanmin(chosen, axis=0)):
            high = np.nanmax(chosen[:, k])
            if low == high:
                raise UserError(
                    f"target {_called(k, names)} is {low:g} in all {known[:, k].sum()} training "
                    "rows: nothing to learn"
                )
            if not 0 < std[k] < np.inf:
                raise UserError(
                    f"target {_called(k, names)} runs from {low:g} to {high:g} in the training "
                    f"rows, too {'much' if std[k] else 'little'} to be scaled: give it in another "
                    "unit"
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


def _called(number: int, names: list[str] | None) -> str:
    return f"'{names[number]}'" if names else f"number {number + 1}"
