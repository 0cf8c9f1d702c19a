"""The training rows that a model knows, and whether new rows are like them.

A row is unlike where its mean distance to the nearest kept training rows is larger than that of
nearly all of these to the others: the k nearest neighbours of Ramaswamy, Rastogi and Shim
("Efficient algorithms for mining outliers from large data sets", SIGMOD 2000), with the threshold
of conformal anomaly detection (Laxhammar and Falkman, 2011), which tells one in a hundred of rows
that are as the training rows are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]

MOST = 2000
"""Training rows that are kept."""
NEAREST = 3
"""Neighbours that are named."""
NEIGHBOURS = 5
"""Neighbours whose mean distance counts."""
LEAST = 30
"""Training rows below which nothing is said."""
SHARE = 0.01
_AT_ONCE = 100_000
"""Numbers at a time: what the processor's own memory holds."""
_FLAT = 1e-6
_FINEST = 1e-5
"""Scaled, a feature that is made again differs by so much at most: some steps of float32."""


def _scaled(features: Features, centre: Features, scale: Features) -> Features:
    """Return features (n, d) as the kept ones are scaled, by one arithmetic for both."""
    with np.errstate(over="ignore"):
        return np.asarray((features.astype(np.float32, copy=False) - centre) / scale, np.float32)


@dataclass(frozen=True)
class KnownRows:
    """Kept training rows: their ``ids``, and their features float32 (r, d), each column scaled.

    ``centre`` and ``scale`` (d,) are of the columns; ``limit`` is the distance above which a row is
    unlike these.
    """

    ids: tuple[str, ...]
    values: Features
    centre: Features
    scale: Features
    limit: float

    @classmethod
    def of(cls, ids: Sequence[str], features: Features) -> Self | None:
        """Keep at most ``MOST`` of the rows, evenly spread; None of too few.

        Columns that do not vary have scale 1: in them any change counts.
        """
        if len(ids) < LEAST or features.shape[1] == 0 or not np.isfinite(features).all():
            return None
        places = np.unique(np.linspace(0, len(ids) - 1, min(MOST, len(ids))).round().astype(int))
        some = features[places].astype(np.float64)
        centre, deviation = some.mean(axis=0), some.std(axis=0)
        scale = np.where(deviation > _FLAT * (1 + np.abs(centre)), deviation, 1.0)
        names = tuple(ids[place] for place in places)
        centre, scale = centre.astype(np.float32), scale.astype(np.float32)
        values = _scaled(features[places], centre, scale)
        own, _ = cls(names, values, centre, scale, 0.0)._nearest(values, itself=True)
        order = np.sort(own)
        place = min(int(np.ceil((1 - SHARE) * (len(order) + 1))), len(order)) - 1
        return cls(names, values, centre, scale, float(order[place]))

    def compared(self, features: Features) -> tuple[NDArray[np.bool_], list[list[str]]]:
        """Return which rows (n, d) are unlike the kept ones, and the ids of the nearest."""
        values = _scaled(features, self.centre, self.scale)
        distance, nearest = self._nearest(np.nan_to_num(values, posinf=1e18, neginf=-1e18))
        names = [[self.ids[k] for k in row[:NEAREST]] for row in nearest]
        return distance > self.limit * (1 + 1e-6) + self._rounding, names

    @property
    def _rounding(self) -> float:
        """The distance that is none: what rounding moves a row whose features are made again.

        Where most rows have copies, the limit is 0 and this alone stands.
        """
        far = np.abs(self.centre.astype(np.float64)) / self.scale
        return float(np.linalg.norm(_FINEST + np.finfo(np.float32).eps * far))

    def _nearest(
        self, values: Features, *, itself: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the mean distance (n,) to the nearest, and which these are (n, k), nearest first.

        With ``itself`` the rows are the kept ones, each without itself.
        """
        count = min(NEIGHBOURS, len(self.values) - 1)
        known = self.values.astype(np.float64)
        squares = (known**2).sum(axis=1)
        means, places = np.empty(len(values)), np.empty((len(values), count), np.int64)
        step = max(1, _AT_ONCE // len(known))
        for start in range(0, len(values), step):
            part = values[start : start + step].astype(np.float64)
            apart = (part**2).sum(axis=1)[:, None] + squares - 2 * part @ known.T
            if itself:
                rows = np.arange(len(part))
                apart[rows, start + rows] = np.inf
            near = np.argpartition(apart, count - 1, axis=1)[:, :count]
            found = np.take_along_axis(apart, near, axis=1)
            order = np.argsort(found, axis=1, kind="stable")
            near = np.take_along_axis(near, order, axis=1)
            distance = np.sqrt(np.maximum(np.take_along_axis(found, order, axis=1), 0))
            means[start : start + step] = distance.mean(axis=1)
            places[start : start + step] = near
        return means, places

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is kept but the ids."""
        return {"values": self.values, "centre": self.centre, "scale": self.scale}

    @classmethod
    def from_arrays(
        cls, ids: Sequence[str], limit: float, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """Return what was kept."""
        return cls(tuple(ids), arrays["values"], arrays["centre"], arrays["scale"], limit)
