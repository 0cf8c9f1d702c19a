"""Targets that are z-scores already, judged as a stage judges them."""

from torch import Tensor

from nearfar.stages.targets import Numbers


def in_z_units(targets: Tensor) -> Numbers:
    """What a stage knows of targets (n, k), without a data set."""
    outputs = Numbers.__new__(Numbers)
    outputs.targets = outputs.solved_targets = targets.numpy()
    outputs.count = targets.shape[1]
    return outputs
