"""Metrics that say nothing of some rows, whatever is predicted for them."""

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.metrics import METRICS
from nearfar.stages.reconstructions import Reconstructions
from nearfar.stages.targets import Outputs


def is_undefined(outputs: Outputs, metric: str, rows: NDArray[np.int64]) -> bool:
    """Return whether a metric has no value for these rows, which hangs on their truth.

    So is the AUROC of rows of one class, R² of equal numbers, and F1 where no row is of the second
    class. It is tried on made predictions; metrics of plug-ins are not.

    Args:
        outputs: what is predicted.
        metric: its name.
        rows: int64 (r,), r ≥ 1.
    """
    if isinstance(outputs, Reconstructions) or metric not in METRICS.built_in:
        return False
    made = torch.from_numpy(np.random.default_rng(0).normal(size=(len(rows), outputs.count)))
    return bool(np.isnan(outputs.value(metric, rows, outputs.scores(made))))
