"""Pictures of more than 8 bits a channel: one rule for a whole data set turns values into bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Range = tuple[float, float]
"""The value that becomes 0 and the one that becomes 255."""

_CEILINGS = (255, 1023, 4095, 16383, 65535)
"""What whole numbers of 8, 10, 12, 14 and 16 bits reach."""


class DeepPictureError(Exception):
    """A picture of more than 8 bits, and no range is known."""


def is_deep(values: Values) -> bool:
    """Tell whether values need a range: all but bytes and booleans do."""
    return values.dtype not in (np.dtype(np.uint8), np.dtype(bool))


def has_gaps(values: Values) -> bool:
    """Tell whether some values are no finite numbers."""
    return values.dtype.kind == "f" and not bool(np.isfinite(values).all())


def as_bytes(values: Values, between: Range | None) -> npt.NDArray[np.uint8]:
    """Return values as bytes: ``between`` becomes 0 to 255, evenly; values beyond it are cut.

    Raises:
        DeepPictureError: if they need a range and there is none.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if between is None:
        raise DeepPictureError
    low, high = between
    shares = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.asarray(shares.round().clip(0, 255).astype(np.uint8))


@dataclass
class Extent:
    """The lowest and the highest value of many pictures."""

    low: float = np.inf
    high: float = -np.inf
    whole: bool = True

    def add(self, values: Values) -> None:
        """Take the values of another picture in; one with gaps does not count."""
        if values.size and not has_gaps(values):
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))
            self.whole &= values.dtype.kind in "iu"

    def range(self) -> Range:
        """Return what becomes 0 and 255.

        Whole numbers from 0 on: 0 and the first of 255, 1023, 4095, 16383 and 65535 that none
        exceeds (above these, the highest). Fractions within 0 and 1: 0 and 1. Others: the lowest
        and the highest.
        """
        if self.low > self.high:
            return 0.0, 1.0
        if self.whole and self.low >= 0:
            reached = next((c for c in _CEILINGS if self.high <= c), self.high)
            return 0.0, float(reached)
        if not self.whole and self.low >= 0 and self.high <= 1:
            return 0.0, 1.0
        return self.low, self.high if self.high > self.low else self.low + 1


def range_words(between: Range) -> str:
    """Return the rule in words."""
    low, high = between
    return f"values from {low:g} to {high:g} become 0 to 255, in every picture alike"
