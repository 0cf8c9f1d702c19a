"""What a fit says of the representation that its head stood on: records beside its errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics.representation import MEASURES, evaluate_representation, measured_rows
from nearfar.study.outputs import Numbers, Outputs
from nearfar.study.reconstructions import Reconstructions


def measures(
    outputs: Outputs,
    tested: NDArray[np.int64],
    features: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    *,
    fixed: bool,
) -> list[dict[str, Any]]:
    """Return the measures of test rows as entries of an outcome's metrics.

    Only test rows are asked, and only they are neighbours: noise in training labels, or a smaller
    part of them, reaches the measures through the features alone. Of several targets, the distance
    is Euclidean over all of them in z units, and the entry's target is ``ALL_TARGETS``.

    Args:
        outputs: what the fit puts out; there are no measures of reconstructions.
        tested: the test rows (n,); at most 2,000 of them, evenly spread, are measured.
        features: gives the features (r, d) of some rows (r,).
        fixed: that nothing trained these features: their columns, of whatever units, are
            standardised, as a head would have them. Trained ones are taken as they are.
    """
    if isinstance(outputs, Reconstructions):
        return []
    rows, numbers = measured_rows(tested), isinstance(outputs, Numbers)
    labels = outputs.targets[rows] if numbers else outputs.targets[rows, 0].astype(np.int64)
    names = outputs.dataset.target_names
    found = evaluate_representation(features(rows), labels, standardise=fixed)
    return [
        {
            "split": "test",
            "target": names[0] if len(names) == 1 else ALL_TARGETS,
            "metric": name,
            "unit": "z" if numbers and MEASURES[name].in_label_unit else "",
            "value": value,
        }
        for name, value in found.items()
    ]
