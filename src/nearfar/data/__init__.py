"""Data: sources, rows in memory as contiguous arrays, splits, target scaling.

Importing this package is cheap; torch, rdkit and pyarrow load with the first name that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearfar.data.catalogue import SOURCES
    from nearfar.data.class_maps import mapped
    from nearfar.data.conditions import Conditions, conditioned, is_unseen
    from nearfar.data.dataset import Batch, Dataset, InputRows, Inputs, Split
    from nearfar.data.inputs.columns import Columns
    from nearfar.data.inputs.images import Images
    from nearfar.data.inputs.molecules import MoleculeBatch, Molecules
    from nearfar.data.inputs.vectors import Vectors
    from nearfar.data.load import load_dataset, load_inputs
    from nearfar.data.options import DataOptions, SplitOptions
    from nearfar.data.prepare.preparation import Preparation
    from nearfar.data.rare_targets import rarity_weights, shots
    from nearfar.data.split.splits import (
        check_targets,
        kept_together,
        split_rows,
        straddling_groups,
    )
    from nearfar.data.targets import TargetScaler

__all__ = [
    "SOURCES",
    "Batch",
    "Columns",
    "Conditions",
    "DataOptions",
    "Dataset",
    "Images",
    "InputRows",
    "Inputs",
    "MoleculeBatch",
    "Molecules",
    "Preparation",
    "Split",
    "SplitOptions",
    "TargetScaler",
    "Vectors",
    "check_targets",
    "conditioned",
    "is_unseen",
    "kept_together",
    "load_dataset",
    "load_inputs",
    "mapped",
    "rarity_weights",
    "shots",
    "split_rows",
    "straddling_groups",
]

_HOMES = {
    "catalogue": ("SOURCES",),
    "class_maps": ("mapped",),
    "conditions": ("Conditions", "conditioned", "is_unseen"),
    "dataset": ("Batch", "Dataset", "InputRows", "Inputs", "Split"),
    "inputs.columns": ("Columns",),
    "inputs.images": ("Images",),
    "inputs.molecules": ("MoleculeBatch", "Molecules"),
    "inputs.vectors": ("Vectors",),
    "load": ("load_dataset", "load_inputs"),
    "options": ("DataOptions", "SplitOptions"),
    "prepare.preparation": ("Preparation",),
    "rare_targets": ("rarity_weights", "shots"),
    "split.splits": ("check_targets", "kept_together", "split_rows", "straddling_groups"),
    "targets": ("TargetScaler",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"nearfar.data.{_HOME[name]}"), name)
    raise AttributeError(f"module 'nearfar.data' has no attribute '{name}'")
