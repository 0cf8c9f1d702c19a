"""Physico-chemical and topological descriptors, all that RDKit has."""

from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch

from nearfar.data import Inputs
from nearfar.data.inputs.descriptors import descriptors
from nearfar.encoders.base import FixedEncoder
from nearfar.encoders.rdkit_inputs import MoleculeInputs

LARGEST = 1e9


class Descriptors(FixedEncoder):
    """SMILES → RDKit's list of descriptors (about 217 columns), unscaled.

    Scales differ by many orders of magnitude, so a head should scale robustly. What RDKit cannot
    compute for a molecule is 0, and values beyond ±1e9 (Ipc grows exponentially) are cut there.

    Args:
        inputs: the molecules to be encoded (only their kind matters).
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})

    def __init__(self, inputs: Inputs) -> None:
        from rdkit.Chem.Descriptors import descList

        self.out_features = len(descList)

    def features(self, inputs: MoleculeInputs) -> np.ndarray:
        """Return the descriptors of every molecule, float32 (n, ``out_features``).

        Raises:
            UserError: RDKit cannot read a SMILES; says which.
        """
        rows: np.ndarray = _computed(tuple(inputs.smiles)).copy()
        return rows

    def feature_names(self) -> list[str]:
        """Return RDKit's names."""
        from rdkit.Chem.Descriptors import descList

        return [name for name, _ in descList]


@lru_cache(maxsize=4)
def _computed(smiles: tuple[str, ...]) -> np.ndarray:
    """Return the descriptors of molecules; kept, for they take some 10 ms a molecule."""
    rows = descriptors(smiles, torch.get_num_threads())
    finite = np.nan_to_num(rows, nan=0.0, posinf=LARGEST, neginf=-LARGEST)
    bounded: np.ndarray = np.clip(finite, -LARGEST, LARGEST).astype(np.float32)
    return bounded
