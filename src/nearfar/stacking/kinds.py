"""Of what several models can be trained as one: kinds of encoders, heads, readouts, losses.

``plan/groups.py`` asks by the names and options of a study, before there is a module;
``predictors.py`` asks of modules. Both are answered from these tables.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from nearfar.encoders.emnist_cnn import EmnistCNN
from nearfar.encoders.mlp import MLP
from nearfar.heads import NETWORKS
from nearfar.heads.readouts import OwnUnits, ZUnits
from nearfar.stacking.losses import STACKED_LOSSES
from nearfar.stacking.optimizer import STACKED_OPTIMIZERS
from nearfar.train.recipe import Optimizer

STACKED_ENCODERS: dict[str, type[nn.Module]] = {"emnist_cnn": EmnistCNN, "mlp": MLP}
"""Those so small that starting their operations costs more than these do; without dropout."""

STACKED_HEADS: dict[str, type[nn.Module]] = {name: NETWORKS[name] for name in ("linear", "mlp")}
"""Affine maps with ReLU between them; without dropout."""

STACKED_READOUTS: dict[str, type[nn.Module]] = {"z": ZUnits, "own": OwnUnits}


def can_stack_encoder(name: str, options: Mapping[str, Any]) -> bool:
    """Whether several runs of such an encoder can be trained as one; all options are given."""
    return name in STACKED_ENCODERS and not options.get("dropout")


def can_stack_head(name: str, options: Mapping[str, Any], *, readout: str, loss: str) -> bool:
    """Whether several such heads, with their readout and loss, can be trained as one."""
    plain = name in STACKED_HEADS and not options.get("dropout")
    return plain and readout in STACKED_READOUTS and loss in STACKED_LOSSES


def can_stack_optimizer(options: Optimizer) -> bool:
    """Whether several runs can take such steps at once."""
    return isinstance(options, STACKED_OPTIMIZERS)


def is_stacked_kind(module: nn.Module, kinds: Mapping[str, type[nn.Module]]) -> bool:
    """Whether a module is of one of these kinds, and drops nothing out."""
    drops = (part.p for part in module.modules() if isinstance(part, nn.Dropout))
    return type(module) in kinds.values() and not any(drops)
