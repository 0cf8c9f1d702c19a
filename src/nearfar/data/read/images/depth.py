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


_FRACTIONS, _BYTES = (0.0, 1.0), (0.0, 255.0)
_NEAR_ONE = 1.25
"""How far fractions go beyond 1 where resizing sharpened edges, and as far below 0."""
_WIDE, _NARROW = 25, 4
"""Ranges wider than this are none of fractions, and narrower ones are of nothing else."""


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


def extent_of(values: Values) -> Extent:
    """Return the extent of one picture's values."""
    extent = Extent()
    extent.add(values)
    return extent


def far_beyond(extent: Extent, between: Range) -> bool:
    """Tell whether a range is one of fractions, and values lie so far beyond that they are none."""
    return between[1] - between[0] <= _NARROW and extent.high - extent.low > _WIDE


def scale_like(trained: Range | None, extent: Extent, *, counted: bool) -> Range | None:
    """Return which values of new images become 0 and 255, None if they are on no known scale.

    A model that learnt from bytes, from fractions within 0 and 1 or from numbers within 0 and 255
    takes any of these, a little more or less than that cut. For others the range is that of the
    study, unless either these values or those are fractions, and the others are not.

    Args:
        trained: the values that became 0 and 255 in the study, None where all images were bytes.
        extent: of the new images.
        counted: whether they are of a type of whole numbers.
    """
    low, high = extent.low, extent.high
    if trained is not None and trained not in (_FRACTIONS, _BYTES):
        slight = not extent.whole and max(abs(low), abs(high)) <= _NEAR_ONE
        dark = slight and trained[1] - trained[0] > _WIDE
        return None if dark or far_beyond(extent, trained) else trained
    ones = counted if trained is None else extent.whole and trained == _BYTES
    if low >= 1 - _NEAR_ONE and high <= _NEAR_ONE and not ones:
        return _FRACTIONS
    if low >= (1 - _NEAR_ONE) * max(high, 0) and high <= _NEAR_ONE * _BYTES[1]:
        return _BYTES
    return None


def range_words(between: Range) -> str:
    """Return the rule in words."""
    low, high = between
    return f"values from {low:g} to {high:g} become 0 to 255, in every picture alike"
