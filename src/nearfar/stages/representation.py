"""What a fit says of the representation that its head stood on: records beside its errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import MEASURES
from nearfar.metrics.representation import evaluate_representation, measured_rows
from nearfar.stages.reconstructions import Reconstructions
from nearfar.stages.targets import Labels, Numbers, Outputs

_LEAST = 3
"""Rows that have all targets, below which nothing is measured."""


def measures(
    outputs: Outputs,
    tested: NDArray[np.int64],
    features: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    *,
    standardise: bool,
) -> list[dict[str, Any]]:
    """Return the measures of test rows as entries of an outcome's metrics.

    Only test rows are asked, and only they are neighbours: noise in training labels, or a smaller
    part of them, reaches the measures through the features alone. Of several targets, the distance
    is Euclidean over all of them, in the z units that errors are reported in (of labels, over their
    0 and 1), the entry's target is ``ALL_TARGETS``, and rows that lack some are not measured.

    Args:
        outputs: what the fit puts out; there are no measures of reconstructions.
        tested: the test rows (n,); at most 2,000 of them, evenly spread, are measured.
        features: gives the features (r, d) of some rows (r,).
        standardise: the columns, since they are measured in units of their own; what is trained, or
            has one unit, is taken as it is.
    """
    if isinstance(outputs, Reconstructions):
        return []
    names = outputs.dataset.target_names
    if len(names) > 1:
        tested = tested[~np.isnan(outputs.dataset.targets[tested]).any(axis=1)]
        if len(tested) < _LEAST:
            return []
    rows = measured_rows(tested)
    labels: NDArray[np.float64] | NDArray[np.int64]
    if isinstance(outputs, Labels):
        labels, unit = outputs.targets[rows], ""
    elif isinstance(outputs, Numbers):
        labels, unit = outputs.reported.transform(outputs.dataset.targets[rows]), "z"
    else:
        labels, unit = outputs.numbers[rows], ""
    found = evaluate_representation(features(rows), labels, standardise=standardise)
    return [
        {
            "split": "test",
            "target": names[0] if len(names) == 1 else ALL_TARGETS,
            "metric": name,
            "unit": unit if MEASURES[name].unit == "target" else "",
            "value": value,
        }
        for name, value in found.items()
    ]
