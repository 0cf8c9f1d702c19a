"""Metrics that say nothing of some rows, whatever is predicted for them."""

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.metrics import METRICS
from nearfar.stages.reconstructions import Reconstructions
from nearfar.stages.targets import Labels, Numbers, Outputs


def is_undefined(outputs: Outputs, metric: str, rows: NDArray[np.int64]) -> bool:
    """Return whether a metric may have no value for these rows, which hangs on their truth.

    So is the AUROC of rows of one class, R² of equal numbers, and F1 where no row is of the second
    class, which has no value as soon as none is predicted to be. It is tried on made predictions;
    metrics of plug-ins are not.

    Args:
        outputs: what is predicted.
        metric: its name.
        rows: int64 (r,), r ≥ 1.
    """
    if isinstance(outputs, Reconstructions) or metric not in METRICS.built_in:
        return False
    made = torch.from_numpy(np.random.default_rng(0).normal(size=(len(rows), outputs.count)))
    tried = [made]
    if not isinstance(outputs, Numbers):
        never = torch.full_like(made, -1.0)
        never[:, 0] = -1.0 if isinstance(outputs, Labels) else 1.0
        tried.append(never)
    return any(np.isnan(outputs.value(metric, rows, outputs.scores(some))) for some in tried)
