"""How many training rows have a target like a row's: rare targets, and weights that count them up.

Both go by bins of the training targets, one target at a time. A bin is one whole number, such as a
year of age, where all targets are whole and at least 20 rows come to a bin on average. Otherwise
the range of the training targets is cut into equal parts (of whole width where targets are whole),
as many as leave 20 rows to each on average, but 10 at least and 100 at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Weighting = Literal["inverse", "sqrt_inverse"]

_ROWS_A_BIN, _FEWEST, _MOST, _MOST_WHOLE = 20, 10, 100, 1000
_MANY, _FEW, _LEAST = 100, 20, 5
_DENSE = 120
"""Rows to a bin in the paper's age data: 12,208 faces from 0 to 101 years."""
_WIDTH = 2.0
"""Deviation of the smoothing kernel in bins, as in the paper."""
_POWERS = {"inverse": 1.0, "sqrt_inverse": 0.5}


@dataclass(frozen=True)
class TargetBins:
    """Bins of equal ``width`` from ``low`` to ``high``, and the number of training rows in each."""

    low: float
    high: float
    width: float
    counts: Ints

    @classmethod
    def of(cls, targets: Floats) -> Self:
        """Bin the training targets (n,)."""
        low, high, rows = float(targets.min()), float(targets.max()), len(targets)
        room = max(rows / _ROWS_A_BIN, _FEWEST)
        if (targets == np.round(targets)).all():
            span = high - low + 1
            width = 1.0 if span <= min(room, _MOST_WHOLE) else np.ceil(span / min(room, _MOST))
            number = int(np.ceil(span / width))
            low, high = low - 0.5, low - 0.5 + width * number
        else:
            number = int(min(room, _MOST))
            width = max((high - low) / number, np.finfo(np.float64).tiny)
        blank = cls(low, high, float(width), np.zeros(number, dtype=np.int64))
        return replace(blank, counts=np.bincount(blank.places(targets), minlength=number))

    @property
    def scale(self) -> float:
        """What bounds on rows in a bin are multiplied by: 1, or less where bins have few rows."""
        return min(1.0, float(self.counts.mean()) / _DENSE)

    def places(self, targets: Floats) -> Ints:
        """Return the number of each target's bin (m,); -1 outside the range of training."""
        inside = (targets >= self.low) & (targets <= self.high)
        places = np.floor((np.where(inside, targets, self.low) - self.low) / self.width)
        return np.where(inside, np.minimum(places, len(self.counts) - 1), -1).astype(np.int64)


def shots(targets_train: Floats, targets_rows: Floats) -> npt.NDArray[np.str_]:
    """Return of rows whether training had ``many``, ``medium`` or ``few`` rows with such a target.

    After Yang et al., "Delving into Deep Imbalanced Regression", 2021 (arXiv:2102.09554), section
    4: many is more than 100 training rows in the target's bin, few is less than 20 (a bin of which
    there are none included). That is for about 120 rows to a bin and more, as in the paper; with
    fewer rows to a bin both bounds shrink in proportion. Of several targets the rarest counts
    of those that a row has.

    Args:
        targets_train: float (n,) or (n, k), of the training rows, in the target's own unit.
        targets_rows: float (m,) or (m, k), of the rows asked about.

    Returns:
        (m,): ``"many"``, ``"medium"`` or ``"few"``.

    Raises:
        ValueError: no training rows, or unlike numbers of targets.
    """
    train, rows = _columns(targets_train), _columns(targets_rows)
    if not len(train) or train.shape[1] != rows.shape[1]:
        raise ValueError(f"cannot compare targets of shapes {train.shape} and {rows.shape}")
    rarest = np.full(len(rows), 2)
    for known, asked in zip(train.T, rows.T, strict=True):
        bins = TargetBins.of(known[~np.isnan(known)])
        places = bins.places(asked)
        counts = np.where(places < 0, 0, bins.counts[places])
        level = (counts >= _FEW * bins.scale).astype(int) + (counts > _MANY * bins.scale)
        rarest = np.where(np.isnan(asked), rarest, np.minimum(rarest, level))
    found: npt.NDArray[np.str_] = np.array(["few", "medium", "many"])[rarest]
    return found


def rarity_weights(targets: Floats, weighting: Weighting) -> Floats:
    """Return weights of training rows by label distribution smoothing; their mean is 1.

    Yang et al. (2021), section 3.1: the number of rows in each bin is smoothed by a Gaussian kernel
    with a deviation of two bins, and a row's weight is the inverse of what its bin then has, or the
    inverse's square root. A bin never has less than 5 rows (fewer where fewer come to a bin, as in
    :func:`shots`), so that single rows do not rule the loss. Other than in the paper, the kernel is
    scaled to the bins that there are, so that the ends of the range do not look rare. Of several
    targets a row's weight is the mean over those that it has.

    Args:
        targets: float (n, k), of the training rows, in the target's own unit; NaN for gaps.
        weighting: ``inverse`` or ``sqrt_inverse``.

    Returns:
        float (n,), above 0.
    """
    total = np.zeros(len(targets))
    for column in targets.T:
        has = ~np.isnan(column)
        known = column[has]
        bins = TargetBins.of(known)
        number = np.arange(len(bins.counts))
        kernel = np.exp(-0.5 * np.square((number[:, None] - number) / _WIDTH))
        smoothed = np.maximum(kernel @ bins.counts / kernel.sum(1), _LEAST * bins.scale)
        weights = smoothed[bins.places(known)] ** -_POWERS[weighting]
        total[has] += weights / weights.mean()
    mean: Floats = total / (~np.isnan(targets)).sum(axis=1)
    return mean


def class_weights(classes: Ints, weighting: Weighting) -> Floats:
    """Return weights of training rows by how rare their class is; their mean is 1.

    A row's weight is the inverse of the rows of its class (scikit-learn's ``balanced``), or the
    inverse's square root.

    Args:
        classes: int64 (n,), class numbers.
        weighting: ``inverse`` or ``sqrt_inverse``.

    Returns:
        float (n,), above 0.
    """
    if not len(classes):
        return np.ones(0)
    weights: Floats = np.bincount(classes)[classes].astype(np.float64) ** -_POWERS[weighting]
    scaled: Floats = weights / weights.mean()
    return scaled


def _columns(targets: Floats) -> Floats:
    array = np.asarray(targets, dtype=np.float64)
    return array[:, None] if array.ndim == 1 else array
