"""Targets as heads of other libraries see them: in their own unit, classes by their values."""

import numpy as np
from numpy.typing import NDArray

from nearfar.data.class_values import CLASS_TEXTS, class_values
from nearfar.heads.estimators.own import Own
from nearfar.stages.targets import Classes, Numbers, Outputs


def own_targets(outputs: Outputs) -> tuple[Own | None, NDArray[np.float64]]:
    """Return what a head is told of the targets, None of labels, and its targets (n, k).

    Numbers are in their own unit; of classes, targets are indicators (n, classes) as ever.
    """
    if isinstance(outputs, Numbers):
        scaler = outputs.scaler
        return Own(np.array(scaler.mean), np.array(scaler.std)), outputs.dataset.targets
    if isinstance(outputs, Classes):
        texts = bool(outputs.dataset.source.get(CLASS_TEXTS))
        values = class_values(outputs.dataset.classes, texts=texts)
        return Own(classes=values), outputs.solved_targets
    return None, np.asarray(outputs.solved_targets)
